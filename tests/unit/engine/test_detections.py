"""Faces of one picture, moved and turned with it."""

import numpy as np
import pytest

from findme.engine.detections import Detections, merge

ONE = Detections(
    np.array([[10.0, 20.0, 40.0, 60.0]]),
    np.array([0.9]),
    np.array([[[20.0, 30.0], [30.0, 30.0], [25.0, 40.0], [21.0, 50.0], [29.0, 50.0]]]),
)
SIZE = (100, 80)


def test_a_quarter_turn_takes_the_upper_left_corner_to_the_upper_right() -> None:
    turned = ONE.turned(1, SIZE)

    assert turned.boxes.tolist() == [[80 - 60, 10, 80 - 20, 40]]
    assert turned.points[0, 0].tolist() == [80 - 30, 20]


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_turn_and_its_opposite_change_nothing(quarters: int) -> None:
    size = SIZE if quarters % 2 == 0 else SIZE[::-1]
    back = ONE.turned(quarters, SIZE).turned(4 - quarters, size)

    assert np.allclose(ONE.boxes, back.boxes)
    assert np.allclose(ONE.points, back.points)


def test_a_face_that_two_looks_found_counts_once_by_the_better_one() -> None:
    other = Detections(ONE.boxes + 3, np.array([0.95]), ONE.points)
    beside = ONE.moved(200, 0)

    both = merge([ONE, other, beside])

    assert both.scores.tolist() == [0.95, 0.9]
