"""How large a picture is looked at: whole and reduced, and in tiles where it shows a crowd."""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from findme.engine.detector import OVERLAP, THRESHOLD, Detections, Detector
from findme.engine.geometry import keep_best

SIDE = 960
"""Longer side at which a picture is looked at. 1280 costs twice as much and finds no clear face
more on the labelled photos, but twice as many that are none."""
LEAST_SIDE = 320
"""Small pictures are not enlarged beyond this: it finds nothing more, down to faces of 8 pixels."""

CROWD = 6
"""From this many small faces on, there are likely more that were too small to be seen."""
HINT = 0.25
"""Score from which something small may be a face, which a closer look will tell."""
SMALL = 32.0
"""Side of a small face, in pixels of the reduced picture."""
TILE = 960
MARGIN = 128
"""Tiles overlap by this, so that a small face lies whole in one of them."""


def find_faces(detector: Detector, picture: Image.Image) -> Detections:
    """Find the faces of an upright RGB picture, best first."""
    longest = max(picture.size)
    hints = detector.detect(picture, min(SIDE, max(LEAST_SIDE, longest)), HINT)
    sure = hints.scores > THRESHOLD
    found = Detections(hints.boxes[sure], hints.scores[sure], hints.points[sure])
    reduced = min(1.0, SIDE / longest)
    small = sides(hints) * reduced < SMALL
    if reduced == 1.0 or np.count_nonzero(small) < CROWD:
        return found
    return _in_tiles(detector, picture, found)


def sides(found: Detections) -> NDArray[np.float64]:
    """Mean side of each box."""
    means: NDArray[np.float64] = (found.boxes[:, 2:] - found.boxes[:, :2]).mean(1)
    return means


def _in_tiles(detector: Detector, picture: Image.Image, whole: Detections) -> Detections:
    """Look again, pixel by pixel, and put the small faces beside those of the whole."""
    parts = [whole]
    for left, top in product(tile_starts(picture.width), tile_starts(picture.height)):
        right, bottom = min(left + TILE, picture.width), min(top + TILE, picture.height)
        tile = picture.crop((left, top, right, bottom))
        found = detector.detect(tile, max(tile.size))
        # Larger ones are cut by the tile, and were seen on the whole picture.
        kept = sides(found) < MARGIN
        origin = np.array([left, top], np.float64)
        parts.append(
            Detections(
                found.boxes[kept] + np.tile(origin, 2),
                found.scores[kept],
                found.points[kept] + origin,
            )
        )
    boxes = np.concatenate([part.boxes for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    points = np.concatenate([part.points for part in parts])
    best = keep_best(boxes, scores, OVERLAP)
    return Detections(boxes[best], scores[best], points[best])


def tile_starts(length: int) -> list[int]:
    """Where tiles begin along a side, evenly spread."""
    count = max(1, int(np.ceil((length - MARGIN) / (TILE - MARGIN))))
    if count == 1:
        return [0]
    return [round(place) for place in np.linspace(0, length - TILE, count)]
