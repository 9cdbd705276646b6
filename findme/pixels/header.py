"""What the structure of a picture says of it, read without decoding anything, in bounded time."""

from dataclasses import dataclass
from enum import StrEnum
from mmap import mmap

Bytes = bytes | mmap


class Reason(StrEnum):
    """Why a picture is refused."""

    UNSUPPORTED = "unsupported"
    UNREADABLE = "unreadable"
    #: Its end is missing.
    CUT_OFF = "cut_off"
    #: It has more pixels than the caller takes.
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_FEW_PIXELS = "too_few_pixels"
    #: To decode it takes more memory than its lane has.
    TOO_MUCH_MEMORY = "too_much_memory"
    #: It is built so that reading it takes long.
    TOO_COMPLEX = "too_complex"
    #: It took longer than its deadline.
    TOO_SLOW = "too_slow"
    #: A decoder crashed on it.
    CRASHED = "crashed"


class Kind(StrEnum):
    """A format."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    HEIC = "HEIC"


class Refused(Exception):
    """A picture is not decoded."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(slots=True)
class Header:
    """A picture by its structure."""

    kind: Kind
    width: int = 0
    height: int = 0
    channels: int = 3
    #: Bits of a channel.
    depth: int = 8
    #: JPEG: the whole picture is kept in coefficients while it is decoded.
    progressive: bool = False
    scans: int = 0
    #: JPEG: samples per pixel; 1.5 if colours have half the size (4:2:0), 3 if they have all of it.
    samples: float = 1.0
    palette: bool = False
    alpha: bool = False
    #: Bytes of EXIF, XMP, colour profiles and text, as stored.
    metadata: int = 0
    segments: int = 0

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height
