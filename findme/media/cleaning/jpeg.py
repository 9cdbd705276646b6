"""A clean JPEG: what its pixels are decoded from, the colour profile, and the essentials.

Comments, thumbnails, makers' segments, further pictures (a brighter one for HDR screens, too) and
whatever stands behind the end mark are left out (ITU-T T.81, annex B).
"""

import re
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from findme.media.cleaning import colour_profile, stray_text
from findme.media.cleaning.essentials import Essentials
from findme.media.cleaning.plan import Draft, Span
from findme.pixels.header import Bytes, Reason, Refused

# as libjpeg looks for the next marker: restart markers, stuffed zeros and fill bytes are none
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_TEMPORARY, _START, _END, _SCAN, _LINES, _COMMENT = 0x01, 0xD8, 0xD9, 0xDA, 0xDC, 0xFE
_QUANTIZATION, _HUFFMAN, _RESTART = 0xDB, 0xC4, 0xDD
_FRAMES: Final = (0xC0, 0xC1, 0xC2)
_JFIF, _EXIF_OR_XMP, _PROFILE, _PHOTOSHOP, _ADOBE = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
_APPLICATION: Final = range(0xE0, 0xF0)
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_ICC, _IMAGE_RESOURCES = b"ICC_PROFILE\0", b"Photoshop 3.0\0"
#: Bytes of a profile in one segment.
_MOST_IN_SEGMENT: Final = 65_519


class _Jpeg:
    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.essentials = Essentials()
        self.has_exif = False
        self.jfif = b""
        self.adobe = b""
        #: The parts of the profile: number, count, and where its bytes stand.
        self.profile: list[tuple[int, int, Span]] = []
        self.body: list[Span] = []

    def walk(self) -> None:
        """Note what is kept, up to the end mark; Refused if something is not as it should be."""
        at = 2
        while True:
            found = _MARKER.search(self.data, at)
            if found is None:
                raise Refused(Reason.UNREADABLE, "no end mark")
            start = found.start()
            marker = self.data[start + 1]
            if marker == _END:
                return
            at = start + 2 if marker == _TEMPORARY else self._segment(start, marker)

    def _segment(self, start: int, marker: int) -> int:
        length = int.from_bytes(self.data[start + 2 : start + 4], "big")
        stop = start + 2 + length
        if length < 2 or stop > len(self.data):
            raise Refused(Reason.UNREADABLE, "length of a segment")
        if marker in _FITS:
            if not _FITS[marker](self.data[start + 4 : stop]):
                raise Refused(Reason.UNREADABLE, f"segment {marker:#x}")
            if marker == _SCAN:
                following = _MARKER.search(self.data, stop)
                if following is None:
                    raise Refused(Reason.UNREADABLE, "no end mark")
                stray_text.refuse(self.data, stop, following.start())
                stop = following.start()
            self.body.append(Span(start, stop))
        elif marker in _APPLICATION:
            self._application(marker, start + 4, stop)
        elif marker not in (_COMMENT, _LINES):
            raise Refused(Reason.UNREADABLE, f"marker {marker:#x}")
        return stop

    def _application(self, marker: int, start: int, stop: int) -> None:
        head = self.data[start : min(stop, start + 32)]
        if marker == _JFIF and head[:5] == b"JFIF\0" and len(head) >= 14:
            # density, and no thumbnail
            self.jfif = b"JFIF\0\x01\x01" + head[7:12] + b"\0\0"
        elif marker == _ADOBE and head[:5] == b"Adobe" and len(head) >= 12:
            # by its last byte decoders know how colours are transformed
            self.adobe = b"Adobe\0\x64\0\0\0\0" + head[11:12]
        elif marker == _EXIF_OR_XMP and head[:6] == _EXIF and not self.has_exif:
            self.has_exif = True
            self.essentials.read_exif(self.data[start:stop])
        elif marker == _EXIF_OR_XMP and head.startswith(_XMP):
            self.essentials.read_xmp(self.data[start + len(_XMP) : stop])
        elif marker == _PHOTOSHOP and head.startswith(_IMAGE_RESOURCES):
            self.essentials.read_photoshop(self.data[start + len(_IMAGE_RESOURCES) : stop])
        elif marker == _PROFILE and head.startswith(_ICC) and len(head) > 14:
            self.profile.append((head[12], head[13], Span(start, stop)))


def essentials(data: Bytes) -> Essentials:
    """Return what a JPEG says that is kept, up to where it cannot be understood."""
    jpeg = _Jpeg(data)
    with suppress(Refused):
        jpeg.walk()
    return jpeg.essentials


def clean(data: Bytes) -> Draft:
    """Return the plan for a JPEG; Refused if it cannot be told what is pixels and what is not."""
    jpeg = _Jpeg(data)
    jpeg.walk()
    draft = Draft()
    draft.write(b"\xff\xd8")
    if jpeg.jfif:
        draft.write(_packed(_JFIF, jpeg.jfif))
    if exif := jpeg.essentials.as_exif():
        draft.write(_packed(_EXIF_OR_XMP, _EXIF + exif))
    _add_profile(draft, data, sorted(jpeg.profile))
    if jpeg.adobe:
        draft.write(_packed(_ADOBE, jpeg.adobe))
    draft.add(jpeg.body)
    draft.write(b"\xff\xd9")
    return draft


def _add_profile(draft: Draft, data: Bytes, parts: list[tuple[int, int, Span]]) -> None:
    numbers = [(number, count) for number, count, _ in parts]
    if not parts or numbers != [(number, len(parts)) for number in range(1, len(parts) + 1)]:
        return
    profile = b"".join(data[span.start + 14 : span.stop] for _, _, span in parts)
    cleaned = colour_profile.clean(profile)
    if cleaned == profile:
        for _, _, span in parts:
            draft.keep(span.start - 4, span.stop)
        return
    pieces = [
        cleaned[start : start + _MOST_IN_SEGMENT]
        for start in range(0, len(cleaned), _MOST_IN_SEGMENT)
    ]
    for number, piece in enumerate(pieces, 1):
        draft.write(_packed(_PROFILE, _ICC + bytes((number, len(pieces))) + piece))


def _packed(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _is_frame(content: bytes) -> bool:
    return len(content) >= 6 and len(content) == 6 + 3 * content[5]


def _is_scan(content: bytes) -> bool:
    return len(content) >= 1 and len(content) == 4 + 2 * content[0]


def _is_quantization(content: bytes) -> bool:
    at = 0
    while at < len(content):
        at += 1 + (128 if content[at] >> 4 else 64)
    return at == len(content)


def _is_huffman(content: bytes) -> bool:
    at = 0
    while at < len(content):
        at += 17 + sum(content[at + 1 : at + 17])
    return at == len(content)


def _is_restart(content: bytes) -> bool:
    return len(content) == 2


#: Whether a segment holds what it should and nothing behind it. Decoders refuse other ones.
_FITS: Final[Mapping[int, Callable[[bytes], bool]]] = {
    **dict.fromkeys(_FRAMES, _is_frame),
    _SCAN: _is_scan,
    _QUANTIZATION: _is_quantization,
    _HUFFMAN: _is_huffman,
    _RESTART: _is_restart,
}
