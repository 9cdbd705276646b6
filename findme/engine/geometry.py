"""Plane geometry of faces: similarities, boxes that overlap, the pose behind five points."""

import numpy as np
from numpy.typing import NDArray


def similarity(
    source: NDArray[np.floating], target: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least-squares similarity that takes *source* (k x 2) to *target*.

    Returns a 2 x 2 matrix (rotation times scale) and a shift: target = matrix @ source + shift.
    """
    source, target = source.astype(np.float64), target.astype(np.float64)
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    norm = (a * a).sum()
    cosine = (a * b).sum() / norm
    sine = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / norm
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    return matrix, target_mean - matrix @ source_mean


def keep_best(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], overlap: float
) -> NDArray[np.intp]:
    """Pick the boxes (n x 4) that cover no better one; returns their indices, best first.

    Two boxes are of the same face when their intersection is at least *overlap* of their union.
    """
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        upper = np.maximum(boxes[best, :2], boxes[order, :2])
        lower = np.minimum(boxes[best, 2:], boxes[order, 2:])
        common = np.clip(lower - upper, 0, None).prod(1)
        order = order[common < overlap * (areas[best] + areas[order] - common)]
    return np.array(kept, np.intp)


def roll(points: NDArray[np.float64]) -> float:
    """Degrees, -180 to 180, by which a face with these points is tilted clockwise."""
    return float(np.degrees(np.arctan2(*(points[1] - points[0])[::-1])))


def turn_between(first: float, second: float) -> float:
    """Degrees, -180 to 180, from one angle to another."""
    return (second - first + 180) % 360 - 180


MEAN_FACE = np.array(
    [
        [-31.0, -31.0, 0.0],
        [31.0, -31.0, 0.0],
        [0.0, 4.0, 26.0],
        [-26.0, 31.0, 3.0],
        [26.0, 31.0, 3.0],
    ]
)
"""An average head in millimetres, y down, z towards the camera: eyes, nose, mouth corners."""


def pose(points: NDArray[np.float64]) -> tuple[float, float, float]:
    """Roll, yaw and pitch in degrees of a face with these five points (eyes, nose, mouth corners).

    Positive: roll turns clockwise on the picture; yaw to the picture's right and pitch upwards, as
    the picture is seen with the face upright.
    A scaled orthographic view of an average head is fitted, so 10 degrees of error are usual.
    """
    tilt = roll(points)
    head = MEAN_FACE - MEAN_FACE.mean(0)
    # Turned upright first: yaw and pitch are meant from the face's own up and down.
    cosine, sine = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    seen = (points - points.mean(0)) @ np.array([[cosine, -sine], [sine, cosine]])
    # Columns: what one millimetre along each axis of the head does on the picture.
    view, *_ = np.linalg.lstsq(head, seen, rcond=None)
    across, down = view[:, 0], view[:, 1]
    left, _, right = np.linalg.svd(np.stack([across, down]))
    rotation = left @ np.eye(2, 3) @ right
    toward = np.cross(rotation[0], rotation[1])
    turn = np.stack([rotation[0], rotation[1], toward])
    yaw = np.degrees(np.arctan2(turn[0, 2], np.hypot(turn[1, 2], turn[2, 2])))
    pitch = np.degrees(np.arctan2(-turn[1, 2], turn[2, 2]))
    return tilt, float(yaw), float(pitch)
