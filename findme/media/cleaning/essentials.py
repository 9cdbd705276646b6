"""What is kept of a picture's metadata: the way up, the time of capture, credit and copyright.

They are read from EXIF, and where it lacks them from IPTC and XMP, and written as a small EXIF
block of ours. Times and numbers are kept only in their own form, so that they hold nothing else.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from findme.media.cleaning import exif_block
from findme.media.cleaning.exif_block import (
    ARTIST,
    COLOUR_SPACE,
    COPYRIGHT,
    DATE_TIME,
    DIGITIZED,
    INTEROPERABILITY_INDEX,
    OFFSET,
    OFFSET_DIGITIZED,
    OFFSET_ORIGINAL,
    ORIENTATION,
    ORIGINAL,
    SUBSEC,
    SUBSEC_DIGITIZED,
    SUBSEC_ORIGINAL,
)

#: Characters of a credit or a copyright notice.
MOST_TEXT: Final = 500
#: Bytes of XMP and of IPTC that are read.
MOST_READ: Final = 256 * 1024

_UPRIGHT: Final = 1
#: sRGB, Adobe RGB as some cameras write it, uncalibrated.
_COLOUR_SPACES: Final = (1, 2, 0xFFFF)
#: By R03, cameras without a colour profile say that the picture is in Adobe RGB.
_COLOUR_RULES: Final = (b"R98", b"R03", b"THM")
#: The tags of a time, its fraction and its zone; the first that is there counts.
_TIMES: Final = (
    (ORIGINAL, SUBSEC_ORIGINAL, OFFSET_ORIGINAL),
    (DIGITIZED, SUBSEC_DIGITIZED, OFFSET_DIGITIZED),
    (DATE_TIME, SUBSEC, OFFSET),
)
_CLOCK = re.compile(
    r"(\d{4})[:./-](\d\d)[:./-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?(?:[.,](\d{1,9}))?"
    r"\s*(Z|[+-]\d\d:?\d\d)?"
)
_FRACTION = re.compile(r"\d{1,9}")
_ZONE = re.compile(r"([+-]\d\d):?(\d\d)")

# IPTC-IIM 4.2: the data sets of record 2 that are kept
_BYLINE, _CREDIT, _NOTICE = 80, 110, 116


class Essentials:
    """Collects what is kept of one picture; of what is said twice, what was said first."""

    def __init__(self) -> None:
        self._tags: dict[int, bytes | int] = {}
        self._artists: list[str] = []
        self._notices: list[str] = []

    def read_exif(self, block: bytes) -> None:
        """Take what an EXIF block says; it may begin with ``Exif`` and two zeros."""
        found = exif_block.read(block)
        orientation = found.get(ORIENTATION)
        if isinstance(orientation, int) and 1 <= orientation <= 8:
            self._tags.setdefault(ORIENTATION, orientation)
        for clock, fraction, zone in _TIMES:
            self._take_time(*(_text(found.get(tag)) for tag in (clock, fraction, zone)))
        space = found.get(COLOUR_SPACE)
        if space in _COLOUR_SPACES:
            self._tags.setdefault(COLOUR_SPACE, space)
        rule = found.get(INTEROPERABILITY_INDEX)
        if isinstance(rule, bytes) and rule[:3] in _COLOUR_RULES:
            self._tags.setdefault(INTEROPERABILITY_INDEX, rule[:3])
        self.credit(_text(found.get(ARTIST)))
        self.claim(_text(found.get(COPYRIGHT)))

    def read_photoshop(self, block: bytes) -> None:
        """Take the credit and the copyright of IPTC in Photoshop's image resources."""
        at = 0
        block = block[:MOST_READ]
        while block[at : at + 4] == b"8BIM":
            name_length = block[at + 6] if at + 6 < len(block) else 0
            start = at + 6 + (name_length + 2) // 2 * 2
            size = int.from_bytes(block[start : start + 4], "big")
            if block[at + 4 : at + 6] == b"\x04\x04":
                self.read_iptc(block[start + 4 : start + 4 + size])
            at = start + 4 + size + size % 2

    def read_iptc(self, block: bytes) -> None:
        """Take the credit and the copyright of IPTC."""
        take: Mapping[int, Callable[[str], None]] = {
            _BYLINE: self.credit,
            _CREDIT: self.credit,
            _NOTICE: self.claim,
        }
        at = 0
        while block[at : at + 1] == b"\x1c" and at + 5 <= len(block):
            record, number = block[at + 1 : at + 3]
            size = int.from_bytes(block[at + 3 : at + 5], "big")
            # longer data sets have another form of size, and are none of these
            if size & 0x8000:
                return
            if record == 2 and number in take:
                take[number](_text(block[at + 5 : at + 5 + size]))
            at += 5 + size

    def read_xmp(self, packet: bytes) -> None:
        """Take the time, the credit and the copyright of an XMP packet in UTF-8."""
        text = packet[:MOST_READ].decode("utf-8", "replace")
        for name in ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate"):
            for value in _values(text, name):
                self._take_time(value, "", "")
        for name in ("dc:creator", "photoshop:Credit"):
            for value in _values(text, name):
                self.credit(value)
        for value in _values(text, "dc:rights"):
            self.claim(value)

    def credit(self, text: str) -> None:
        """Take who made the picture, or whom to name."""
        line = _line(text)
        if line and line not in self._artists and len(self._artists) < 4:
            self._artists.append(line)

    def claim(self, text: str) -> None:
        """Take a copyright notice."""
        line = _line(text)
        if line:
            self._notices.append(line)

    def as_exif(self, *, rendered: bool = False) -> bytes:
        """Return an EXIF block without a prefix; b"" if there is nothing to say.

        A *rendered* picture is upright and in sRGB, so its block says nothing of that.
        """
        tags = dict(self._tags)
        if rendered:
            for tag in (ORIENTATION, COLOUR_SPACE, INTEROPERABILITY_INDEX):
                tags.pop(tag, None)
        if self._artists:
            tags[ARTIST] = "; ".join(self._artists)[:MOST_TEXT].encode()
        if self._notices:
            tags[COPYRIGHT] = self._notices[0].encode()
        if tags.get(ORIENTATION) == _UPRIGHT:
            del tags[ORIENTATION]
        return exif_block.write(tags) if tags else b""

    def _take_time(self, clock: str, fraction: str, zone: str) -> None:
        found = _CLOCK.match(clock.strip())
        if found is None or found[1] == "0000" or ORIGINAL in self._tags:
            return
        year, month, day, hour, minute, second, behind, offset = found.groups()
        moment = f"{year}:{month}:{day} {hour}:{minute}:{second or '00'}"
        self._tags[ORIGINAL] = moment.encode()
        parts = _FRACTION.fullmatch(fraction.strip()) or _FRACTION.fullmatch(behind or "")
        if parts is not None:
            self._tags[SUBSEC_ORIGINAL] = parts[0].encode()
        for named in (zone.strip(), offset or ""):
            shift = _ZONE.fullmatch("+00:00" if named == "Z" else named)
            if shift is not None:
                self._tags[OFFSET_ORIGINAL] = f"{shift[1]}:{shift[2]}".encode()
                return


def _text(value: bytes | int | None) -> str:
    if not isinstance(value, bytes):
        return ""
    # a copyright has a second part, the editor's, behind a zero
    value = b"; ".join(part.strip() for part in value.split(b"\0") if part.strip())
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _line(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:MOST_TEXT].strip()


def _values(xmp: str, name: str) -> Iterator[str]:
    """Yield the values of a property: an attribute's, an element's, or those of its list."""
    for attribute in re.finditer(re.escape(name) + r"""\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""", xmp):
        yield html.unescape(attribute[1] or attribute[2] or "")
    start = xmp.find(f"<{name}")
    stop = xmp.find(f"</{name}", start)
    if start < 0 or stop < 0:
        return
    content = xmp[xmp.find(">", start) + 1 : stop]
    items = re.findall(r"<rdf:li[^<>]*>([^<]*)</rdf:li", content)
    for value in items or ([] if "<" in content else [content]):
        yield html.unescape(value)
