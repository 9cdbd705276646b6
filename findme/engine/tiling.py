"""At which sizes a picture is looked at: reduced, and in tiles where it shows a crowd."""

from itertools import product

import numpy as np
from PIL import Image

from findme.engine.detections import Detections, merge
from findme.engine.yunet import Detector

THRESHOLD = 0.5
"""Least score of a face; those below 0.6 are doubtful, and the quality filter drops them."""
HINT = 0.3
"""Score from which something may be a face, which a closer look will tell."""

SIDE = 640
"""Longer side at which a picture is looked at. 960 costs twice as much and finds no clear face
more on the labelled photos."""
LEAST_SIDE = 320
"""Smaller pictures are enlarged to this, so that their faces have enough pixels."""
HALVINGS = 2
"""Looked at again at a half and a quarter of that: YuNet knows faces of 10 to 300 pixels, and one
that fills the frame has more."""

CROWD = 6
"""From this many small faces on, there are likely more that were too small to be seen."""
SMALL = 22.0
"""Side of a small face, in pixels of the picture reduced to SIDE."""
TILE = 960
MARGIN = 128
"""Tiles overlap by this, so that a small face lies whole in one of them."""


def look(detector: Detector, picture: Image.Image) -> Detections:
    """Find what may be an upright face on an RGB picture, from a score of HINT, best first."""
    longest = max(picture.size)
    whole = look_at(detector, picture, SIDE)
    small = whole.sides * min(1.0, SIDE / longest) < SMALL
    if longest <= SIDE or np.count_nonzero(small) < CROWD:
        return whole
    return _in_tiles(detector, picture, whole)


def look_at(detector: Detector, picture: Image.Image, side: int) -> Detections:
    """Find what may be a face on a picture reduced to *side* pixels, and to a half and a quarter.

    Pixels of the picture as it was given; from a score of HINT, best first.
    """
    longest = max(picture.size)
    scale = max(LEAST_SIDE, min(side, longest)) / longest
    width, height = (max(1, round(length * scale)) for length in picture.size)
    reduced = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    parts = []
    for halvings in range(HALVINGS + 1):
        level = reduced.reduce(2**halvings) if halvings else reduced
        factor = 2**halvings
        found = detector.detect(level, HINT)
        parts.append(found.scaled(picture.width / width * factor, picture.height / height * factor))
    return merge(parts)


def _in_tiles(detector: Detector, picture: Image.Image, whole: Detections) -> Detections:
    """Look again, pixel by pixel, and put the small faces beside those of the whole."""
    parts = [whole]
    for left, top in product(tile_starts(picture.width), tile_starts(picture.height)):
        right, bottom = min(left + TILE, picture.width), min(top + TILE, picture.height)
        tile = picture.crop((left, top, right, bottom))
        found = detector.detect(tile, THRESHOLD)
        # Larger ones are cut by the tile, and were seen on the whole picture.
        parts.append(found.pick(found.sides < MARGIN).moved(left, top))
    return merge(parts)


def tile_starts(length: int) -> list[int]:
    """Where tiles begin along a side, evenly spread."""
    count = max(1, int(np.ceil((length - MARGIN) / (TILE - MARGIN))))
    if count == 1:
        return [0]
    return [round(place) for place in np.linspace(0, length - TILE, count)]
