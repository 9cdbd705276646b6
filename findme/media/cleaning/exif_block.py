"""Reads the few tags of an EXIF block that are kept, and writes a block that has nothing else.

TIFF 6.0, section 2; Exif 2.32, section 4.6.
"""

import struct
from collections.abc import Mapping
from typing import Final

#: Bytes of a value that is kept at most.
_MOST_VALUE: Final = 4096
_MOST_ENTRIES: Final = 1000
_ASCII, _SHORT, _LONG, _UNDEFINED = 2, 3, 4, 7
#: Bytes of one value of each type.
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1, 9: 4, 129: 1}

ORIENTATION, DATE_TIME, ARTIST, COPYRIGHT = 0x0112, 0x0132, 0x013B, 0x8298
ORIGINAL, DIGITIZED = 0x9003, 0x9004
OFFSET, OFFSET_ORIGINAL, OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
SUBSEC, SUBSEC_ORIGINAL, SUBSEC_DIGITIZED = 0x9290, 0x9291, 0x9292
COLOUR_SPACE, INTEROPERABILITY_INDEX = 0xA001, 0x0001
_EXIF_DIRECTORY, _INTEROPERABILITY_DIRECTORY = 0x8769, 0xA005
_VERSION, _INTEROPERABILITY_VERSION = 0x9000, 0x0002

Tags = Mapping[int, bytes | int]


def read(block: bytes) -> dict[int, bytes | int]:
    """Return the texts and the numbers of an EXIF block by tag; of a broken one what there is."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return {}
    (first,) = struct.unpack_from(order + "L", block, 4)
    tags = _directory(block, order, first)
    found = dict(tags)
    for pointer in (_EXIF_DIRECTORY, _INTEROPERABILITY_DIRECTORY):
        offset = found.pop(pointer, None)
        if isinstance(offset, int):
            # a tag of the first directory is never one of another's
            found = {**_directory(block, order, offset), **found}
    return found


def _directory(block: bytes, order: str, offset: int) -> dict[int, bytes | int]:
    if not 8 <= offset <= len(block) - 2:
        return {}
    (count,) = struct.unpack_from(order + "H", block, offset)
    tags: dict[int, bytes | int] = {}
    for number in range(min(count, _MOST_ENTRIES, (len(block) - offset - 2) // 12)):
        at = offset + 2 + 12 * number
        tag, kind, values = struct.unpack_from(order + "HHL", block, at)
        size = _SIZES.get(kind, 0) * values
        if not 0 < size <= _MOST_VALUE:
            continue
        start = at + 8 if size <= 4 else struct.unpack_from(order + "L", block, at + 8)[0]
        value = block[start : start + size]
        if kind in (_SHORT, _LONG) and values == 1:
            tags.setdefault(tag, struct.unpack(order + ("H" if kind == _SHORT else "L"), value)[0])
        elif len(value) == size:
            tags.setdefault(tag, value)
    return tags


def write(tags: Tags) -> bytes:
    """Return an EXIF block, without a prefix, of these of the tags that are known above."""
    inner = {tag: value for tag, value in tags.items() if tag >= ORIGINAL}
    interoperability: dict[int, bytes | int] = {}
    if INTEROPERABILITY_INDEX in tags:
        interoperability = {
            INTEROPERABILITY_INDEX: tags[INTEROPERABILITY_INDEX],
            _INTEROPERABILITY_VERSION: b"0100",
        }
    outer = {tag: tags[tag] for tag in (ORIENTATION, ARTIST, COPYRIGHT) if tag in tags}
    if inner or interoperability:
        inner[_VERSION] = b"0232"
        outer[_EXIF_DIRECTORY] = 0
        if interoperability:
            inner[_INTEROPERABILITY_DIRECTORY] = 0
    second = 8 + len(_packed(outer, 8))
    if _EXIF_DIRECTORY in outer:
        outer[_EXIF_DIRECTORY] = second
    third = second + len(_packed(inner, second))
    if interoperability:
        inner[_INTEROPERABILITY_DIRECTORY] = third
    return (
        b"MM\0*\0\0\0\x08"
        + _packed(outer, 8)
        + (_packed(inner, second) if inner else b"")
        + (_packed(interoperability, third) if interoperability else b"")
    )


def _packed(tags: Tags, offset: int) -> bytes:
    """Return a directory that stands at *offset*, followed by its values."""
    entries, values = b"", b""
    after = offset + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        if isinstance(value, int):
            long = tag in (_EXIF_DIRECTORY, _INTEROPERABILITY_DIRECTORY)
            entries += struct.pack(">HHL", tag, _LONG if long else _SHORT, 1)
            entries += struct.pack(">L" if long else ">HH", *((value,) if long else (value, 0)))
            continue
        undefined = tag in (_VERSION, _INTEROPERABILITY_VERSION)
        content = value if undefined else value + b"\0"
        entries += struct.pack(">HHL", tag, _UNDEFINED if undefined else _ASCII, len(content))
        if len(content) <= 4:
            entries += content.ljust(4, b"\0")
        else:
            entries += struct.pack(">L", after + len(values))
            # values begin at even offsets
            values += content + b"\0" * (len(content) % 2)
    return struct.pack(">H", len(tags)) + entries + bytes(4) + values
