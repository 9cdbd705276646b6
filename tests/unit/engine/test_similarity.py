"""The map from cosine and distance to percent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findme.engine import DLIB_MODEL_VERSION, similarity
from findme.engine.similarity import SCALES, SFACE

distances = st.floats(0, 2)
scales = st.sampled_from(list(SCALES.values()))


@given(scales, distances, distances)
def test_nearer_is_never_less_similar(scale: similarity.Scale, one: float, other: float) -> None:
    near, far = sorted((one, other))

    assert scale.of_distance(near) >= scale.of_distance(far)


@given(distances, st.floats(0.001, 0.2))
def test_nearer_is_more_similar_over_the_whole_scale(distance: float, step: float) -> None:
    further = min(2.0, distance + step)
    if further > distance + 1e-6:
        assert SFACE.of_distance(distance) > SFACE.of_distance(further)


@pytest.mark.parametrize(("cosine", "percent"), [(1.0, 100), (0.47, 90), (0.42, 80), (-1.0, 0)])
def test_the_ends_and_the_two_thresholds(cosine: float, percent: float) -> None:
    assert similarity.of_cosine(cosine) == percent
    assert SFACE.of_distance(float(np.sqrt(2 - 2 * cosine))) == pytest.approx(percent, abs=0.01)
    assert similarity.least_cosine(percent) == pytest.approx(cosine)


def test_collections_of_the_former_network_keep_its_scale() -> None:
    former = SCALES[DLIB_MODEL_VERSION]

    assert [former.of_distance(distance) for distance in (0.0, 0.505, 0.565, 1.7)] == [
        100.0,
        90.0,
        80.0,
        0.0,
    ]


@given(scales, st.floats(0.1, 100))
def test_the_widest_distance_of_a_threshold_just_reaches_it(
    scale: similarity.Scale, threshold: float
) -> None:
    widest = scale.widest_distance(threshold)

    assert threshold == pytest.approx(scale.of_distance(widest), abs=1e-4)


def test_a_threshold_of_zero_keeps_everything() -> None:
    assert float("inf") == SFACE.widest_distance(0.0)


def test_two_vectors_are_as_similar_as_their_cosine() -> None:
    first, second = np.zeros(128, np.float32), np.zeros(128, np.float32)
    first[0], second[:2] = 1, (0.42, np.sqrt(1 - 0.42**2))

    assert SFACE.of_vectors(first, second) == pytest.approx(80, abs=0.01)
