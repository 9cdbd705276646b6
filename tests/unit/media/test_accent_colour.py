"""Accents: readable in both schemes, and no further from what was chosen than need be."""

from hypothesis import given
from hypothesis import strategies as st

from findme.media.accent_colour import CONTRAST, DAY, HOVER, NIGHT, accent, contrast, mixed

COLOURS = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)


@given(COLOURS)
def test_any_colour_becomes_readable_by_day_and_by_night(colour: str) -> None:
    """Under the pointer too, where the paper shines through."""
    made = accent(colour)

    for shown, text, paper in ((made.day, *DAY), (made.night, *NIGHT)):
        assert contrast(shown, text) >= CONTRAST
        assert contrast(mixed(shown, paper, HOVER), text) >= CONTRAST
    assert (made.on_day, made.on_night) == (DAY[0], NIGHT[0])


def test_a_colour_that_is_readable_stays_as_it_was_chosen() -> None:
    assert accent("#7a1f5c").day == "#7a1f5c"
    assert accent("#f5b82e").night == "#f5b82e"


def test_a_colour_moves_as_far_as_it_must_and_keeps_its_hue() -> None:
    """Marigold by day turns brown, not black; burgundy by night turns pink, not white."""
    made = [accent("#f5b82e").day, accent("#7a1f5c").night]

    assert made == ["#7e5b00", "#d674af"]


def test_the_ends_of_the_scale_are_moved_too() -> None:
    assert contrast(accent("#ffffff").day, DAY[0]) < 8
    assert contrast(accent("#000000").night, NIGHT[0]) < 8


def test_contrast_is_that_of_wcag() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
    assert contrast("#777777", "#777777") == 1
