"""Backup and restore of a whole installation: the archive format, writing it, reading it.

Nothing here runs inside the service; the `findme` command calls it.
"""
