"""Light: what is dark is brightened, and nothing else is touched."""

import numpy as np
import pytest
from PIL import Image

from findme.engine.exposure import MOST, TARGET, brighten, brighten_chips

PIXELS = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)


def test_a_bright_picture_stays_the_same_object() -> None:
    picture = Image.fromarray(PIXELS)

    assert brighten(picture) == (picture, 1.0)
    assert brighten(picture)[0] is picture


def test_a_dark_picture_gets_its_brightest_parts_to_the_target() -> None:
    brightened, factor = brighten(Image.fromarray(PIXELS // 8))

    assert np.percentile(np.asarray(brightened).max(2), 99) == pytest.approx(TARGET, abs=factor)


@pytest.mark.parametrize(
    "picture", [Image.new("RGB", (80, 80)), Image.new("RGB", (80, 80), "#010101")]
)
def test_black_is_not_multiplied_without_end(picture: Image.Image) -> None:
    brightened, factor = brighten(picture)

    assert factor == MOST
    assert np.asarray(brightened).max() <= MOST


def test_only_the_dark_chips_change_and_the_given_ones_do_not() -> None:
    chips = np.stack([PIXELS[:, :64], PIXELS[:, :64] // 8])
    before = chips.copy()

    bright, lifted = brighten_chips(chips)

    assert np.array_equal(chips, before)
    assert np.array_equal(bright, before[0])
    assert lifted.max() > 180
    assert brighten_chips(chips[:0]).shape == (0, 64, 64, 3)
