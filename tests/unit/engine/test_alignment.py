"""Chips: a face upright at one size, whatever the picture."""

import numpy as np
import pytest
from PIL import Image

from findme.engine.alignment import TEMPLATE, chip_frame, cut, surroundings_frame
from findme.engine.embedding import CHIP


def test_points_where_the_template_has_them_give_the_picture_itself() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (CHIP, CHIP, 3), np.uint8)

    chip = cut(Image.fromarray(pixels), chip_frame(TEMPLATE), CHIP)

    assert np.array_equal(pixels, chip)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_face_on_its_side_is_set_upright(quarters: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (CHIP, CHIP, 3), np.uint8)
    points = TEMPLATE
    for _ in range(quarters):
        points = np.stack([CHIP - points[:, 1], points[:, 0]], 1)

    chip = cut(Image.fromarray(np.rot90(pixels, -quarters)), chip_frame(points), CHIP)

    assert np.array_equal(pixels, chip)


def test_a_large_face_is_averaged_and_not_sampled() -> None:
    """Stripes of one pixel come out grey."""
    stripes = np.zeros((8 * CHIP, 8 * CHIP, 3), np.uint8)
    stripes[:, ::2] = 255

    chip = cut(Image.fromarray(stripes), chip_frame(8 * TEMPLATE), CHIP)

    assert np.abs(chip[2:-2, 2:-2].astype(int) - 128).max() <= 1


def test_what_lies_outside_of_the_picture_is_black() -> None:
    white = Image.new("RGB", (CHIP, CHIP), "white")

    square = cut(white, surroundings_frame(TEMPLATE, CHIP, 2.0), CHIP)

    assert square[CHIP // 2, CHIP // 2].tolist() == [255, 255, 255]
    assert square[2, 2].tolist() == [0, 0, 0]
