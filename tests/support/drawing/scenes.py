"""Drawn evenings: people, places and selfies; the same seed draws the same picture."""

import io
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from findme.models import Box
from tests.support.drawing.characters import CAST, Pencil, draw_person

#: Drawn so many times larger than kept: edges come out smooth.
SCALE = 2
#: Backgrounds are soft: they are painted small.
SOFT = 8

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture is taken: the sky from top to bottom, and what glows in it."""

    top: Colour
    bottom: Colour
    glow: Colour
    bokeh: Sequence[Colour] = ()
    hills: Colour | None = None
    strings: bool = False
    confetti: bool = False


PLACES: Mapping[str, Place] = {
    "garden": Place((190, 214, 196), (246, 226, 176), (255, 240, 200), hills=(92, 132, 92)),
    "terrace": Place(
        (247, 205, 148), (250, 226, 178), (255, 244, 214), hills=(150, 136, 84), strings=True
    ),
    "hall": Place(
        (44, 26, 20), (112, 66, 40), (190, 120, 66), ((246, 190, 96), (214, 136, 74)), strings=True
    ),
    "dance": Place(
        (36, 44, 122),
        (70, 26, 74),
        (150, 64, 150),
        ((120, 140, 240), (226, 96, 170), (246, 190, 96)),
    ),
    "confetti": Place((240, 196, 184), (222, 138, 140), (252, 226, 210), confetti=True),
    "dusk": Place(
        (96, 78, 140), (240, 150, 110), (255, 208, 150), hills=(58, 44, 78), strings=True
    ),
}
_PAPERS = ((246, 184, 46), (74, 140, 120), (208, 92, 110), (250, 248, 240), (90, 110, 190))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawn photo and where its faces are, by the place in CAST of whose they are."""

    jpeg: bytes
    width: int
    height: int
    faces: Sequence[tuple[int, Box]]


def draw_group(
    seed: int, place: str, people: Sequence[int], width: int, height: int, *, table: bool = False
) -> Drawn:
    """Draw some of CAST side by side; with nobody, the things of the evening."""
    chance = random.Random(seed)  # a drawing
    size = (width * SCALE, height * SCALE)
    picture = _background(chance, PLACES[place], size)
    boxes: list[tuple[int, Box]] = []
    if people:
        span = size[0] / (len(people) + 0.7)
        radius = min(span * 0.40, size[1] * (0.155 if len(people) > 1 else 0.19))
        # those behind first, so that neighbours overlap as people do who stand close
        order = sorted(range(len(people)), key=lambda number: number % 2 == 0)
        for number in order:
            x = size[0] / 2 + (number - (len(people) - 1) / 2) * min(span, radius * 2.6)
            lift = radius * (0.5 if number % 2 else 0.0) + chance.uniform(-0.15, 0.25) * radius
            y = size[1] * (0.46 if len(people) > 1 else 0.44) - lift
            looks = CAST[people[number]]
            mood = chance.choice(("laugh", "smile", "wink", "laugh"))
            draw_person(picture, looks, x, y, radius, mood=mood, tilt=chance.uniform(-0.12, 0.12))
            boxes.append((people[number], _face_box(x, y, radius, size)))
    else:
        _things(picture, chance)
    if table:
        _table(picture, chance)
    if PLACES[place].confetti:
        _confetti(picture, chance)
    return _finish(picture, chance, width, height, boxes)


def draw_selfie(person: int) -> bytes:
    """Draw somebody's selfie, as a JPEG of 720 x 900."""
    return draw_group(900 + person, "terrace", [person], 720, 900).jpeg


def _face_box(x: float, y: float, radius: float, size: tuple[int, int]) -> Box:
    width, height = radius * 1.7 / size[0], radius * 2.1 / size[1]
    return Box(
        max(0.0, x / size[0] - width / 2),
        max(0.0, (y + radius * 0.05) / size[1] - height / 2),
        width,
        height,
    )


