"""Work on files that strangers sent, in child processes with limits; knows nothing of FindMe.

A parent has a `Lane` of children, each of which runs the tasks of one module, one file at a time.
Before anything is decoded, a child walks the structure of the file and names the memory that the
task will take.
"""
