"""Tiles of the justified grid, and the headings between them, for the templates."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Any

from babel import dates

from findme.language import Language

#: The narrowest and the widest tile, width by height; the same in grid.js.
RATIOS = (0.56, 2.4)
#: Wider tiles get the preview on wide screens: a thumbnail (400 px) is too small; as in grid.js.
WIDE = 1.8
#: The small ovals of "Maybe you?", in CSS pixels, and how many faces wide they show.
OVAL = (40, 50)
AROUND = 1.7

#: The distance of a ring to a face, in the face's width and height; the same in maybe.js.
RING = (0.34, 0.28)
#: The least distance of a ring to the picture's edge, in the picture's sides; in maybe.js, too.
EDGE = 0.01

#: Returns 23 h, or 11 PM, by the catalogue's sentence of {h} and {p}.
Hour = Callable[[datetime, str], str]


def tile_of(photo: dict[str, Any], dated_at: datetime) -> dict[str, Any]:
    """Return a photo (see the contract) with what its tile needs: time and ratio.

    Very wide and very high pictures are cut to RATIOS in the middle.
    """
    ratio = min(max(photo["width"] / photo["height"], RATIOS[0]), RATIOS[1])
    # to the millisecond, as the API says it: scripts compare the two
    when = dated_at.replace(microsecond=dated_at.microsecond // 1000 * 1000)
    return {**photo, "when": when, "ratio": round(ratio, 3), "heading": None}


def add_headings(tiles: Sequence[dict[str, Any]], language: Language, zone: tzinfo) -> None:
    """Mark the tiles at which another hour begins, with the day if that is another one, too.

    hours.js does the same for what comes later.
    """
    last = None
    for tile in tiles:
        local = tile["when"].astimezone(zone)
        if last is None or (local.date(), local.hour) != (last.date(), last.hour):
            new_day = last is None or local.date() != last.date()
            tile["heading"] = {"day": day_of(local, language) if new_day else None}
        last = local


def day_of(when: datetime, language: Language) -> str:
    """Return `samedi 21 novembre`, with the year if it is not this year."""
    pattern = dates.get_date_format("full", language.locale).pattern
    if when.year != datetime.now(when.tzinfo).year:
        return str(dates.format_date(when, pattern, language.locale))
    # drop the year with its separator: ", y", "'de' y"
    short = re.sub(r"[\s,]*(?:'[^']*'\s*)?y+", "", pattern)
    return str(dates.format_date(when, short, language.locale))


def hours_of(language: Language, zone: tzinfo) -> Hour:
    """Return the function that writes an hour of the day."""

    def hour(when: datetime, sentence: str) -> str:
        def part(pattern: str) -> str:
            return str(dates.format_time(when, pattern, tzinfo=zone, locale=language.locale))

        shown = part("h" if "{p}" in sentence else "H")
        return sentence.replace("{h}", shown).replace("{p}", part("a")).strip()

    return hour


def ring_of(photo: dict[str, Any]) -> dict[str, float] | None:
    """Return the position of the ring round the guest's face (per cent of the picture), or None.

    It leaves room for hair and chin, and stays inside the picture.
    """
    box = photo["face_box"]
    if box is None:
        return None
    ring: dict[str, float] = {}
    for side, length, around in (("left", "width", RING[0]), ("top", "height", RING[1])):
        start = max(EDGE, box[side] - around * box[length])
        end = min(1 - EDGE, box[side] + (1 + around) * box[length])
        ring |= {side: round(100 * start, 1), length: round(100 * max(0.0, end - start), 1)}
    return ring


def mini_of(photo: dict[str, Any]) -> dict[str, Any]:
    """Return the position of a thumbnail behind a small oval (CSS pixels) that shows the face."""
    box = photo["face_box"] or {"left": 0.25, "top": 0.2, "width": 0.5, "height": 0.5}
    across, down = OVAL
    ratio = photo["height"] / photo["width"]
    width = max(across / (AROUND * box["width"]), across, down / ratio)
    height = width * ratio
    left = across / 2 - (box["left"] + box["width"] / 2) * width
    top = down / 2 - (box["top"] + box["height"] / 2) * height
    return {
        "url": photo["thumb_url"],
        "width": round(width),
        "left": round(min(0.0, max(across - width, left))),
        "top": round(min(0.0, max(down - height, top))),
    }
