"""Bytes and pixels: spool files, stored pictures, renditions, metadata, ZIP archives.

Who may see a picture is decided elsewhere.
"""
