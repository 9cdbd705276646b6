"""Tiles of the grid: headings by hour and day, ratios, and the small ovals."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from findme.gallery.photo_position import PhotoPosition, position_among
from findme.language import Language, read_languages
from findme.models import Cursor, PhotoId
from findme.web import tiles
from findme.web.tiles import (
    AROUND,
    OVAL,
    add_headings,
    day_of,
    hours_of,
    mini_of,
    ring_of,
    tile_of,
)

PARIS = ZoneInfo("Europe/Paris")
LATE = datetime(2026, 11, 21, 22, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def languages() -> Mapping[str, Language]:
    return read_languages()


def photo(**members: Any) -> dict[str, Any]:
    """Return a photo as the API describes it."""
    return {"width": 4000, "height": 3000, "face_box": None, "thumb_url": "/thumb", **members}


def test_a_heading_stands_where_the_hour_changes(languages: dict[str, Language]) -> None:
    """In the visitor's zone; the day is said once, and again where it is another one."""
    times = ["23:40", "23:10", "22:50", "23:05", "21:59"]
    tiles = [tile_of(photo(), datetime.fromisoformat(f"2026-11-21T{time}:00Z")) for time in times]
    add_headings(tiles, languages["fr"], PARIS)
    # in Paris it is 0:40, 0:10, 23:50, 0:05 and 22:59
    days = [tile["heading"] and tile["heading"]["day"] for tile in tiles]
    saturday, sunday = "samedi 21 novembre", "dimanche 22 novembre"
    assert days == [sunday, None, saturday, sunday, saturday]
    assert [tile["heading"] is not None for tile in tiles] == [True, False, True, True, True]


def test_hours_and_days_are_the_languages_own(languages: dict[str, Language]) -> None:
    french, english = languages["fr"], languages["en"]
    assert hours_of(french, PARIS)(LATE, "{h} h") == "23 h"
    assert hours_of(english, PARIS)(LATE, "{h} {p}") == "11 PM"
    assert day_of(LATE.astimezone(PARIS), french) == "samedi 21 novembre"
    assert day_of(LATE.astimezone(PARIS), english) == "Saturday, November 21"


@pytest.mark.parametrize(("width", "height", "ratio"), [(9000, 1000, 2.4), (1000, 9000, 0.56)])
def test_extreme_pictures_are_cut(width: int, height: int, ratio: float) -> None:
    assert tile_of(photo(width=width, height=height), LATE)["ratio"] == ratio


@pytest.mark.parametrize("left", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("size", [0.02, 0.1, 0.9])
def test_an_oval_is_full_of_picture(left: float, size: float) -> None:
    """Wherever the face is, no edge of the picture shows; a small one is magnified."""
    box = {"left": left, "top": 0.3, "width": min(size, 1 - left), "height": 0.2}
    mini = mini_of(photo(face_box=box))
    assert mini["left"] <= 0 <= OVAL[0] - 1 <= mini["left"] + mini["width"]
    assert mini["top"] <= 0 <= OVAL[1] - 1 <= mini["top"] + mini["width"] * 3 / 4
    assert mini["width"] >= OVAL[0] / (AROUND * box["width"]) - 1


def test_a_photo_knows_its_neighbours() -> None:
    """Newest first; one that is not in the shelf (any more) has neighbours, and no number."""
    late, early = (
        Cursor(datetime(2026, 11, 21, hour, tzinfo=UTC), PhotoId(2)) for hour in (22, 20)
    )
    same = Cursor(early.dated_at, PhotoId(9))
    shelf = [late, same, early]
    assert position_among(same, shelf) == PhotoPosition(late.id, early.id, 2, 3)
    assert position_among(late, shelf) == PhotoPosition(None, same.id, 1, 3)
    gone = Cursor(early.dated_at, PhotoId(4))
    assert position_among(gone, shelf) == PhotoPosition(same.id, early.id, None, 3)
    assert position_among(gone, []) == PhotoPosition(None, None, None, 0)


def test_a_ring_stays_inside_the_picture() -> None:
    """It leaves room for hair and chin, but no edge cuts it off; without a face there is none."""
    middle = {"left": 0.4, "top": 0.4, "width": 0.1, "height": 0.2}
    assert ring_of(photo(face_box=middle)) == {
        "left": 36.6,
        "width": 16.8,
        "top": 34.4,
        "height": 31.2,
    }
    above = {"left": 0.0, "top": -0.02, "width": 0.2, "height": 0.3}
    assert ring_of(photo(face_box=above)) == {
        "left": 1.0,
        "width": 25.8,
        "top": 1.0,
        "height": 35.4,
    }
    below = {"left": 0.85, "top": 0.8, "width": 0.2, "height": 0.3}
    low = ring_of(photo(face_box=below))
    assert low is not None
    assert low["left"] + low["width"] <= 99
    assert low["top"] + low["height"] <= 99
    assert ring_of(photo()) is None


def test_scripts_have_the_same_numbers_as_the_server() -> None:
    """Tiles and rings that a script adds look like those that the server rendered."""
    static = Path(tiles.__file__).parent / "static"
    script = "".join((static / name).read_text("utf-8") for name in ("grid.js", "maybe.js"))
    found = re.findall(r"^const ([A-Z]+) = ([\d.]+);", script, re.MULTILINE)
    numbers = {name: float(value) for name, value in found}
    ring = re.search(r'^const RING = .*"width", ([\d.]+).*"height", ([\d.]+)', script, re.MULTILINE)

    assert (numbers["NARROWEST"], numbers["WIDEST"]) == tiles.RATIOS
    assert (numbers["WIDE"], numbers["EDGE"]) == (tiles.WIDE, tiles.EDGE)
    assert ring is not None
    assert tuple(map(float, ring.groups())) == tiles.RING
