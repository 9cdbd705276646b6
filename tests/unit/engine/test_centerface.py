"""Reading the maps of CenterFace."""

import numpy as np
from numpy.typing import NDArray

from findme.engine.centerface import decode
from findme.engine.detections import Detections

ROWS, COLUMNS = 24, 32


def maps(
    faces: list[tuple[int, int, float, float, float]],
) -> tuple[NDArray[np.float64], ...]:
    """Maps with faces of (row, column, score, height, width)."""
    heat = np.zeros((ROWS, COLUMNS))
    scales = np.zeros((2, ROWS, COLUMNS))
    offsets = np.zeros((2, ROWS, COLUMNS))
    points = np.zeros((10, ROWS, COLUMNS))
    for row, column, score, height, width in faces:
        heat[row, column] = score
        scales[:, row, column] = np.log([height / 4, width / 4])
        offsets[:, row, column] = 0.25, -0.25
        points[:, row, column] = np.tile([0.5, 0.25], 5)
    return heat, scales, offsets, points


def found(faces: list[tuple[int, int, float, float, float]], threshold: float = 0.35) -> Detections:
    heat, scales, offsets, points = maps(faces)
    return decode(heat, scales, offsets, points, threshold)


def test_a_cell_becomes_a_box_around_its_place() -> None:
    result = found([(10, 12, 0.9, 40.0, 20.0)])

    assert np.allclose([[(12 - 0.25 + 0.5) * 4 - 10, 43 - 20, 59, 43 + 20]], result.boxes)
    assert np.allclose(0.9, result.scores)
    assert np.allclose(np.tile([39 + 0.25 * 20, 23 + 0.5 * 40], (1, 5, 1)), result.points)


def test_points_of_a_face_at_the_edge_are_measured_from_its_own_corner() -> None:
    """The usual decoding cuts the corner at 0 first and moves the points."""
    inside, edge = found([(10, 12, 0.9, 40.0, 40.0)]), found([(1, 1, 0.9, 40.0, 40.0)])

    assert edge.boxes[0, 0] < 0
    assert np.allclose(inside.points - inside.boxes[0, :2], edge.points - edge.boxes[0, :2])


def test_what_scores_less_is_no_face() -> None:
    assert len(found([(10, 12, 0.3, 40.0, 40.0)])) == 0


def test_the_best_of_boxes_on_the_same_face_is_kept() -> None:
    result = found(
        [(10, 12, 0.6, 40.0, 40.0), (10, 13, 0.9, 40.0, 40.0), (20, 28, 0.5, 20.0, 20.0)]
    )

    assert np.allclose([0.9, 0.5], result.scores)
