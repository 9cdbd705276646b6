"""At which sizes a picture is looked at: reduced, again at faint faces, in tiles for a crowd."""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from findme.engine.detections import Detections, merge
from findme.engine.yunet import Detector

THRESHOLD = 0.5
"""Least score of a face; below 0.6 one is doubtful."""
HINT = 0.3
"""Score from which something may be a face on its side or head, or one of a crowd."""
DOUBTFUL = 0.2
"""Score from which something in a tile may be a face of a crowd: CenterFace decides."""
FAINT = 0.1
"""Score from which something small is looked at again, larger."""

SIDE = 960
"""Longer side at which a picture is looked at. At 640 half of the faces of 90 pixels in 3000, and
all of 40, would not be seen."""
LEAST_SIDE = 320
"""Smaller pictures are enlarged to this, so that their faces have enough pixels."""
CLOSE_UP = 4
"""The picture is looked at again at this part of the size: YuNet knows faces of 10 to 300 pixels,
and one that fills the frame has more."""

SMALL = 32.0
"""Side of a small face, in pixels of the picture reduced to SIDE."""
CROWD = 6
"""From this many small faces on, there are likely more that were too small to be seen."""
GLANCE = 128
"""Side of the square in which a faint small face is looked at again."""
SURROUNDINGS = 4.0
"""The square shows this many sides of the face."""
MOST_GLANCES = 12
"""Faint faces of a picture that are looked at again, the best first."""
TILE = 960
MARGIN = 128
"""Tiles overlap by this, so that a small face lies whole in one of them."""


def look(detector: Detector, picture: Image.Image) -> Detections:
    """Find what may be an upright face on an RGB picture, from a score of HINT, best first."""
    longest = max(picture.size)
    seen = look_at(detector, picture, SIDE, FAINT)
    small = seen.sides * min(1.0, SIDE / longest) < SMALL
    whole = seen.pick(seen.scores > HINT)
    if longest > SIDE and np.count_nonzero(small & (seen.scores > HINT)) >= CROWD:
        return _in_tiles(detector, picture, whole)
    faint = seen.pick(small & (seen.scores <= THRESHOLD))
    return merge([whole, *(_glance(detector, picture, box) for box in faint.boxes[:MOST_GLANCES])])


def look_at(detector: Detector, picture: Image.Image, side: int, threshold: float) -> Detections:
    """Find what may be a face on a picture reduced to *side* pixels, and to a part of that.

    Pixels of the picture as it was given; from a score of *threshold*, best first.
    """
    longest = max(picture.size)
    scale = max(LEAST_SIDE, min(side, longest)) / longest
    width, height = (max(1, round(length * scale)) for length in picture.size)
    # A whole part of the way by means of squares: a gap of 2 takes a third longer, finds no more.
    reduced = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0)
    close_up = reduced.reduce(CLOSE_UP)
    across, down = picture.width / width, picture.height / height
    return merge(
        [
            detector.detect(reduced, threshold).scaled(across, down),
            detector.detect(close_up, HINT).scaled(CLOSE_UP * across, CLOSE_UP * down),
        ]
    )


def _glance(detector: Detector, picture: Image.Image, box: NDArray[np.float64]) -> Detections:
    """Look again, larger, at what may be a small face."""
    side = SURROUNDINGS * float((box[2:] - box[:2]).mean())
    left, top = ((box[:2] + box[2:]) / 2 - side / 2).tolist()
    square = picture.crop((round(left), round(top), round(left + side), round(top + side)))
    enlarged = square.resize((GLANCE, GLANCE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    found = detector.detect(enlarged, THRESHOLD)
    return found.scaled(square.width / GLANCE, square.height / GLANCE).moved(
        round(left), round(top)
    )


def _in_tiles(detector: Detector, picture: Image.Image, whole: Detections) -> Detections:
    """Look again, pixel by pixel, and put the small faces beside those of the whole."""
    parts = [whole]
    for left, top in product(tile_starts(picture.width), tile_starts(picture.height)):
        right, bottom = min(left + TILE, picture.width), min(top + TILE, picture.height)
        tile = picture.crop((left, top, right, bottom))
        found = detector.detect(tile, DOUBTFUL)
        # Larger ones are cut by the tile, and were seen on the whole picture.
        parts.append(found.pick(found.sides < MARGIN).moved(left, top))
    return merge(parts)


def tile_starts(length: int) -> list[int]:
    """Where tiles begin along a side, evenly spread."""
    count = max(1, int(np.ceil((length - MARGIN) / (TILE - MARGIN))))
    if count == 1:
        return [0]
    return [round(place) for place in np.linspace(0, length - TILE, count)]
