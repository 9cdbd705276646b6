"""The table of vectors against a plain search."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from findme.engine.embedding import DIMENSIONS
from findme.engine.vectors import VectorTable


def vectors(count: int, seed: int = 1) -> NDArray[np.float32]:
    """Random vectors at the scale of faces: two of them are about 1.4 apart."""
    numbers = np.random.default_rng(seed).normal(0, 1.0 / DIMENSIONS**0.5, (count, DIMENSIONS))
    return numbers.astype(np.float32)


def filled(rows: NDArray[np.float32]) -> VectorTable:
    table = VectorTable()
    for number, row in enumerate(rows, 1):
        table.add(number, row)
    return table


def test_all_within_the_radius_are_found_nearest_first() -> None:
    rows = vectors(3000)
    query = vectors(1, seed=2)[0]

    found = filled(rows).within(query, 1.35)

    exact = np.linalg.norm(rows - query, axis=1)
    order = [int(place) + 1 for place in np.argsort(exact, kind="stable") if exact[place] <= 1.35]
    assert order == [number for number, _ in found]
    assert np.allclose(np.sort(exact)[: len(found)], [distance for _, distance in found])


def test_a_vector_finds_itself_at_no_distance() -> None:
    rows = vectors(100)

    assert filled(rows).within(rows[40], 0.5)[0] == (41, 0.0)


def test_an_empty_table_finds_nothing() -> None:
    assert VectorTable().within(vectors(1)[0], float("inf")) == []


@settings(max_examples=40)
@given(st.lists(st.integers(1, 60), unique=True, max_size=60))
def test_removed_vectors_are_gone_and_the_others_stay(gone: list[int]) -> None:
    rows = vectors(60)
    table = filled(rows)

    table.remove(gone)

    left = {number for number, _ in table.within(rows[0], float("inf"))}
    assert set(range(1, 61)) - set(gone) == left
    assert 60 - len(gone) == len(table)
    for number in left:
        assert (number, 0.0) == table.within(rows[number - 1], 0.01)[0]


def test_a_table_grows_again_after_it_was_emptied() -> None:
    rows = vectors(200)
    table = filled(rows[:100])
    table.remove(range(1, 101))
    for number, row in enumerate(rows[100:], 101):
        table.add(number, row)

    assert len(table) == 100
    assert table.within(rows[149], 0.01)[0] == (150, 0.0)
