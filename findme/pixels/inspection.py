"""Finds the format of a file and walks through its structure."""

import os
from mmap import ACCESS_READ, mmap
from typing import Final

from findme.pixels import heif_structure, jpeg_structure, png_structure, webp_structure
from findme.pixels.header import Bytes, Header, Reason, Refused

#: No file is a picture with less.
LEAST_BYTES: Final = 16


def inspect(file: int) -> Header:
    """Return what the structure of an open file says; Refused if it is no picture we decode."""
    if os.fstat(file).st_size < LEAST_BYTES:
        raise Refused(Reason.UNSUPPORTED)
    with mmap(file, 0, access=ACCESS_READ) as data:
        return inspect_bytes(data)


def inspect_bytes(data: Bytes) -> Header:
    """Return what the structure of a file says, as `inspect` does."""
    head = data[:LEAST_BYTES]
    if head[:3] == b"\xff\xd8\xff":
        return jpeg_structure.walk(data)
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return png_structure.walk(data)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return webp_structure.walk(data)
    if head[4:8] == b"ftyp":
        return heif_structure.walk(data)
    raise Refused(Reason.UNSUPPORTED)
