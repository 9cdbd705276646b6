"""The faces of one picture as detectors return them, and how answers are put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from findme.engine.geometry import keep_best

OVERLAP = 0.3
"""Boxes that share this part of their union are the same face."""
MIRRORED = np.array([1, 0, 2, 4, 3])
"""Order of the five points on the mirrored picture."""


@dataclass(frozen=True, slots=True)
class Detections:
    """Faces in pixels of their picture (edges, not centres)."""

    boxes: NDArray[np.float64]
    """n x 4: left, top, right, bottom; may reach beyond the picture's edge."""
    scores: NDArray[np.float64]
    """n, each from 0 to 1."""
    points: NDArray[np.float64]
    """n x 5 x 2: eyes (the one at the picture's left first), nose, corners of the mouth.

    Left is meant as seen with the face upright.
    """

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Self:
        """No face."""
        return cls(np.empty((0, 4)), np.empty(0), np.empty((0, 5, 2)))

    @property
    def sides(self) -> NDArray[np.float64]:
        """Mean of width and height of each box."""
        means: NDArray[np.float64] = (self.boxes[:, 2:] - self.boxes[:, :2]).mean(1)
        return means

    def pick(self, index: NDArray[np.bool_] | NDArray[np.intp]) -> "Detections":
        """Return the faces that a mask or a list of indices names."""
        return Detections(self.boxes[index], self.scores[index], self.points[index])

    def moved(self, x: float, y: float) -> "Detections":
        """Return the faces with (x, y) added to all coordinates."""
        origin = np.array([x, y], np.float64)
        return Detections(self.boxes + np.tile(origin, 2), self.scores, self.points + origin)

    def scaled(self, across: float, down: float) -> "Detections":
        """Return the faces with x multiplied by *across* and y by *down*."""
        factor = np.array([across, down], np.float64)
        return Detections(self.boxes * np.tile(factor, 2), self.scores, self.points * factor)

    def turned(self, quarters: int, size: tuple[int, int]) -> "Detections":
        """Return the faces as they lie on the picture after *quarters* clockwise quarter turns.

        *size* is width and height of the picture before it is turned.
        """
        corners, points = self.boxes.reshape(-1, 2, 2), self.points
        for quarter in range(quarters % 4):
            height = size[1 - quarter % 2]
            corners, points = (
                np.stack([height - part[..., 1], part[..., 0]], -1) for part in (corners, points)
            )
        boxes = np.concatenate([corners.min(1), corners.max(1)], 1)
        return Detections(boxes, self.scores, points)


def merge(parts: Sequence[Detections]) -> Detections:
    """Return the faces of all *parts*, each face once, best first."""
    boxes = np.concatenate([part.boxes for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    points = np.concatenate([part.points for part in parts])
    best = keep_best(boxes, scores, OVERLAP)
    return Detections(boxes[best], scores[best], points[best])
