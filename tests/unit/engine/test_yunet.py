"""Reading the maps of YuNet."""

import numpy as np
from numpy.typing import NDArray

from findme.engine.detections import Detections
from findme.engine.yunet import decode

COLUMNS, ROWS, STRIDE = 20, 10, 16


def maps(row: int, column: int, score: float) -> list[NDArray[np.float32]]:
    """Maps with one face, 64 pixels wide and 128 high, a quarter cell right of its cell's corner.

    All its points are half a cell below the corner.
    """
    cell = row * COLUMNS + column
    values = [np.zeros((1, ROWS * COLUMNS, count), np.float32) for count in (1, 1, 4, 10)]
    values[0][0, cell] = score
    values[1][0, cell] = score
    values[2][0, cell] = 0.25, 0.0, np.log(64 / STRIDE), np.log(128 / STRIDE)
    values[3][0, cell] = np.tile([0.0, 0.5], 5)
    return values


def found(score: float) -> Detections:
    return decode(STRIDE, COLUMNS, maps(4, 7, score), 0.5)


def test_a_cell_becomes_a_box_and_points_at_its_place() -> None:
    result = found(0.9)

    assert np.allclose([[116 - 32, 64 - 64, 116 + 32, 64 + 64]], result.boxes, atol=1e-4)
    assert np.allclose(np.tile([112, 72], (1, 5, 1)), result.points)
    assert np.allclose(0.9, result.scores)


def test_what_scores_less_is_no_face() -> None:
    assert len(found(0.49)) == 0
