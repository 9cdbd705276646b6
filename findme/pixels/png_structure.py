"""The structure of a PNG: its size and the kind of its pixels."""

import struct
from typing import Final

from findme.pixels.header import Bytes, Header, Kind, Reason, Refused

#: A file of 50 MB in the usual chunks of 8 KB has 6,000.
MOST_CHUNKS: Final = 100_000

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_PALETTE = 3
_METADATA = (b"zTXt", b"iTXt", b"tEXt", b"iCCP", b"eXIf")


def walk(data: Bytes) -> Header:
    """Return what the structure says; a file that ends within its pixels is no error here."""
    header = Header(Kind.PNG, channels=0)
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">L4s", data, at)
        header.segments += 1
        if header.segments > MOST_CHUNKS:
            raise Refused(Reason.TOO_COMPLEX, "chunks")
        if kind == b"IHDR" and at + 21 <= len(data):
            header.width, header.height, header.depth, colours = struct.unpack_from(
                ">LLBB", data, at + 8
            )
            header.channels = _CHANNELS.get(colours, 0)
            header.palette = colours == _PALETTE
            header.alpha = header.alpha or header.channels in (2, 4)
        elif kind == b"tRNS":
            header.alpha = True
        elif kind in _METADATA:
            header.metadata += length
        elif kind == b"IEND":
            break
        at += 12 + length
    if not header.width or not header.height or not header.channels:
        raise Refused(Reason.UNREADABLE)
    return header
