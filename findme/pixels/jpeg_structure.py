"""The structure of a JPEG: its size, its scans, and what makes it slow to read.

The limits are far above what cameras, phones and editors write. Without them, a file of 350 KB with
1,500 refinement scans takes 20 s of a processor, one of 16 KB with arithmetic coding 72 s, and
40 MB of fill bytes 12 s.
"""

import re
import struct
from typing import Final

from findme.pixels.header import Bytes, Header, Kind, Reason, Refused

MOST_SCANS: Final = 100
#: An encoder writes some ten scans. With more than these, scans times pixels are limited: a scan
#: takes up to 0.7 ns a pixel, so this is one second.
USUAL_SCANS: Final = 12
MOST_SCANNED_PIXELS: Final = 1_200_000_000
MOST_SEGMENTS: Final = 2000
#: Fill bytes, or rubbish, between two segments: Pillow reads them one by one.
MOST_FILL: Final = 65_536

# anything but stuffed zeros, restart markers and fill bytes
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_NO_FILL = re.compile(rb"[^\xff]")
_END, _SCAN, _COMMENT = 0xD9, 0xDA, 0xFE
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length
_FRAMES = frozenset((*range(0xC0, 0xD0),)) - {0xC4, 0xC8, 0xCC}
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_APPLICATION = range(0xE0, 0xF0)


def walk(data: Bytes) -> Header:
    """Return what the structure says; a file that ends within its pixels is no error here."""
    header = Header(Kind.JPEG)
    at: int | None = 2
    while at is not None:
        at = _next_marker(data, at)
        if at is None or data[at + 1] == _END:
            break
        at = _segment(data, at, header)
        if header.segments > MOST_SEGMENTS or header.scans > MOST_SCANS:
            raise Refused(Reason.TOO_COMPLEX, "segments or scans")
    if not header.width or not header.scans:
        raise Refused(Reason.CUT_OFF if at is None else Reason.UNREADABLE)
    if header.scans > USUAL_SCANS and header.scans * header.pixels > MOST_SCANNED_PIXELS:
        raise Refused(Reason.TOO_COMPLEX, f"{header.scans} scans")
    return header


def _next_marker(data: Bytes, at: int) -> int | None:
    """Return where the next marker with four bytes is, from *at* on; None if there is none."""
    if at + 4 <= len(data) and data[at] != 0xFF:
        found = _MARKER.search(data, at)
        if found is None:
            return None
        _check_fill(found.start() - at)
        at = found.start()
    if at + 4 <= len(data) and data[at + 1] == 0xFF:
        found = _NO_FILL.search(data, at)
        if found is None:
            return None
        _check_fill(found.start() - at)
        at = found.start() - 1
    # the end marker is the last two bytes of most files
    if at + 2 <= len(data) and data[at + 1] == _END:
        return at
    return at if at + 4 <= len(data) else None


def _check_fill(length: int) -> None:
    if length > MOST_FILL:
        raise Refused(Reason.TOO_COMPLEX, "fill bytes")


def _segment(data: Bytes, at: int, header: Header) -> int | None:
    """Take note of the segment at *at*; return where the next one is, None if the file ends."""
    marker = data[at + 1]
    header.segments += 1
    if marker in _ALONE:
        return at + 2
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    if length < 2:
        raise Refused(Reason.UNREADABLE, "length of a segment")
    if marker in _FRAMES:
        _frame(data, at, length, header)
    elif marker == _SCAN:
        header.scans += 1
        found = _MARKER.search(data, at + 2 + length)
        return None if found is None else found.start()
    elif marker in _APPLICATION or marker == _COMMENT:
        header.metadata += length
    return at + 2 + length


def _frame(data: Bytes, at: int, length: int, header: Header) -> None:
    marker = data[at + 1]
    if header.width or length < 8 or at + 10 > len(data):
        raise Refused(Reason.UNREADABLE, "frame")
    # no camera and no browser codes arithmetically, and libjpeg knows no lossless frames
    if marker not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
        raise Refused(Reason.UNREADABLE, f"frame of kind {marker - _BASELINE}")
    header.depth, header.height, header.width, header.channels = struct.unpack_from(
        ">BHHB", data, at + 4
    )
    if not header.width or not header.height:
        raise Refused(Reason.UNREADABLE, "size")
    header.progressive = marker == _PROGRESSIVE
    factors = data[at + 11 : at + 10 + 3 * min(header.channels, 4) : 3]
    if factors:
        largest = max(factor >> 4 for factor in factors) * max(factor & 15 for factor in factors)
        header.samples = sum((f >> 4) * (f & 15) for f in factors) / max(1, largest)
