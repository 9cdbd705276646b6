"""What EXIF says of a picture: which way is up, and when it was taken."""

import struct
import zlib
from datetime import UTC, datetime, tzinfo

from PIL import Image

# Decoders raise these for broken data; an OSError with a number is the disk's, see images.py.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    IndexError,
    struct.error,
    zlib.error,
)

# EXIF tags and what the values of Orientation ask for (Exif 2.32, 4.6.4 A).
_ORIENTATION, _EXIF_IFD, _DATE_TIME_ORIGINAL, _OFFSET_TIME_ORIGINAL = 0x0112, 0x8769, 0x9003, 0x9011
YEARS = range(1000, 9000)  # beyond, a zone or an offset would lead out of the calendar
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_exif(image: Image.Image, zone: tzinfo | None = UTC) -> tuple[int, datetime | None]:
    """Return orientation (1 to 8) and time of capture; broken EXIF does not refuse a picture.

    The time is in UTC; if EXIF names no zone, it is read in *zone*, or stays without one.
    """
    try:
        # The base class's: that of PNG decodes the pixels in search of an eXIf chunk behind them.
        # HEIC names orientation 1 here, its decoder having turned the picture already.
        exif = Image.Image.getexif(image)
        orientation = exif.get(_ORIENTATION)
        taken_at = _taken_at(exif.get_ifd(_EXIF_IFD), zone)
    except (*DECODER_ERRORS, TypeError, KeyError, ZeroDivisionError):
        return 1, None
    return orientation if orientation in UPRIGHT else 1, taken_at


def _taken_at(exif_ifd: dict[int, object], zone: tzinfo | None) -> datetime | None:
    local = str(exif_ifd.get(_DATE_TIME_ORIGINAL, "")).strip("\0 ")
    offset = str(exif_ifd.get(_OFFSET_TIME_ORIGINAL, "")).strip("\0 ")
    for named in (offset, ""):
        try:
            clock = datetime.strptime(f"{local} {named or '+00:00'}", "%Y:%m:%d %H:%M:%S %z")
            if clock.year in YEARS:
                taken_at = clock if named else clock.replace(tzinfo=zone)
                return taken_at if taken_at.tzinfo is None else taken_at.astimezone(UTC)
        except ValueError:
            continue  # no zone, or an invalid one; after that: no time
    return None


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return width and height as they are after the picture is turned upright."""
    return (size[1], size[0]) if orientation >= 5 else size