def _background(chance: random.Random, place: Place, size: tuple[int, int]) -> Image.Image:
    small = (size[0] // SOFT, size[1] // SOFT)
    rows = np.linspace(0, 1, small[1])[:, None, None]
    sky = np.array(place.top) * (1 - rows) + np.array(place.bottom) * rows
    x, y = np.meshgrid(np.arange(small[0]), np.arange(small[1]))
    centre = (chance.uniform(0.2, 0.8) * small[0], chance.uniform(0.1, 0.4) * small[1])
    distance = np.hypot(x - centre[0], y - centre[1]) / max(small)
    light = np.exp(-((distance / 0.38) ** 2))[:, :, None] * 0.75
    soft = Image.fromarray((sky * (1 - light) + np.array(place.glow) * light).astype(np.uint8))
    if place.hills is not None:
        _hills(soft, chance, place.hills)
    for _ in range(26 if place.bokeh else 0):
        disc = Image.new("RGB", small)
        r = chance.uniform(0.02, 0.085) * small[1]
        cx, cy = chance.uniform(0, small[0]), chance.uniform(0, small[1] * 0.75)
        shade = [round(part * chance.uniform(0.2, 0.5)) for part in chance.choice(place.bokeh)]
        ImageDraw.Draw(disc).ellipse((cx - r, cy - r, cx + r, cy + r), fill=tuple(shade))
        soft = ImageChops.screen(soft, disc)
    soft = soft.filter(ImageFilter.GaussianBlur(1.2))
    lamps = _lamps(chance) if place.strings else []
    if lamps:
        soft = ImageChops.screen(soft, _glow(soft.size, lamps))
    picture = soft.resize(size, Image.Resampling.BILINEAR)
    pencil, r = ImageDraw.Draw(picture), size[1] / 147
    for across, down in lamps:
        cx, cy = across * size[0], down * size[1]
        pencil.ellipse((cx - r, cy - r, cx + r, cy + r), fill=(255, 238, 196))
    return picture


def _hills(soft: Image.Image, chance: random.Random, colour: Colour) -> None:
    pencil = ImageDraw.Draw(soft)
    width, height = soft.size
    for depth in range(2):
        shade = tuple(round(part * (1.12 - 0.24 * depth)) for part in colour)
        base, phase = height * (0.5 + 0.13 * depth), chance.uniform(0, 6)
        line = [
            (x, base - height * 0.07 * math.sin(x / width * (5 + 3 * depth) + phase))
            for x in range(0, width + 4, 4)
        ]
        pencil.polygon([(0, height), *line, (width, height)], fill=shade)


def _lamps(chance: random.Random) -> list[tuple[float, float]]:
    """Return where the lamps of two chains hang, as shares of width and height."""
    lamps = []
    for row in range(2):
        start, sag = chance.uniform(0.03, 0.09) + 0.09 * row, chance.uniform(0.05, 0.11)
        for number in range(17):
            t = number / 16
            lamps.append((t, start + sag * (1 - (2 * ((t * 2) % 1) - 1) ** 2)))
    return lamps


def _glow(size: tuple[int, int], lamps: Sequence[tuple[float, float]]) -> Image.Image:
    glow = Image.new("RGB", size)
    pencil, r = ImageDraw.Draw(glow), size[1] / 42
    for x, y in lamps:
        x, y = x * size[0], y * size[1]
        pencil.ellipse((x - r, y - r, x + r, y + r), fill=(230, 160, 70))
    return glow.filter(ImageFilter.GaussianBlur(size[1] / 55))


def _table(picture: Image.Image, chance: random.Random) -> None:
    """Put a table with candles before everybody."""
    width, height = picture.size
    top = height * 0.8
    pencil = ImageDraw.Draw(picture)
    pencil.rectangle((0, top, width, height), fill=(214, 198, 184))
    pencil.rectangle((0, top, width, top + height * 0.012), fill=(232, 220, 208))
    for number in range(4):
        x = width * (0.14 + 0.24 * number) + chance.uniform(-0.03, 0.03) * width
        w, h = height * 0.011, height * chance.uniform(0.08, 0.13)
        pencil.rectangle(
            (x - w, top - h + height * 0.03, x + w, top + height * 0.03), (250, 240, 214)
        )
        flame = top - h + height * 0.01
        pencil.ellipse((x - w, flame - 3 * w, x + w, flame + w), fill=(255, 214, 110))


def _things(picture: Image.Image, chance: random.Random) -> None:
    """Draw what photographers take between two people: a cake, glasses or flowers."""
    width, height = picture.size
    pencil = Pencil(picture, width / 2, height * 0.6, min(width, height) * 0.09)
    kind = chance.randrange(3)
    if kind == 0:
        for tier, half in enumerate((3.0, 2.2, 1.4)):
            low = 2.6 - 1.5 * tier
            pencil.rounded(-half, low - 1.5, half, low, 0.18, (250, 242, 232))
            pencil.rounded(-half, low - 1.5, half, low - 1.18, 0.14, (228, 150, 160))
        for number in range(5):
            pencil.ellipse(-1.1 + 0.55 * number, -2.1, 0.24, 0.24, (200, 60, 84))
    elif kind == 1:
        for side in (-1.5, 0.0, 1.5):
            pencil.polygon(
                [(side - 0.62, -2.6), (side + 0.62, -2.6), (side + 0.36, 0.1), (side - 0.36, 0.1)],
                (250, 236, 190),
            )
            pencil.polygon(
                [(side - 0.54, -1.7), (side + 0.54, -1.7), (side + 0.36, 0.1), (side - 0.36, 0.1)],
                (246, 190, 70),
            )
            pencil.rounded(side - 0.07, 0.1, side + 0.07, 2.2, 0.05, (250, 240, 220))
            pencil.rounded(side - 0.6, 2.1, side + 0.6, 2.3, 0.1, (250, 240, 220))
    else:
        pencil.polygon([(-0.9, 0.4), (0.9, 0.4), (0.35, 3.2), (-0.35, 3.2)], (106, 146, 110))
        for number in range(22):
            turn, out = number * 2.4, 0.42 * math.sqrt(number)
            colour = chance.choice(
                ((246, 214, 206), (226, 130, 130), (252, 244, 224), (240, 180, 90))
            )
            pencil.ellipse(out * math.cos(turn), -0.7 + out * math.sin(turn), 0.55, 0.55, colour)
            shade = tuple(round(part * 0.9) for part in colour)
            pencil.ellipse(out * math.cos(turn), -0.7 + out * math.sin(turn), 0.22, 0.22, shade)


def _confetti(picture: Image.Image, chance: random.Random) -> None:
    pencil = ImageDraw.Draw(picture)
    r = picture.height / 160
    for _ in range(120):
        x, y = chance.uniform(0, picture.width), chance.uniform(0, picture.height)
        turn = chance.uniform(0, math.pi)
        dx, dy = r * math.cos(turn), r * math.sin(turn)
        pencil.polygon(
            [
                (x - dx, y - dy),
                (x + dy / 2, y - dx / 2),
                (x + dx, y + dy),
                (x - dy / 2, y + dx / 2),
            ],
            fill=chance.choice(_PAPERS),
        )


def _finish(
    picture: Image.Image,
    chance: random.Random,
    width: int,
    height: int,
    boxes: Sequence[tuple[int, Box]],
) -> Drawn:
    kept = picture.reduce(SCALE)
    out = io.BytesIO()
    kept.save(out, "JPEG", quality=90, comment=f"drawn {chance.random()}".encode())
    return Drawn(out.getvalue(), width, height, boxes)
