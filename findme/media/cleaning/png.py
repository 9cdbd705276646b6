"""A clean PNG: the chunks that its pixels and colours are made of, and the essentials.

Texts, times, thumbnails, further frames, private chunks and whatever follows the end or the
compressed pixels are left out (PNG 3, sections 5 and 11).
"""

import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from findme.media.cleaning import colour_profile
from findme.media.cleaning.essentials import MOST_READ, Essentials
from findme.media.cleaning.plan import Draft, Piece, Span
from findme.pixels.header import Bytes, Reason, Refused

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
#: Chunks of colour that are kept, with the lengths that they may have.
_KEPT: Final[Mapping[bytes, range]] = {
    b"gAMA": range(4, 5),
    b"sRGB": range(1, 2),
    b"cHRM": range(32, 33),
    b"cICP": range(4, 5),
    b"mDCV": range(24, 25),
    b"cLLI": range(8, 9),
    b"sBIT": range(1, 5),
    b"bKGD": range(1, 7),
    b"pHYs": range(9, 10),
    b"tRNS": range(1, 257),
}
_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt")
#: Bytes that are unpacked at a time.
_PART: Final = 1024**2


class _Png:
    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.essentials = Essentials()
        self.before: list[Piece] = []
        #: The contents of the chunks of pixels.
        self.pixels: list[Span] = []
        self._pixels_end = 0
        self._seen: set[bytes] = set()

    def walk(self) -> None:
        """Note what is kept, up to the end chunk; Refused if something is not as it should be."""
        at = len(_SIGNATURE)
        while at + 12 <= len(self.data):
            length, kind = struct.unpack_from(">L4s", self.data, at)
            stop = at + 12 + length
            if stop > len(self.data):
                break
            if kind == b"IEND":
                break
            self._chunk(kind, at, stop)
            at = stop
        if not self.pixels:
            raise Refused(Reason.UNREADABLE, "no pixels")

    def _chunk(self, kind: bytes, at: int, stop: int) -> None:
        content = Span(at + 8, stop - 4)
        length = content.stop - content.start
        if kind == b"IDAT":
            # decoders read no further than the first row of them
            if self.pixels and at != self._pixels_end:
                raise Refused(Reason.UNREADABLE, "pixels apart")
            self.pixels.append(content)
            self._pixels_end = stop
        elif kind in (b"IHDR", b"PLTE"):
            fits = length == 13 if kind == b"IHDR" else length <= 768 and length % 3 == 0
            if self.pixels or kind in self._seen or not fits:
                raise Refused(Reason.UNREADABLE, kind.decode())
            self.before.append(Span(at, stop))
        elif kind == b"eXIf":
            self.essentials.read_exif(self.data[content.start : content.stop])
        elif kind in _TEXTS:
            self._text(kind, content)
        elif kind == b"tRNS" and self.pixels:
            raise Refused(Reason.UNREADABLE, "transparency behind the pixels")
        elif not self.pixels and kind in _KEPT and length in _KEPT[kind]:
            if kind not in self._seen:
                self.before.append(Span(at, stop))
        elif kind == b"iCCP" and not self.pixels and kind not in self._seen:
            self._profile(content)
        elif not kind[0] & 0x20:
            raise Refused(Reason.UNREADABLE, "an unknown chunk that decoders must know")
        self._seen.add(kind)

    def _profile(self, content: Span) -> None:
        packed = self.data[content.start : content.stop].partition(b"\0")[2]
        if packed[:1] != b"\0":
            return
        profile, whole = _unpacked(packed[1:], colour_profile.MOST_PROFILE)
        if whole and (cleaned := colour_profile.clean(profile)):
            self.before.append(chunk(b"iCCP", b"icc\0\0" + zlib.compress(cleaned)))

    def _text(self, kind: bytes, content: Span) -> None:
        keyword, _, rest = self.data[
            content.start : min(content.stop, content.start + MOST_READ)
        ].partition(b"\0")
        packed = kind == b"zTXt"
        if kind == b"iTXt":
            packed = rest[:1] == b"\1"
            # behind the flag and the method: the language, and the keyword in it
            rest = rest[2:].split(b"\0", 2)[-1]
        elif packed:
            rest = rest[1:]
        if packed:
            rest, _ = _unpacked(rest, MOST_READ)
        if keyword == b"XML:com.adobe.xmp":
            self.essentials.read_xmp(rest)
        elif keyword in (b"Author", b"Copyright"):
            text = rest.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")
            (self.essentials.credit if keyword == b"Author" else self.essentials.claim)(text)


def essentials(data: Bytes) -> Essentials:
    """Return what a PNG says that is kept, up to where it cannot be understood."""
    png = _Png(data)
    with suppress(Refused):
        png.walk()
    return png.essentials


def clean(data: Bytes) -> Draft:
    """Return the plan for a PNG; Refused if it cannot be told what is pixels and what is not."""
    png = _Png(data)
    png.walk()
    draft = Draft()
    draft.write(_SIGNATURE)
    draft.add(png.before)
    if exif := png.essentials.as_exif():
        draft.write(chunk(b"eXIf", exif))
    _add_pixels(draft, data, png.pixels)
    draft.write(chunk(b"IEND", b""))
    return draft


def _add_pixels(draft: Draft, data: Bytes, parts: list[Span]) -> None:
    """Keep the chunks of pixels up to the end of what is compressed in them."""
    stream = zlib.decompressobj()
    for part in parts:
        end = _end_of(stream, data, part)
        if end == part.stop:
            draft.keep(part.start - 8, part.stop + 4)
        else:
            draft.write(chunk(b"IDAT", data[part.start : end]))
        if stream.eof:
            return


def _end_of(stream: "zlib._Decompress", data: Bytes, part: Span) -> int:
    """Unpack a part and forget it; return where the stream ends in it, or its end."""
    try:
        for start in range(part.start, part.stop, _PART):
            stop = min(part.stop, start + _PART)
            rest = data[start:stop]
            while rest:
                stream.decompress(rest, _PART)
                if stream.eof:
                    return stop - len(stream.unused_data)
                rest = stream.unconsumed_tail
    except zlib.error as error:
        raise Refused(Reason.UNREADABLE, "pixels") from error
    return part.stop


def _unpacked(packed: bytes, most: int) -> tuple[bytes, bool]:
    """Return at most so many bytes of what is compressed, and whether they are all of it."""
    stream = zlib.decompressobj()
    try:
        return stream.decompress(packed, most), stream.eof
    except zlib.error:
        return b"", False


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and its checksum."""
    return (
        struct.pack(">L", len(content))
        + kind
        + content
        + struct.pack(">L", zlib.crc32(kind + content))
    )
