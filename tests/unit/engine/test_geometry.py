"""Similarities and poses, against motions that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findme.engine.geometry import MEAN_FACE, keep_best, pose, similarity

angles = st.floats(-180, 180)


@given(angles, st.floats(0.1, 20), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_recovered_from_the_points_it_moved(
    angle: float, scale: float, x: float, y: float
) -> None:
    source = np.array([[0.0, 0.0], [10.0, 0.0], [4.0, 7.0], [1.0, 9.0]])
    radians = np.radians(angle)
    turn = scale * np.array(
        [[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]]
    )

    matrix, shift = similarity(source, source @ turn.T + (x, y))

    assert np.allclose(turn, matrix, atol=1e-6)
    assert np.allclose((x, y), shift, atol=1e-5)


@pytest.mark.parametrize(
    ("roll", "yaw", "pitch"),
    [(0, 0, 0), (20, 0, 0), (-35, 0, 0), (0, 30, 0), (0, -45, 0), (0, 0, 25), (0, 0, -20)],
)
def test_a_turned_head_gives_its_pose_back(roll: float, yaw: float, pitch: float) -> None:
    """Positive: clockwise, to the picture's right, upwards."""
    seen = MEAN_FACE @ turned(roll, yaw, pitch).T

    assert (roll, yaw, pitch) == pytest.approx(pose(3 * seen[:, :2] + (200, 100)), abs=1)


def turned(roll: float, yaw: float, pitch: float) -> np.ndarray:
    r, y, p = np.radians([roll, yaw, -pitch])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    return np.asarray(about_z @ about_y @ about_x)


def test_boxes_that_barely_touch_are_two_faces() -> None:
    boxes = np.array([[0.0, 0.0, 10.0, 10.0], [9.0, 0.0, 19.0, 10.0], [1.0, 0.0, 11.0, 10.0]])

    assert keep_best(boxes, np.array([0.5, 0.6, 0.9]), 0.3).tolist() == [2, 1]
