"""A clean HEIC: the picture that is shown, with what it is decoded from, and the essentials.

The picture may be put together of tiles and have a mask of transparency; both stay. Thumbnails,
maps of depth and of brightness, mattes of people, further pictures, films and whatever stands
outside of boxes are left out, and of the coded pictures the messages beside the pixels (ISO/IEC
23008-12, H.265 section 7).
"""

import struct
from typing import Final

from findme.media.cleaning import colour_profile, stray_text
from findme.media.cleaning.essentials import MOST_READ, Essentials
from findme.media.cleaning.heif_boxes import MOST_ITEMS, Heif, Item
from findme.media.cleaning.heif_layout import NewItem, lay_out
from findme.media.cleaning.plan import Draft, Piece, Span
from findme.pixels.header import Bytes, Reason, Refused

_ALPHA: Final = (
    b"urn:mpeg:hevc:2015:auxid:1",
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
)
#: Properties that hold numbers alone, by the lengths that they may have.
_NUMBERS: Final = {
    b"ispe": (12,),
    b"irot": (1,),
    b"imir": (1,),
    b"clap": (32,),
    b"pasp": (8,),
    b"clli": (4,),
    b"mdcv": (24,),
}
_CODED, _GRID, _OVERLAY, _IDENTITY = b"hvc1", b"grid", b"iovl", b"iden"
#: Units of H.265: pixels, and the three sets of parameters.
_PIXELS: Final = range(32)
_PARAMETERS: Final = range(32, 35)


def essentials(data: Bytes) -> Essentials:
    """Return what a HEIC says that is kept; nothing if it cannot be understood."""
    heif = Heif(data)
    try:
        heif.read()
        return _Cleaner(heif).essentials()
    except (Refused, struct.error, IndexError):
        return Essentials()


def clean(data: Bytes) -> Draft:
    """Return the plan for a HEIC; Refused if it cannot be told what is pixels and what is not."""
    heif = Heif(data)
    heif.read()
    try:
        return _Cleaner(heif).clean()
    except (struct.error, IndexError) as error:
        raise Refused(Reason.UNREADABLE, "an item that is too short") from error


class _Cleaner:
    def __init__(self, heif: Heif) -> None:
        self.heif = heif
        self.properties: list[tuple[bytes, bytes]] = []
        self._numbers: dict[int, int] = {}

    def clean(self) -> Draft:
        """Return the plan."""
        heif = self.heif
        shown = self._shown()
        if max(shown) > 0xFFFF:
            raise Refused(Reason.UNREADABLE, "numbers of items")
        items = [self._item(number) for number in sorted(shown, key=self._place)]
        references = [
            (kind, source, targets)
            for kind in (b"dimg", b"auxl", b"prem")
            for source, targets in heif.references[kind]
            if source in shown and all(target in shown for target in targets)
        ]
        return lay_out(
            heif.brands,
            heif.primary,
            items,
            self.properties,
            references,
            self.essentials().as_exif(),
        )

    def _shown(self) -> set[int]:
        """Return the primary item with all that it is made of."""
        made_of = dict(reversed(self.heif.references[b"dimg"]))
        masks = [
            (source, targets)
            for source, targets in self.heif.references[b"auxl"]
            if self._is_mask(source)
        ]
        shown: set[int] = set()
        waiting = [self.heif.primary]
        while waiting:
            number = waiting.pop()
            if number in shown:
                continue
            if number not in self.heif.items or len(shown) > MOST_ITEMS:
                raise Refused(Reason.UNREADABLE, "an item that is not there")
            shown.add(number)
            waiting += made_of.get(number, [])
            waiting += [source for source, targets in masks if number in targets]
        return shown

    def _is_mask(self, number: int) -> bool:
        return any(
            kind == b"auxC" and _name_of(self._bytes(content)) in _ALPHA
            for kind, content in self._properties_of(number)
        )

    def _properties_of(self, number: int) -> list[tuple[bytes, Span]]:
        return [
            self.heif.properties[index - 1]
            for index, _ in self.heif.associations[number]
            if 1 <= index <= len(self.heif.properties)
        ]

    def _place(self, number: int) -> int:
        """Return where in the file an item begins."""
        return min((span.start for span in self.heif.extents.get(number, [])), default=0)

    def _bytes(self, span: Span) -> bytes:
        return self.heif.data[span.start : span.stop]

    def _item(self, number: int) -> NewItem:
        item = self.heif.items[number]
        associations = []
        for index, essential in self.heif.associations[number]:
            # zero: none
            renumbered = self._property(index) if index else 0
            if renumbered:
                associations.append((renumbered, essential))
            elif essential and index:
                raise Refused(Reason.UNREADABLE, "a property that readers must know")
        return NewItem(number, item, self._content(number, item), associations)

    def _property(self, index: int) -> int:
        """Return the new number of a property; 0 if it is left out."""
        if index not in self._numbers:
            if index > len(self.heif.properties):
                raise Refused(Reason.UNREADABLE, "a property that is not there")
            kind, content = self.heif.properties[index - 1]
            cleaned = _clean_property(kind, self._bytes(content))
            if cleaned:
                self.properties.append((kind, cleaned))
            self._numbers[index] = len(self.properties) if cleaned else 0
        return self._numbers[index]

    def _content(self, number: int, item: Item) -> list[Piece]:
        extents = _Extents(self.heif.data, self.heif.extents.get(number, []))
        if item.kind == _CODED:
            return list(self._units(number, extents))
        if item.kind == _IDENTITY:
            return []
        if item.kind not in (_GRID, _OVERLAY) or not 8 <= extents.size <= MOST_READ:
            raise Refused(Reason.UNREADABLE, "an item of another kind")
        content = extents.read(0, extents.size)
        size = 4 if content[1] & 1 else 2
        if item.kind == _GRID:
            fits = len(content) == 4 + 2 * size
        else:
            layers = [
                len(targets)
                for source, targets in self.heif.references[b"dimg"]
                if source == number
            ]
            fits = len(content) == 10 + 2 * size + 2 * size * sum(layers[:1])
        if not fits:
            raise Refused(Reason.UNREADABLE, "the layout of tiles")
        return [content]

    def _units(self, number: int, extents: "_Extents") -> list[Span]:
        """Return the spans of a coded picture without the messages beside its pixels."""
        settings = [
            self._bytes(content)
            for kind, content in self._properties_of(number)
            if kind == b"hvcC" and content.stop - content.start > 22
        ]
        if not settings:
            raise Refused(Reason.UNREADABLE, "a picture without its decoder's settings")
        size = (settings[0][21] & 3) + 1
        kept: list[Span] = []
        at = 0
        while at < extents.size:
            length = int.from_bytes(extents.read(at, size), "big")
            end = at + size + length
            if not length or end > extents.size:
                raise Refused(Reason.UNREADABLE, "a unit of a coded picture")
            kind = extents.read(at + size, 1)[0] >> 1 & 63
            if kind in _PIXELS or kind in _PARAMETERS:
                spans = extents.cut(at, end)
                stray_text.refuse(self.heif.data, *spans[-1])
                kept += spans
            at = end
            if len(kept) > MOST_ITEMS:
                raise Refused(Reason.TOO_COMPLEX, "units of a coded picture")
        return kept

    def essentials(self) -> Essentials:
        """Return what EXIF and XMP of the primary item say, or else those of others."""
        essentials = Essentials()
        heif = self.heif
        of_primary = {
            source for source, targets in heif.references[b"cdsc"] if heif.primary in targets
        }
        for number in sorted(heif.items, key=lambda number: (number not in of_primary, number)):
            kind, _, content_type = heif.items[number]
            extents = _Extents(heif.data, heif.extents.get(number, []))
            if kind == b"Exif" and extents.size > 4:
                block = extents.read(0, min(extents.size, MOST_READ))
                # where the block begins behind these four bytes
                start = 4 + int.from_bytes(block[:4], "big")
                essentials.read_exif(block[start:])
            elif kind == b"mime" and content_type == b"application/rdf+xml":
                essentials.read_xmp(extents.read(0, min(extents.size, MOST_READ)))
        return essentials


