"""A clean WebP: its pixels, its colour profile and the essentials (RFC 9649)."""

import struct
from contextlib import suppress
from typing import Final

from findme.media.cleaning import colour_profile, stray_text
from findme.media.cleaning.essentials import Essentials
from findme.media.cleaning.plan import Draft, Piece, Span, length_of
from findme.pixels.header import Bytes, Reason, Refused

_PROFILE_FLAG, _ALPHA_FLAG, _EXIF_FLAG, _ANIMATION_FLAG = 0x20, 0x10, 0x08, 0x02
_PIXELS: Final = (b"VP8 ", b"VP8L")
#: Bytes of a frame's place and time, before the chunks of its pixels.
_FRAME_HEAD: Final = 16


class _Webp:
    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.essentials = Essentials()
        #: Flags and size of a file in the extended form.
        self.extended = b""
        self.profile: list[Piece] = []
        self.animation = b""
        #: Pixels of a still picture, or the frames of an animated one.
        self.pixels: list[Piece] = []
        self._seen: set[bytes] = set()

    def walk(self) -> None:
        """Note what is kept; Refused if something is not as it should be."""
        end = min(len(self.data), int.from_bytes(self.data[4:8], "little") + 8)
        for kind, content in _chunks(self.data, 12, end):
            length = content.stop - content.start
            if kind == b"ANMF" and self.is_animated:
                self.pixels += self._frame(content)
            elif kind in self._seen:
                continue
            elif kind == b"VP8X" and length >= 10:
                self.extended = self.data[content.start : content.start + 10]
            elif kind == b"ICCP" and length <= colour_profile.MOST_PROFILE:
                self._take_profile(content)
            elif kind == b"ANIM" and length >= 6:
                self.animation = self.data[content.start : content.start + 6]
            elif kind == b"EXIF":
                self.essentials.read_exif(self.data[content.start : content.stop])
            elif kind == b"XMP ":
                self.essentials.read_xmp(self.data[content.start : content.stop])
            elif kind in (*_PIXELS, b"ALPH") and not self._seen & {*_PIXELS}:
                self.pixels += self._coded(kind, content)
            self._seen.add(kind)
        if not self.pixels:
            raise Refused(Reason.UNREADABLE, "no pixels")

    @property
    def is_animated(self) -> bool:
        """Whether it has frames; decoders go by the flag."""
        return bool(self.animation and self.extended and self.extended[0] & _ANIMATION_FLAG)

    def _take_profile(self, content: Span) -> None:
        profile = self.data[content.start : content.stop]
        cleaned = colour_profile.clean(profile)
        if cleaned == profile:
            self.profile = _kept(b"ICCP", content)
        elif cleaned:
            self.profile = [_chunk(b"ICCP", cleaned)]

    def _coded(self, kind: bytes, content: Span) -> list[Piece]:
        stray_text.refuse(self.data, *content)
        return _kept(kind, content)

    def _frame(self, content: Span) -> list[Piece]:
        start = content.start + _FRAME_HEAD
        kept: list[Piece] = [Span(content.start, start)]
        for kind, inner in _chunks(self.data, start, content.stop):
            if kind in (*_PIXELS, b"ALPH"):
                kept += self._coded(kind, inner)
        return [b"ANMF" + struct.pack("<L", length_of(kept)), *kept]


def essentials(data: Bytes) -> Essentials:
    """Return what a WebP says that is kept, up to where it cannot be understood."""
    webp = _Webp(data)
    with suppress(Refused):
        webp.walk()
    return webp.essentials


def clean(data: Bytes) -> Draft:
    """Return the plan for a WebP; Refused if it cannot be told what is pixels and what is not."""
    webp = _Webp(data)
    webp.walk()
    exif = webp.essentials.as_exif()
    body: list[Piece] = []
    if webp.extended:
        flags = webp.extended[0] & (_ALPHA_FLAG | _ANIMATION_FLAG)
        flags |= (_PROFILE_FLAG if webp.profile else 0) | (_EXIF_FLAG if exif else 0)
        body.append(_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + webp.extended[4:]))
        body += webp.profile
        if webp.is_animated:
            body.append(_chunk(b"ANIM", webp.animation))
    body += webp.pixels
    if webp.extended and exif:
        body.append(_chunk(b"EXIF", exif))
    draft = Draft()
    draft.write(b"RIFF" + struct.pack("<L", 4 + length_of(body)) + b"WEBP")
    draft.add(body)
    return draft


def _chunks(data: Bytes, at: int, end: int) -> "list[tuple[bytes, Span]]":
    found = []
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sL", data, at)
        if at + 8 + length > end:
            break
        found.append((kind, Span(at + 8, at + 8 + length)))
        at += 8 + length + length % 2
    return found


def _kept(kind: bytes, content: Span) -> list[Piece]:
    """Return the pieces of a chunk whose content is kept; its padding is ours."""
    length = content.stop - content.start
    return [kind + struct.pack("<L", length), content, bytes(length % 2)]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<L", len(content)) + content + bytes(len(content) % 2)
