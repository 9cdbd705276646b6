"""Faces, matches and persons as the database knows them: the SQL of recognition.

Calls to the engine are made by `jobs`; which photos a guest is shown is decided in `gallery`.
"""
