"""Similarity in percent, as Rekognition speaks of it, from the distance of two face vectors.

The anchors are chosen by ``python -m findme.engine.calibrate``; docs/calibration.md has the table.
"""

import numpy as np

ANCHORS = (
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
"""Pairs of distance and similarity, straight lines between them; 0 beyond the last.

90 means surely the same person and 80 maybe; the others only give the scale an even run.
"""

_DISTANCES, _SIMILARITIES = (np.array(values) for values in zip(*ANCHORS, strict=True))


def of_distance(distance: float) -> float:
    """Similarity, 0 to 100, of two faces whose vectors lie *distance* apart."""
    return float(np.interp(distance, _DISTANCES, _SIMILARITIES))


def widest_distance(similarity: float) -> float:
    """Distance within which faces are at least this similar; infinite for 0."""
    if similarity <= 0:
        return float("inf")
    return float(np.interp(similarity, _SIMILARITIES[::-1], _DISTANCES[::-1]))
