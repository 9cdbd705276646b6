"""Similarity in percent, as Rekognition speaks of it, from the distance of two face vectors.

The anchors are chosen by ``python -m findme.engine.calibrate``; docs/calibration.md has the table.
"""

import numpy as np

ANCHORS = ((0.0, 100.0), (0.5, 90.0), (0.565, 80.0), (0.7, 50.0), (1.0, 10.0), (2.0, 0.0))
"""Pairs of distance and similarity, straight lines between them; 0 beyond the last."""

_DISTANCES, _SIMILARITIES = (np.array(values) for values in zip(*ANCHORS, strict=True))


def of_distance(distance: float) -> float:
    """Similarity, 0 to 100, of two faces whose vectors lie *distance* apart."""
    return float(np.interp(distance, _DISTANCES, _SIMILARITIES))


def widest_distance(similarity: float) -> float:
    """Distance within which faces are at least this similar; infinite for 0."""
    if similarity <= 0:
        return float("inf")
    return float(np.interp(similarity, _SIMILARITIES[::-1], _DISTANCES[::-1]))
