"""Watermarks: in the corner, whatever the size of the picture; no letters that cannot be drawn."""

import pytest
from PIL import Image, ImageChops

from findme.media import watermark


def stamped(width: int, height: int, text: str = "© Léa Martin") -> tuple[int, int, int, int]:
    """Return where a grey picture has changed."""
    plain = Image.new("RGB", (width, height), "#808080")
    marked = plain.copy()
    watermark.stamp(marked, text)
    box = ImageChops.difference(plain, marked).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize(
    ("width", "height"), [(1600, 1067), (1067, 1600), (6000, 4000), (300, 200)]
)
def test_a_watermark_stands_in_the_lower_right_corner(width: int, height: int) -> None:
    left, top, right, bottom = stamped(width, height)

    assert left > width / 3
    assert top > height * 0.85
    assert width * 0.9 < right < width
    assert height * 0.9 < bottom < height


def test_a_long_line_is_made_smaller() -> None:
    left, _, right, _ = stamped(400, 900, "x" * 60)

    assert left > 0
    assert right - left <= 400 * 0.93


@pytest.mark.parametrize("size", [(1, 1), (8, 3000), (3000, 8)])
def test_a_picture_that_is_too_small_for_letters_stays_whole(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size)

    watermark.stamp(picture, "© Léa")

    assert picture.size == size


def test_what_the_font_cannot_write_is_named_once() -> None:
    assert watermark.unwritable("© Léa — “Noël” à l’Œuvre 2026, 100 €") == ""
    assert watermark.unwritable("漢字漢 Ж\n") == "漢字Ж"