class _Extents:
    """The bytes of an item, which may stand in several places, as if they were in one."""

    def __init__(self, data: Bytes, spans: list[Span]) -> None:
        self._data = data
        self._spans = spans
        self.size = sum(span.stop - span.start for span in spans)

    def cut(self, start: int, stop: int) -> list[Span]:
        """Return where in the file the bytes *start* to *stop* stand."""
        result = []
        begin = 0
        for span in self._spans:
            end = begin + span.stop - span.start
            first, last = max(start, begin), min(stop, end)
            if first < last:
                result.append(Span(span.start + first - begin, span.start + last - begin))
            begin = end
        return result

    def read(self, start: int, length: int) -> bytes:
        """Return bytes from *start* on; IndexError if there are fewer."""
        spans = self.cut(start, start + length)
        content = b"".join(self._data[span.start : span.stop] for span in spans)
        if len(content) != length:
            raise IndexError
        return content


def _clean_property(kind: bytes, content: bytes) -> bytes:
    """Return a property with nothing but what decoders need; b"" if they need none of it."""
    if kind in _NUMBERS:
        fits = len(content) in _NUMBERS[kind]
    elif kind == b"pixi":
        fits = len(content) >= 5 and len(content) == 5 + content[4]
    elif kind == b"hvcC":
        return _clean_settings(content)
    elif kind == b"auxC":
        name = _name_of(content)
        return bytes(4) + name + b"\0" if name in _ALPHA else b""
    elif kind == b"colr" and content[:4] in (b"prof", b"rICC"):
        profile = colour_profile.clean(content[4:])
        return content[:4] + profile if profile else b""
    elif kind == b"colr":
        fits = content[:4] == b"nclx" and len(content) == 11
    else:
        return b""
    if not fits:
        raise Refused(Reason.UNREADABLE, f"a property {kind!r}")
    return content


def _name_of(content: bytes) -> bytes:
    return content[4:].partition(b"\0")[0]


def _clean_settings(content: bytes) -> bytes:
    """Return the settings of the H.265 decoder with the sets of parameters, without messages."""
    arrays = []
    at = 23
    for _ in range(content[22]):
        head, count = struct.unpack_from(">BH", content, at)
        at += 3
        start = at
        for _ in range(count):
            (length,) = struct.unpack_from(">H", content, at)
            at += 2 + length
        if at > len(content):
            raise IndexError
        if head & 63 in _PARAMETERS:
            arrays.append(struct.pack(">BH", head, count) + content[start:at])
    return content[:22] + bytes((len(arrays),)) + b"".join(arrays)
