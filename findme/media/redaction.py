"""Removes positions from originals on their way to guests; the stored file stays as uploaded.

Nothing is encoded again: while the file is sent, a position is overwritten by as many neutral
bytes. So the length, every offset and every pixel stay the same, and ranges keep working.

These are blanked: the GPS directory of every EXIF block, anywhere in a JPEG, WebP or HEIC file (the
further pictures of a multi-picture file too); GPS and latitude/longitude properties in XMP written
in UTF-8; the place of a video that a phone appended (QuickTime's ``©xyz``); and in PNG files all of
these, with compressed XMP and EXIF in text chunks emptied altogether. These are not: makers' own
notes, IPTC place names, and XMP in UTF-16 or UTF-32.
"""

import base64
import json
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

# TIFF 6.0 and Exif 2.32: bytes in a value of each type, and the tags that lead to directories.
_TYPE_SIZES: Final = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
}  # fmt: skip
_GPS: Final = 0x8825
_DIRECTORIES: Final = (0x014A, 0x8769, 0xA005)  # sub-directories, Exif, interoperability
_HIGHEST_GPS_TAG: Final = 0x001F

# No camera comes near these limits: they bound the work that a crafted file can cause.
_MAX_HEADERS: Final = 100
_MAX_DIRECTORIES: Final = 16  # in one EXIF block
_MAX_ENTRIES: Final = 512
_MAX_VALUE_BYTES: Final = 65_536
_MAX_PLACES_IN_TEXT: Final = 10_000
#: Characters of a file's redactions as JSON: they are read whenever the file is sent.
MOST_REDACTIONS: Final = 512 * 1024
_MAX_PNG_CHUNKS: Final = 100_000  # a 50 MB file in the usual chunks of 8 KB has 6,000

# One pattern each: a scan for a literal is ten times as fast as one for alternatives.
_TIFF_HEADERS = (re.compile(rb"II\*\0"), re.compile(rb"MM\0\*"))

# A value ends before NUL and 0xFF, which UTF-8 text never has: so never beyond a JPEG segment.
_PLACE = rb":(?:gps\w*|lat(?:itude)?|lon(?:g(?:t?itude)?)?)"  # DJI writes "Longtitude"
_PLACES_IN_TEXT = (
    re.compile(_PLACE + rb"""\s*=\s*(?:"([^"<\0\xff]+)|'([^'<\0\xff]+))""", re.IGNORECASE),
    re.compile(rb"<[\w.-]+" + _PLACE + rb"(?:\s[^<>\0\xff]*)?>([^<\0\xff]+)", re.IGNORECASE),
    re.compile(rb"\xa9xyz.{4}([+-][\d.+-]+)", re.DOTALL),  # ISO 6709: +48.8577+002.2950/
)

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_EMPTY = b"fmPd"  # ancillary, private, safe to copy: readers skip it
_PNG_PROFILES = (b"raw profile type exif", b"raw profile type app1", b"raw profile type xmp")
_PNG_XMP = b"xml:com.adobe.xmp"

Bytes = bytes | mmap
Span = tuple[int, int, bytes]  # first byte, the one after the last, what to fill it with


@dataclass(frozen=True, slots=True)
class Redaction:
    """*replacement* replaces as many bytes of the file from *offset* on."""

    offset: int
    replacement: bytes

    @property
    def end(self) -> int:
        """The first offset after it."""
        return self.offset + len(self.replacement)


def redactions(source: Path | int) -> list[Redaction]:
    """Find every position that a file (a path, or a descriptor) contains; sorted, no overlaps.

    Reads the whole file once. A file of another type, or a broken one, is no error.
    """
    with open(source, "rb", closefd=isinstance(source, Path)) as file:
        if os.fstat(file.fileno()).st_size == 0:
            return []  # cannot be mapped
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return _in_file(data)


def _in_file(data: Bytes) -> list[Redaction]:
    if data[:8] == _PNG_SIGNATURE:
        return list(_in_png(data))
    return _disjoint(chain(_in_exif(data), _in_text(data)))


def apply(chunk: bytes, chunk_offset: int, redactions: Sequence[Redaction]) -> bytes:
    """Return the *chunk* of the file that begins at *chunk_offset*, with the redactions applied."""
    chunk_end = chunk_offset + len(chunk)
    touching = [each for each in redactions if each.offset < chunk_end and chunk_offset < each.end]
    if not touching:
        return chunk
    patched = bytearray(chunk)
    for each in touching:
        start, end = max(each.offset, chunk_offset), min(each.end, chunk_end)
        part = each.replacement[start - each.offset : end - each.offset]
        patched[start - chunk_offset : end - chunk_offset] = part
    return bytes(patched)


def to_json(redactions: Sequence[Redaction]) -> str:
    """Write redactions as ``[[offset, base64], …]``."""
    return json.dumps(
        [[each.offset, base64.b64encode(each.replacement).decode()] for each in redactions]
    )


def from_json(text: str) -> list[Redaction]:
    """Read what `to_json` wrote."""
    return [Redaction(offset, base64.b64decode(encoded)) for offset, encoded in json.loads(text)]


def _disjoint(spans: Iterable[Span]) -> list[Redaction]:
    """Sort spans and cut off what another one covers already."""
    result: list[Redaction] = []
    covered = 0
    for span_start, end, fill in sorted(spans):
        start = max(span_start, covered)
        if start < end:
            result.append(Redaction(start, fill * (end - start)))
            covered = end
    return result


