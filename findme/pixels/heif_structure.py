"""The structure of a HEIC: the size of its largest picture, a grid of tiles included."""

import struct
from collections.abc import Iterator
from typing import Final

from findme.pixels.header import Bytes, Header, Kind, Reason, Refused

MOST_BOXES: Final = 20_000
#: Brands are read up to here.
_BRANDS_END: Final = 256
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif", b"mif1", b"msf1"))
_AVIF = frozenset((b"avif", b"avis"))


def walk(data: Bytes) -> Header:
    """Return what the structure says; Refused if the file is no HEIC or names no size."""
    header = Header(Kind.HEIC)
    end = min(int.from_bytes(data[:4], "big"), _BRANDS_END, len(data))
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
    if not brands & _HEIC or brands & _AVIF:
        raise Refused(Reason.UNSUPPORTED)
    for kind, start, stop in _properties(data):
        if kind == b"ispe" and stop - start >= 12:
            width, height = struct.unpack_from(">LL", data, start + 4)
            if width * height > header.pixels:
                header.width, header.height = width, height
        elif kind == b"auxC":
            header.alpha = True
    if not header.width or not header.height:
        raise Refused(Reason.UNREADABLE)
    return header


def _properties(data: Bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the properties of all pictures: meta/iprp/ipco/*."""
    level = [(b"", 0, len(data))]
    # a meta box begins with four bytes of version and flags
    for wanted, skipped in ((b"", 0), (b"meta", 4), (b"iprp", 0), (b"ipco", 0)):
        level = [
            box
            for kind, start, stop in level
            if kind == wanted
            for box in _boxes(data, start + skipped, stop)
        ]
        if len(level) > MOST_BOXES:
            raise Refused(Reason.TOO_COMPLEX, "boxes")
    yield from level


def _boxes(data: Bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box as (kind, first byte of its content, the one after its last)."""
    number = 0
    while at + 8 <= end:
        number += 1
        if number > MOST_BOXES:
            raise Refused(Reason.TOO_COMPLEX, "boxes")
        length, kind = struct.unpack_from(">L4s", data, at)
        start = at + 8
        if length == 1 and at + 16 <= end:
            (length,) = struct.unpack_from(">Q", data, at + 8)
            start += 8
        stop = end if length == 0 else at + length
        if stop < start or stop > end:
            return
        yield kind, start, stop
        at = stop
