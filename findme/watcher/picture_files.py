"""Picture files on a photographer's disk: their type, whether they are complete, their hash.

Every function blocks: call it in a thread.
"""

import hashlib
import os.path
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image

PICTURES = frozenset((".jpg", ".jpeg", ".jpe", ".png", ".webp", ".heic", ".heif", ".hif"))
#: Canon, Nikon, Sony, Olympus, Panasonic, Fujifilm, Leica; Adobe's; Pentax, Samsung, Hasselblad.
RAWS = frozenset(
    (".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".orf", ".rw2", ".raf", ".rwl")
) | {
    ".dng",
    ".pef",
    ".srw",
    ".3fr",
}
#: Suffixes of the picture that a camera writes beside a RAW file.
BESIDE = (".jpg", ".JPG", ".jpeg", ".JPEG", ".heic", ".HEIC", ".hif", ".HIF")
#: Bytes at the end of a file that are searched for its end marker.
TAIL = 64 * 1024

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif", b"mif1", b"msf1")
_CUT_OFF = "its end is missing"
_NO_PICTURE = "it is not a JPEG, PNG, WebP or HEIC picture"


class IncompleteFile(Exception):
    """The file is not a complete picture, perhaps not yet; the message says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes to upload for a file."""

    path: Path
    #: The name of the photo on the server.
    filename: str
    size_bytes: int
    sha256: str

    def open(self) -> BinaryIO:
        """Open the bytes to upload; IncompleteFile if a RAW file can no longer be read."""
        # thousands of RAW files may wait, so their JPEGs are not kept in memory
        if is_raw(self.path.name):
            return BytesIO(_embedded_jpeg(self.path))
        return self.path.open("rb")


def is_picture(name: str) -> bool:
    """Whether a file of this name is a picture."""
    return Path(name).suffix.lower() in PICTURES | RAWS


def is_raw(name: str) -> bool:
    """Whether a file of this name is a RAW file."""
    return Path(name).suffix.lower() in RAWS


def has_jpeg_beside(path: Path) -> bool:
    """Whether the camera wrote the same picture in a form that needs no extraction."""
    # not Path.exists: it raises if a name becomes too long, or the card was pulled
    return any(os.path.exists(path.with_suffix(suffix)) for suffix in BESIDE)  # noqa: PTH110


def examine(path: Path) -> Picture:
    """Return the bytes to upload for a file; IncompleteFile if it is not a complete picture.

    OSError if the file cannot be read.
    """
    if is_raw(path.name):
        data = _embedded_jpeg(path)
        sha256 = hashlib.sha256(data).hexdigest()
        return Picture(path, _spelled(f"{path.stem}.jpg"), len(data), sha256)
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(64)
        if not _end_of(head)(file, size):
            raise IncompleteFile(_CUT_OFF)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Picture(path, _spelled(path.name), size, sha256)


def _spelled(name: str) -> str:
    """Return a name that can be sent: bytes that are not UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode()


def _end_of(head: bytes) -> Callable[[BinaryIO, int], bool]:
    """Return the function that checks whether a file with this head is complete."""
    if not head:
        raise IncompleteFile("it is empty")
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg_ends
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_ends
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return lambda _file, size: int.from_bytes(head[4:8], "little") + 8 <= size
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, len(head), 4))]
    if head[4:8] == b"ftyp" and any(brand in _HEIC_BRANDS for brand in brands):
        return _boxes_end
    raise IncompleteFile(_NO_PICTURE)


def _jpeg_ends(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - TAIL))
    if file.read().rstrip(b"\0").endswith(b"\xff\xd9"):
        return True
    # phones append a video or data of their own after the picture: decode it then
    file.seek(0)
    try:
        with Image.open(file, formats=["JPEG"]) as image:
            image.draft("L", (64, 64))
            image.load()
    except (OSError, SyntaxError, ValueError, struct.error):
        return False
    return True


def _png_ends(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - TAIL))
    return b"IEND\xaeB`\x82" in file.read()


def _boxes_end(file: BinaryIO, size: int) -> bool:
    """Whether the boxes of an ISO file fill it exactly (ISO 14496-12, 4.2)."""
    at = 0
    while at < size:
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return False
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:  # up to the end of the file; or nothing but zeros, not written yet
            return head[4:8] != bytes(4)
        if length < 8:
            return False
        at += length
    return at == size


def _embedded_jpeg(path: Path) -> bytes:
    """Return the full-size JPEG that the camera put into a RAW file, turned as the camera was."""
    # with numpy 0.1 s, which a folder without RAW files does not need
    import rawpy

    with path.open("rb") as file:  # raises OSError; LibRaw has one error for everything
        file.read(1)
    try:
        with rawpy.imread(str(path)) as raw:
            thumb = raw.extract_thumb()
    except rawpy.LibRawNoThumbnailError as error:
        raise IncompleteFile("there is no JPEG in this RAW file") from error
    except rawpy.LibRawError as error:
        raise IncompleteFile("this RAW file cannot be read") from error
    if thumb.format is not rawpy.ThumbFormat.JPEG:
        raise IncompleteFile("there is no JPEG in this RAW file")
    # if the JPEG has no metadata, LibRaw has added time, camera and orientation
    return bytes(thumb.data)
