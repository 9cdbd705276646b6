"""Writes the boxes of a clean HEIC around the spans of its coded pictures."""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from findme.media.cleaning.heif_boxes import Item
from findme.media.cleaning.plan import Draft, Piece, length_of
from findme.pixels.header import Reason, Refused

#: Brands say what a reader must know for a picture; those of films go with the films.
_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"heif", b"mif1", b"mif2", b"miaf", b"MiHB",
                  b"MiHE", b"MiHA")  # fmt: skip
_EXIF: Final = Item(b"Exif", hidden=True, content_type=b"")
_EXIF_PREFIX: Final = b"\0\0\0\x06Exif\0\0"

Reference = tuple[bytes, int, Sequence[int]]


class NewItem(NamedTuple):
    """An item of the clean file: its number stays, its properties have new numbers from 1."""

    number: int
    item: Item
    content: Sequence[Piece]
    associations: Sequence[tuple[int, bool]]


def lay_out(
    brands: Sequence[bytes],
    primary: int,
    items: Sequence[NewItem],
    properties: Sequence[tuple[bytes, bytes]],
    references: Sequence[Reference],
    exif: bytes,
) -> Draft:
    """Return the plan of a file of these items, and of one more with *exif* if there is any."""
    items, references = list(items), list(references)
    if exif:
        number = max(item.number for item in items) + 1
        if number > 0xFFFF:
            raise Refused(Reason.UNREADABLE, "numbers of items")
        items.append(NewItem(number, _EXIF, [_EXIF_PREFIX + exif], ()))
        references.append((b"cdsc", number, [primary]))
    kept = [brand for brand in brands[1:] if brand in _BRANDS]
    first = brands[0] if brands and brands[0] in _BRANDS else b"heic"
    file_type = _box(b"ftyp", first + bytes(4) + b"".join(kept or [b"mif1", b"heic"]))
    lengths = [length_of(item.content) for item in items]

    def meta(begin: int) -> bytes:
        return _meta(primary, items, lengths, begin, properties, references)

    # offsets have four bytes whatever they are, so a first writing tells the length
    begin = len(file_type) + len(meta(0)) + 8
    if begin + sum(lengths) > 0xFFFFFFFF:
        raise Refused(Reason.UNREADABLE, "size")
    draft = Draft()
    draft.write(file_type + meta(begin) + struct.pack(">L4s", 8 + sum(lengths), b"mdat"))
    for item in items:
        draft.add(item.content)
    return draft


def _meta(
    primary: int,
    items: Sequence[NewItem],
    lengths: Sequence[int],
    begin: int,
    properties: Sequence[tuple[bytes, bytes]],
    references: Sequence[Reference],
) -> bytes:
    entries, places, associations = [], [], []
    offset = begin
    for item, length in zip(items, lengths, strict=True):
        head = struct.pack(">HH", item.number, 0) + item.item.kind + b"\0"
        entries.append(_full_box(b"infe", head, version=2, flags=int(item.item.hidden)))
        # a place of its own if it has bytes
        places.append(struct.pack(">HHH", item.number, 0, 1 if length else 0))
        if length:
            places.append(struct.pack(">LL", offset, length))
        offset += length
        if item.associations:
            packed = [
                struct.pack(">H", number | (0x8000 if essential else 0))
                for number, essential in item.associations
            ]
            head = struct.pack(">HB", item.number, len(packed))
            associations.append(head + b"".join(packed))
    content = _box(b"ipco", b"".join(_box(kind, content) for kind, content in properties))
    listed = struct.pack(">L", len(associations)) + b"".join(associations)
    boxes = [
        _full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        _full_box(b"pitm", struct.pack(">H", primary)),
        _full_box(b"iinf", struct.pack(">H", len(items)) + b"".join(entries)),
        _full_box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)) + b"".join(places)),
    ]
    if references:
        packed = [
            _box(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))
            for kind, source, targets in references
        ]
        boxes.append(_full_box(b"iref", b"".join(packed)))
    boxes.append(_box(b"iprp", content + _full_box(b"ipma", listed, flags=1)))
    return _full_box(b"meta", b"".join(boxes))


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L4s", 8 + len(content), kind) + content


def _full_box(kind: bytes, content: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">L", version << 24 | flags) + content)
