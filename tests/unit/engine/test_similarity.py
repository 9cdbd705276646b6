"""The map from distance to percent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from findme.engine import similarity

distances = st.floats(0, 3)


@given(distances, distances)
def test_nearer_is_never_less_similar(one: float, other: float) -> None:
    near, far = sorted((one, other))

    assert similarity.of_distance(near) >= similarity.of_distance(far)


@given(st.floats(0, 1.2), st.floats(0.001, 0.2))
def test_nearer_is_more_similar_as_far_as_it_matters(distance: float, step: float) -> None:
    further = min(1.2, distance + step)
    if further > distance:
        assert similarity.of_distance(distance) > similarity.of_distance(further)


def test_the_ends_and_the_two_thresholds() -> None:
    assert similarity.of_distance(0.0) == 100.0
    assert similarity.of_distance(1.7) == 0.0
    assert similarity.of_distance(0.505) == 90.0
    assert similarity.of_distance(0.565) == 80.0


@given(st.floats(0.1, 100))
def test_the_widest_distance_of_a_threshold_just_reaches_it(threshold: float) -> None:
    widest = similarity.widest_distance(threshold)

    assert threshold == pytest.approx(similarity.of_distance(widest), abs=1e-6)


def test_a_threshold_of_zero_keeps_everything() -> None:
    assert float("inf") == similarity.widest_distance(0.0)
