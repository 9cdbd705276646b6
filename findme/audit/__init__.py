"""`findme audit`: compares the database, the face engine, the picture store and the disk.

It changes nothing. What it looks for in the rows is in `rows`, in the engine in `vectors`, among
the files in `files`; `command` opens what they need.
"""
