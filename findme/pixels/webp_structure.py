"""The structure of a WebP: its size, from which its decoder's canvases follow."""

from typing import Final

from findme.pixels.header import Bytes, Header, Kind, Reason, Refused

MOST_CHUNKS: Final = 100_000


def walk(data: Bytes) -> Header:
    """Return what the structure says; Refused if the file ends early."""
    header = Header(Kind.WEBP)
    end = int.from_bytes(data[4:8], "little") + 8
    if end > len(data):
        raise Refused(Reason.CUT_OFF)
    at = 12
    while at + 8 <= end:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 18]
        header.segments += 1
        if header.segments > MOST_CHUNKS:
            raise Refused(Reason.TOO_COMPLEX, "chunks")
        if kind == b"VP8X" and len(body) == 10:
            _take(header, *(1 + int.from_bytes(body[i : i + 3], "little") for i in (4, 7)))
            header.alpha = bool(body[0] & 0x10)
        elif kind == b"VP8L":
            bits = int.from_bytes(body[1:5], "little")
            _take(header, 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        elif kind == b"VP8 " and len(body) == 10:
            _take(header, *(int.from_bytes(body[i : i + 2], "little") & 0x3FFF for i in (6, 8)))
        elif kind in (b"EXIF", b"XMP ", b"ICCP"):
            header.metadata += length
        at += 8 + length + length % 2
    if not header.width or not header.height:
        raise Refused(Reason.UNREADABLE)
    return header


def _take(header: Header, width: int, height: int) -> None:
    """Keep the larger one of two sizes, if the parts of a file contradict each other."""
    if width * height > header.pixels:
        header.width, header.height = width, height