def _in_text(data: Bytes) -> Iterator[Span]:
    for pattern in _PLACES_IN_TEXT:
        for match in islice(pattern.finditer(data), _MAX_PLACES_IN_TEXT):
            start, end = match.span(match.lastindex or 0)
            yield start, end, b" "


def _in_exif(data: Bytes) -> Iterator[Span]:
    # Four bytes may look like a header by chance; what follows them never names a GPS directory.
    headers = chain.from_iterable(pattern.finditer(data) for pattern in _TIFF_HEADERS)
    for match in islice(headers, _MAX_HEADERS):
        yield from _Tiff(data, match.start()).gps_spans()


class _Tiff:
    """A TIFF structure in a file, such as an EXIF block; offsets count from *base*."""

    def __init__(self, data: Bytes, base: int) -> None:
        self.data = data
        self.base = base
        self.end = _end_of_exif(data, base)
        self.order = "<" if data[base : base + 1] == b"I" else ">"

    def gps_spans(self) -> Iterator[Span]:
        """Follow every directory once, and yield the spans of those that hold a position."""
        pending = self._longs(4, 1)
        seen: set[int] = set()
        places: set[int] = set()
        while pending and len(seen) < _MAX_DIRECTORIES:
            directory = pending.pop()
            if directory in seen:
                continue
            seen.add(directory)
            entries = self._entries(directory)
            if entries:
                pending += self._longs(directory + 2 + 12 * len(entries), 1)
            for tag, _, count, value in entries:
                if tag == _GPS:
                    places.add(value)
                elif tag in _DIRECTORIES:
                    pending += [value] if count == 1 else self._longs(value, count)
        for place in sorted(places)[:_MAX_DIRECTORIES]:
            yield from self._gps_directory(place)

    def _gps_directory(self, directory: int) -> Iterator[Span]:
        entries = self._entries(directory)
        # A wrong pointer must not blank a directory that holds, say, the orientation.
        if not any(tag <= _HIGHEST_GPS_TAG and kind in _TYPE_SIZES for tag, kind, _, _ in entries):
            return
        start = self.base + directory
        yield start, start + 2 + 12 * len(entries), b"\0"  # now a directory of no entries
        for _, kind, count, value in entries:
            size = _TYPE_SIZES.get(kind, 0) * count
            if 4 < size <= _MAX_VALUE_BYTES and value >= 8:  # smaller ones stand in the entry
                yield self.base + value, min(self.base + value + size, self.end), b"\0"

    def _entries(self, directory: int) -> list[tuple[int, int, int, int]]:
        """Return (tag, type, count, value or offset) of each entry, up to a truncated one."""
        start = self.base + directory
        if directory < 8 or start + 2 > self.end:
            return []
        (count,) = struct.unpack_from(self.order + "H", self.data, start)
        count = min(count, _MAX_ENTRIES, (self.end - start - 2) // 12)
        return list(
            struct.iter_unpack(self.order + "HHLL", self.data[start + 2 : start + 2 + 12 * count])
        )

    def _longs(self, offset: int, count: int) -> list[int]:
        start = self.base + offset
        count = min(count, _MAX_DIRECTORIES, (self.end - start) // 4)
        if offset < 4 or count < 1:
            return []
        return list(struct.unpack_from(f"{self.order}{count}L", self.data, start))


def _end_of_exif(data: Bytes, base: int) -> int:
    """Return the end of the JPEG segment or WebP chunk around an EXIF block, else of the file."""
    start = base - 6 if data[max(base - 6, 0) : base] == b"Exif\0\0" else base
    before = data[max(start - 8, 0) : start]
    end = len(data)
    if before[-4:-2] == b"\xff\xe1":
        end = start - 2 + int.from_bytes(before[-2:], "big")
    elif before[:4] == b"EXIF":
        end = start + int.from_bytes(before[4:], "little")
    return min(end, len(data))


def _in_png(data: Bytes) -> Iterator[Redaction]:
    at = len(_PNG_SIGNATURE)
    for _ in range(_MAX_PNG_CHUNKS):
        if at + 12 > len(data):
            return
        length, kind = struct.unpack_from(">L4s", data, at)
        body, end = at + 8, at + 8 + length
        if kind == b"IEND" or end + 4 > len(data):
            return
        if kind in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
            yield from _in_png_chunk(kind, data[body:end], body)
        at = end + 4


def _in_png_chunk(kind: bytes, content: bytes, body: int) -> Iterator[Redaction]:
    """Blank the positions in a chunk whose data is at *body*, and correct its checksum."""
    keyword = content.partition(b"\0")[0]
    flag = content[len(keyword) + 1 : len(keyword) + 2]
    compressed = kind == b"zTXt" or (kind == b"iTXt" and flag == b"\1")
    name = keyword.lower()
    if kind != b"eXIf" and (name in _PNG_PROFILES or (name == _PNG_XMP and compressed)):
        emptied = _PNG_EMPTY + bytes(len(content))
        yield Redaction(body - 4, emptied + struct.pack(">L", zlib.crc32(emptied)))
        return
    blanks = _disjoint(_in_exif(content) if kind == b"eXIf" else _in_text(content))
    if blanks:
        yield from (Redaction(body + each.offset, each.replacement) for each in blanks)
        checksum = zlib.crc32(kind + apply(content, 0, blanks))
        yield Redaction(body + len(content), struct.pack(">L", checksum))
