"""Reads the boxes of a HEIC that say which items it has (ISO/IEC 14496-12, 23008-12)."""

import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from findme.media.cleaning.plan import Span
from findme.pixels.header import Bytes, Reason, Refused

_MOST_BOXES: Final = 20_000
MOST_ITEMS: Final = 10_000
#: Parts of all items together.
_MOST_EXTENTS: Final = 20_000


class Item(NamedTuple):
    """An entry of the list of items."""

    kind: bytes
    hidden: bool
    #: Of an item of kind `mime`.
    content_type: bytes


class Heif:
    """The items of a file, their properties and how they hang together."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.brands: list[bytes] = []
        self.primary = 0
        self.items: dict[int, Item] = {}
        #: The spans of the file in which the bytes of an item stand.
        self.extents: dict[int, list[Span]] = {}
        #: By kind: the item that refers, and those that it refers to.
        self.references: dict[bytes, list[tuple[int, list[int]]]] = defaultdict(list)
        #: Kind and content of the properties, and of each item their numbers from 1.
        self.properties: list[tuple[bytes, Span]] = []
        self.associations: dict[int, list[tuple[int, bool]]] = defaultdict(list)

    def read(self) -> None:
        """Read all boxes; Refused if one cannot be understood."""
        try:
            self._read()
        except (struct.error, IndexError) as error:
            raise Refused(Reason.UNREADABLE, "a box that is too short") from error

    def _read(self) -> None:
        parts: dict[bytes, Span] = {}
        for kind, content in boxes(self.data, Span(0, len(self.data))):
            if kind == b"ftyp":
                brands = self.data[content.start : min(content.stop, content.start + 512)]
                self.brands = [brands[at : at + 4] for at in range(0, len(brands), 4) if at != 4]
            elif kind == b"meta" and not parts:
                parts = dict(boxes(self.data, Span(content.start + 4, content.stop)))
        if not {b"pitm", b"iinf", b"iloc", b"iprp"} <= parts.keys():
            raise Refused(Reason.UNREADABLE, "no list of items")
        self.primary, _ = self._number(parts[b"pitm"].start, parts[b"pitm"].start + 4, 1)
        self._read_items(parts[b"iinf"])
        self._read_places(parts[b"iloc"], parts.get(b"idat"))
        if b"iref" in parts:
            self._read_references(parts[b"iref"])
        for kind, content in boxes(self.data, parts[b"iprp"]):
            if kind == b"ipco":
                self.properties = list(boxes(self.data, content))
            elif kind == b"ipma":
                self._read_associations(content)

    def _number(self, box: int, at: int, from_version: int) -> tuple[int, int]:
        """Return a number of two bytes, or of four from a version of its box on, and its end."""
        size = 4 if self.data[box] >= from_version else 2
        (value,) = struct.unpack_from(">L" if size == 4 else ">H", self.data, at)
        return value, at + size

    def _read_items(self, box: Span) -> None:
        _, start = self._number(box.start, box.start + 4, 1)
        for kind, content in boxes(self.data, Span(start, box.stop)):
            version = self.data[content.start]
            if kind != b"infe" or version not in (2, 3):
                raise Refused(Reason.UNREADABLE, "an entry of the list of items")
            number, at = self._number(content.start, content.start + 4, 3)
            protection, item_kind = struct.unpack_from(">H4s", self.data, at)
            if protection:
                raise Refused(Reason.UNREADABLE, "an item under protection")
            # behind its kind: its name, and of `mime` the type of its content
            texts = self.data[at + 6 : min(content.stop, at + 512)].split(b"\0")
            hidden = bool(self.data[content.start + 3] & 1)
            self.items[number] = Item(item_kind, hidden, texts[1] if len(texts) > 1 else b"")
            if len(self.items) > MOST_ITEMS:
                raise Refused(Reason.TOO_COMPLEX, "items")

    def _read_places(self, box: Span, inner: Span | None) -> None:
        version, sizes = self.data[box.start], self.data[box.start + 4 : box.start + 6]
        offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
        index_size = sizes[1] & 15 if version else 0
        if not {offset_size, length_size, base_size, index_size} <= {0, 4, 8}:
            raise Refused(Reason.UNREADABLE, "sizes of offsets")
        count, at = self._number(box.start, box.start + 6, 2)
        left = _MOST_EXTENTS
        for _ in range(min(count, MOST_ITEMS)):
            number, at = self._number(box.start, at, 2)
            way = 0
            if version:
                way, at = self.data[at + 1] & 15, at + 2
            source, at = self._integer(at, 2)
            base, at = self._integer(at, base_size)
            extents, at = self._integer(at, 2)
            left -= extents
            if left < 0:
                raise Refused(Reason.TOO_COMPLEX, "parts of items")
            # in this file, or in a box of this one
            inside = {0: Span(0, len(self.data)), 1: inner}.get(way)
            spans = []
            for _ in range(extents):
                offset, at = self._integer(at + index_size, offset_size)
                length, at = self._integer(at, length_size)
                if source == 0 and inside is not None:
                    start = inside.start + base + offset
                    spans.append(Span(start, start + length))
                    if not length or start + length > inside.stop:
                        raise Refused(Reason.UNREADABLE, "an item beyond the file")
            self.extents[number] = spans

    def _integer(self, at: int, size: int) -> tuple[int, int]:
        if at + size > len(self.data):
            raise IndexError
        return int.from_bytes(self.data[at : at + size], "big"), at + size

    def _read_references(self, box: Span) -> None:
        for kind, content in boxes(self.data, Span(box.start + 4, box.stop)):
            source, at = self._number(box.start, content.start, 1)
            count, at = self._integer(at, 2)
            targets = []
            for _ in range(min(count, MOST_ITEMS)):
                target, at = self._number(box.start, at, 1)
                targets.append(target)
            self.references[kind].append((source, targets))

    def _read_associations(self, box: Span) -> None:
        wide = self.data[box.start + 3] & 1
        (count,) = struct.unpack_from(">L", self.data, box.start + 4)
        at = box.start + 8
        for _ in range(min(count, MOST_ITEMS)):
            number, at = self._number(box.start, at, 1)
            associated, at = self._integer(at, 1)
            for _ in range(associated):
                value, at = self._integer(at, 2 if wide else 1)
                top = 0x8000 if wide else 0x80
                self.associations[number].append((value & ~top, bool(value & top)))


def boxes(data: Bytes, inside: Span) -> Iterator[tuple[bytes, Span]]:
    """Yield each box by its kind and its content; what is no box ends them."""
    at = inside.start
    for _ in range(_MOST_BOXES):
        if at + 8 > inside.stop:
            return
        length, kind = struct.unpack_from(">L4s", data, at)
        start = at + 8
        if length == 1 and at + 16 <= inside.stop:
            (length,) = struct.unpack_from(">Q", data, at + 8)
            start += 8
        stop = inside.stop if length == 0 else at + length
        if stop < start or stop > inside.stop:
            return
        yield kind, Span(start, stop)
        at = stop
    raise Refused(Reason.TOO_COMPLEX, "boxes")
