"""The shelves: which similarities stand on which."""

import pytest

from findme.gallery import guest_photos
from findme.gallery.guest_photos import Thresholds
from findme.models import Shelf

THRESHOLDS = Thresholds(sure=90.0, maybe=80.0)


@pytest.mark.parametrize(
    ("similarity", "on"),
    [
        (100.0, Shelf.SURE),
        (90.0, Shelf.SURE),
        (89.99, Shelf.MAYBE),
        (80.0, Shelf.MAYBE),
        (79.9, None),
    ],
)
def test_every_similarity_stands_on_one_shelf_at_most(similarity: float, on: Shelf | None) -> None:
    found = []
    for shelf in Shelf:
        low, high = guest_photos._range(THRESHOLDS, shelf)
        if low <= similarity < high:
            found.append(shelf)
    assert found == ([] if on is None else [on])
