"""Single faces cut out of a photo for the face engine, each the largest face of its picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from findme.media import images
from findme.media.images import Source
from findme.models import Box

SIDE: Final = 480  # px; a face of 200 px has all that the engine looks at
#: Times the face's longer side that a picture shows: at first, and if no face was found on that.
WIDE: Final = 2.2
TIGHT: Final = 1.4
#: A neighbour of this share of the face's area might be taken for the largest face.
RIVAL: Final = 0.7


@dataclass(frozen=True, slots=True)
class FacePicture:
    """A face as the engine gets it, and where it is on this picture."""

    jpeg: bytes
    place: Box


def cut_out(
    source: Source,
    max_pixels: int,
    boxes: Sequence[Box],
    wanted: Sequence[int],
    *,
    side: int,
    around: float,
) -> list[FacePicture]:
    """Cut the *wanted* ones of a photo's faces out; *boxes* has the places of all.

    The photo is decoded once, with at most *side* pixels; *around* says how much is shown. A larger
    neighbour is painted over. Raises as `images.render` does.
    """
    photo = images.decoded(source, max_pixels, side)
    return [_cut(photo, boxes, which, around) for which in wanted]


def _cut(photo: Image.Image, boxes: Sequence[Box], which: int, around: float) -> FacePicture:
    box = boxes[which]
    width, height = photo.size
    reach = around * max(box.width * width, box.height * height, 1.0) / 2
    middle = (box.left + box.width / 2) * width, (box.top + box.height / 2) * height
    left, top = (max(0, round(at - reach)) for at in middle)
    right = min(width, max(round(middle[0] + reach), left + 1))
    lower = min(height, max(round(middle[1] + reach), top + 1))
    part = photo.crop((left, top, right, lower))

    def on_part(place: Box) -> tuple[float, float, float, float]:
        return (
            place.left * width - left,
            place.top * height - top,
            (place.left + place.width) * width - left,
            (place.top + place.height) * height - top,
        )

    rivals = [
        other
        for index, other in enumerate(boxes)
        if index != which and other.width * other.height >= RIVAL * box.width * box.height
    ]
    _paint_over(part, [on_part(other) for other in rivals], keep=on_part(box))
    x, y, end_x, end_y = on_part(box)
    place = Box(
        x / part.width, y / part.height, (end_x - x) / part.width, (end_y - y) / part.height
    )
    return FacePicture(images.for_engine(images.shrink(part, SIDE), SIDE), place)


def _paint_over(
    part: Image.Image,
    places: Sequence[tuple[float, float, float, float]],
    keep: tuple[float, float, float, float],
) -> None:
    inside = [
        place
        for place in places
        if place[0] < part.width and place[1] < part.height and place[2] > 0 and place[3] > 0
    ]
    if not inside:
        return
    x, y, end_x, end_y = keep
    corner = max(0, round(x)), max(0, round(y))
    face = part.crop((*corner, min(part.width, round(end_x)), min(part.height, round(end_y))))
    colour = part.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    pen = ImageDraw.Draw(part)
    for place in inside:
        pen.rectangle(place, fill=colour)
    part.paste(face, corner)
