"""A face cut out of its photo, for people who compare two faces."""

from io import BytesIO
from typing import Final

from PIL import Image

from findme.models import Box

SIDE: Final = 240  # px; twice the size at which it is shown
AROUND: Final = 1.8  # times the face's longer side: hair, ears and chin help to recognise people


def cut_out(jpeg: bytes, box: Box) -> bytes:
    """Return a square JPEG of SIDE pixels with the face in its middle, without metadata.

    At the picture's edge the square is moved inwards, and made smaller if it does not fit.
    """
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as opened:
        picture = opened.convert("RGB")
    width, height = picture.size
    longest = max(box.width * width, box.height * height)
    side = max(1.0, min(AROUND * longest, width, height))
    left = _inside((box.left + box.width / 2) * width - side / 2, width - side)
    top = _inside((box.top + box.height / 2) * height - side / 2, height - side)
    square = picture.resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
    )
    square.info = {}
    out = BytesIO()
    square.save(out, "JPEG", quality=82)
    return out.getvalue()


def _inside(start: float, most: float) -> float:
    return min(max(0.0, start), most)
