"""Bytes of a JPEG or PNG to an upright RGB picture, with limits before anything is decoded.

The service does it in a child (`picture_reader`), the command that measures it by itself.
"""

import io
import struct

from PIL import Image

from findme.engine.errors import (
    ImageTooLargeException,
    InvalidImageFormatException,
    InvalidParameterException,
)

LEAST_SIDE = 80
"""AWS's limit, in pixels each way."""
MAX_PIXELS = 200_000_000
"""A few megabytes can claim any size; this many pixels are 600 MB of memory."""
WORKING_SIDE = 6000
"""Longer sides are reduced to this: at 10 pixels a face is lost anyhow, and memory is bounded."""
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow's own guard warns at one size and refuses at twice that; ours is exact, see open_picture.
Image.MAX_IMAGE_PIXELS = None


def open_picture(data: bytes) -> Image.Image:
    """Decode *data*, turned as its EXIF orientation says (JPEG only, as in AWS)."""
    try:
        picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidImageFormatException from error
    pixels = picture.width * picture.height
    if pixels > MAX_PIXELS:
        raise ImageTooLargeException
    if min(picture.size) < LEAST_SIDE:
        raise InvalidParameterException(f"The image must have {LEAST_SIDE} pixels each way.")
    return _decode(picture)


def _decode(picture: Image.Image) -> Image.Image:
    turn = _TURNS.get(_orientation(picture))
    try:
        picture.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
        picture.load()
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise InvalidImageFormatException from error
    if max(picture.size) > WORKING_SIDE:
        picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    if turn is not None:
        picture = picture.transpose(turn)
    if picture.mode.startswith("I"):
        # 16-bit grey: Pillow would clip it to white.
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    # convert() copies even if there is nothing to convert.
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _orientation(picture: Image.Image) -> int:
    """EXIF's word on how a JPEG is to be turned; 1 if it says nothing that can be read."""
    # Pictures of some phones are JPEGs with more behind them, which Pillow calls MPO.
    if picture.format == "PNG":
        return 1
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, struct.error):
        return 1
