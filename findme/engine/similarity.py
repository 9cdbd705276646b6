"""Similarity in percent, as Rekognition speaks of it, from the distance of two face vectors.

``python -m findme.engine calibrate`` measures the scale; docs/calibration.md has the table.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from findme.engine import DLIB_MODEL_VERSION, FACE_MODEL_VERSION

ANCHORS = (
    (-1.0, 0.0),
    (0.0, 10.0),
    (0.2, 40.0),
    (0.35, 65.0),
    (0.42, 80.0),
    (0.47, 90.0),
    (0.5, 92.0),
    (0.6, 96.0),
    (0.8, 99.0),
    (1.0, 100.0),
)
"""Pairs of cosine and similarity, straight lines between them.

90 means surely the same person and 80 maybe; the others only give the scale an even run.
"""

_DLIB_ANCHORS = (
    (0.0, 100.0),
    (0.3, 99.0),
    (0.4, 97.0),
    (0.45, 95.0),
    (0.505, 90.0),
    (0.565, 80.0),
    (0.65, 60.0),
    (0.8, 30.0),
    (1.2, 0.0),
)
"""The same for collections of dlib's network: pairs of distance and similarity."""


_COSINES, _SIMILARITIES = (np.array(values) for values in zip(*ANCHORS, strict=True))


class Scale:
    """The similarities of one face model; distances are Euclidean ones of its vectors."""

    def __init__(self, distances: Sequence[float], similarities: Sequence[float]) -> None:
        """Take pairs that rise in distance and fall in similarity."""
        self._distances = np.array(distances)
        self._similarities = np.array(similarities)

    @classmethod
    def by_cosine(cls, anchors: Sequence[tuple[float, float]]) -> Self:
        """Make the scale of vectors of length 1 from pairs of cosine and similarity.

        Between two anchors it is straight in the cosine; the pairs are close enough together that
        it is so in the distance, too, but for less than 0.01 percent.
        """
        cosines, similarities = zip(*anchors, strict=True)
        fine = np.linspace(1.0, -1.0, 2001)
        fine = np.unique(np.concatenate([fine, cosines]))[::-1]
        return cls(distance_of(fine).tolist(), np.interp(fine, cosines, similarities).tolist())

    def of_distance(self, distance: float) -> float:
        """Similarity, 0 to 100, of two faces whose vectors lie *distance* apart."""
        return float(np.interp(distance, self._distances, self._similarities))

    def of_vectors(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
        """Similarity, 0 to 100, of two faces by their vectors (128 numbers each)."""
        return self.of_distance(float(np.linalg.norm(first - second)))

    def widest_distance(self, similarity: float) -> float:
        """Distance within which faces are at least this similar; infinite for 0."""
        if similarity <= 0:
            return float("inf")
        return float(np.interp(similarity, self._similarities[::-1], self._distances[::-1]))


def distance_of(cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of pairs of vectors of length 1 with these cosines."""
    distances: NDArray[np.float64] = np.sqrt(np.maximum(0.0, 2 - 2 * cosine))
    return distances


def of_cosine(cosine: float) -> float:
    """Similarity, 0 to 100, of two faces whose vectors have this *cosine* (-1 to 1)."""
    return float(np.interp(cosine, _COSINES, _SIMILARITIES))


def least_cosine(similarity: float) -> float:
    """Cosine from which faces are at least this similar."""
    return float(np.interp(similarity, _SIMILARITIES, _COSINES))


SFACE = Scale.by_cosine(ANCHORS)
SCALES = {
    FACE_MODEL_VERSION: SFACE,
    DLIB_MODEL_VERSION: Scale(*zip(*_DLIB_ANCHORS, strict=True)),
}
"""The scale of each model that collections may hold vectors of."""
