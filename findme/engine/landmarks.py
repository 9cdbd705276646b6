"""Five points of a face, measured where it stands upright at one size.

The surroundings of a face are cut upright by the points at hand, shown to CenterFace as they are
and mirrored, and the mean of both answers is taken. docs/calibration.md compares the ways.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from findme.engine.alignment import TEMPLATE, cut, surroundings_frame
from findme.engine.centerface import LandmarkDetector
from findme.engine.detections import MIRRORED, Detections
from findme.engine.embedding import CHIP
from findme.engine.geometry import roll, turn_between

SIDE = 96
"""Pixels of the square that CenterFace sees; 128 costs twice as much and gains nothing."""
COVER = 2.0
"""It shows twice the chip, so that the whole head is in it."""
LEAST_SCORE = 0.2
_MOST_PASSES = 3
_SETTLED = 10.0
"""Degrees of roll: while the points turn further than this, they are measured again."""
_FARTHEST = 0.25
"""Mean distance of the points from where they are expected, in chip sides: beyond it is another
face."""


def refine(
    landmarks: LandmarkDetector, picture: Image.Image, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Measure the points (5 x 2) of a face again; return them and how upright they found it.

    The second value, 0 to 1, is CenterFace's score: above 0.7 the face stands upright by these
    points, below it is turned away from them, or hardly to be seen. If CenterFace sees no face
    the points come back unchanged with 0.
    """
    score = 0.0
    for _ in range(_MOST_PASSES):
        measured = _measure(landmarks, picture, points)
        if measured is None:
            break
        before, (points, score) = points, measured
        if abs(turn_between(roll(before), roll(points))) < _SETTLED:
            break
    return points, score


def uprightness(
    landmarks: LandmarkDetector, picture: Image.Image, points: Sequence[NDArray[np.float64]]
) -> list[float]:
    """How upright, 0 to 1, a face of the picture stands by each of *points* (5 x 2), at a glance.

    See :func:`refine`.
    """
    squares = [cut(picture, surroundings_frame(one, SIDE, COVER), SIDE) for one in points]
    seen = [_central(found) for found in landmarks.detect(np.stack(squares), LEAST_SCORE)]
    return [0.0 if face is None else face[1] for face in seen]


def _measure(
    landmarks: LandmarkDetector, picture: Image.Image, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float] | None:
    """Points and score seen once; None if no face is seen at its place."""
    step, origin = surroundings_frame(points, SIDE, COVER)
    square = cut(picture, (step, origin), SIDE)
    plain, mirrored = landmarks.detect(np.stack([square, square[:, ::-1]]), LEAST_SCORE)
    flipped = Detections(
        mirrored.boxes,
        mirrored.scores,
        np.array([SIDE, 0.0]) + mirrored.points[:, MIRRORED] * np.array([-1.0, 1.0]),
    )
    seen = [face for face in (_central(plain), _central(flipped)) if face is not None]
    if not seen:
        return None
    place = np.mean([place for place, _ in seen], axis=0)
    return place @ step.T + origin, float(np.mean([score for _, score in seen]))


def _central(found: Detections) -> tuple[NDArray[np.float64], float] | None:
    """Points and score of the face in the middle of the square."""
    if not len(found):
        return None
    scale = SIDE / (COVER * CHIP)
    expected = (TEMPLATE - CHIP / 2) * scale + SIDE / 2
    apart = np.abs(found.points - expected).mean((1, 2))
    nearest = int(apart.argmin())
    if apart[nearest] > _FARTHEST * CHIP * scale:
        return None
    return found.points[nearest], float(found.scores[nearest])
