"""A guest's own face, small, for the top bar of their gallery; a newcomer's, for the organiser."""

from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

AVATAR_SIDE: Final = 96  # px; 40 CSS pixels at more than twice the density
PORTRAIT_SIDE: Final = 288  # px; twice 144 CSS pixels
_CLOSE: Final = 0.72  # share of the shorter side: the camera's oval puts the face in the middle
_MIDDLE: Final = (0.5, 0.45)


def avatar(selfie: bytes) -> bytes:
    """Return the middle of a stored selfie (an upright JPEG) as a small square JPEG."""
    with Image.open(BytesIO(selfie), formats=["JPEG"]) as image:
        image.draft(None, (2 * AVATAR_SIDE, 2 * AVATAR_SIDE))
        side = round(_CLOSE * min(image.size))
        left = round((image.width - side) * _MIDDLE[0])
        top = round((image.height - side) * _MIDDLE[1])
        face = ImageOps.fit(
            image.convert("RGB").crop((left, top, left + side, top + side)),
            (AVATAR_SIDE, AVATAR_SIDE),
            Image.Resampling.BICUBIC,
        )
    out = BytesIO()
    face.save(out, "JPEG", quality=80)
    return out.getvalue()


def portrait(selfie: bytes) -> bytes:
    """Return the whole of a stored selfie, wherever the face is on it, as a small JPEG."""
    with Image.open(BytesIO(selfie), formats=["JPEG"]) as image:
        image.draft(None, (2 * PORTRAIT_SIDE, 2 * PORTRAIT_SIDE))
        small = image.convert("RGB")
    small.thumbnail((PORTRAIT_SIDE, PORTRAIT_SIDE), Image.Resampling.BICUBIC)
    small.info = {}
    out = BytesIO()
    small.save(out, "JPEG", quality=80)
    return out.getvalue()
