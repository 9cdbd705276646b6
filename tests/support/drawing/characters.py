"""The people of drawn pictures: who they are, and a pencil that knows how large they stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

Colour = tuple[int, ...]
INK = (44, 30, 28)


@dataclass(frozen=True, slots=True)
class Looks:
    """How somebody is drawn; *hair* names a cut, *wears* a neckline."""

    name: str
    skin: Colour
    hair: str
    hair_colour: Colour
    wears: str
    colour: Colour
    glasses: bool = False
    beard: bool = False
    earrings: bool = False


#: Who comes to the demo's events; the first one is the guest to look around as.
CAST: Sequence[Looks] = (
    Looks(
        "Camille", (250, 222, 204), "curls", (160, 70, 38), "dress", (34, 104, 78), earrings=True
    ),
    Looks(
        "Inès", (240, 208, 184), "bun", (74, 46, 34), "strapless", (252, 250, 246), earrings=True
    ),
    Looks("Malik", (140, 92, 66), "short", (26, 22, 24), "bow tie", (30, 32, 46)),
    Looks("Théo", (246, 214, 192), "short", (112, 72, 44), "tie", (58, 88, 118), beard=True),
    Looks("Aïcha", (196, 148, 116), "veil", (234, 214, 198), "high", (168, 118, 92)),
    Looks(
        "Jeanne", (246, 220, 204), "short", (222, 220, 218), "round", (128, 102, 168), glasses=True
    ),
    Looks("Nadia", (226, 176, 146), "long", (36, 26, 30), "dress", (192, 80, 104)),
    Looks("Awa", (122, 76, 54), "afro", (32, 24, 24), "dress", (226, 152, 46), earrings=True),
    Looks("Hugo", (248, 218, 196), "long", (216, 168, 96), "tie", (86, 112, 96), glasses=True),
    Looks("Mei", (244, 212, 180), "bob", (30, 26, 32), "round", (64, 118, 140)),
)


class Pencil:
    """Draws about a point, in units of the radius of a head; *y* grows downwards."""

    def __init__(self, picture: Image.Image, x: float, y: float, unit: float) -> None:
        self._draw = ImageDraw.Draw(picture)
        self._x, self._y, self._unit = x, y, unit

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self._x + x * self._unit, self._y + y * self._unit

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill an ellipse about a point."""
        self._draw.ellipse((*self._at(x - rx, y - ry), *self._at(x + rx, y + ry)), fill=colour)

    def polygon(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        """Fill a polygon."""
        self._draw.polygon([self._at(x, y) for x, y in points], fill=colour)

    def rounded(
        self, left: float, top: float, right: float, bottom: float, radius: float, colour: Colour
    ) -> None:
        """Fill a rectangle with round corners."""
        self._draw.rounded_rectangle(
            (*self._at(left, top), *self._at(right, bottom)), radius * self._unit, fill=colour
        )

    def arc(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        turns: tuple[float, float],
        colour: Colour,
        width: float = 0.07,
    ) -> None:
        """Draw part of an ellipse's line; turns in degrees, from three o'clock, clockwise."""
        box = (*self._at(x - rx, y - ry), *self._at(x + rx, y + ry))
        self._draw.arc(box, *turns, fill=colour, width=max(1, round(width * self._unit)))

    def slice(
        self, x: float, y: float, rx: float, ry: float, turns: tuple[float, float], colour: Colour
    ) -> None:
        """Fill what a chord cuts off an ellipse."""
        box = (*self._at(x - rx, y - ry), *self._at(x + rx, y + ry))
        self._draw.chord(box, *turns, fill=colour)


def draw_person(
    picture: Image.Image,
    looks: Looks,
    x: float,
    y: float,
    radius: float,
    *,
    mood: str,
    tilt: float = 0.0,
) -> None:
    """Draw somebody whose head is about (x, y); *mood* is laugh, smile or wink, *tilt* a shift."""
    body = Pencil(picture, x, y, radius)
    head = Pencil(picture, x + tilt * radius, y, radius)
    _hair_behind(head, looks)
    _body(body, looks)
    _head(head, looks)
    _face(head, looks, mood)
    _hair_before(head, looks)


def _shade(colour: Colour, by: float) -> Colour:
    return tuple(max(0, min(255, round(part * by))) for part in colour)


def _hair_behind(pencil: Pencil, looks: Looks) -> None:
    colour = looks.hair_colour
    if looks.hair == "long":
        pencil.rounded(-1.08, -0.7, 1.08, 2.1, 0.6, colour)
        pencil.ellipse(0, -0.35, 1.12, 1.05, colour)
    elif looks.hair == "bob":
        pencil.rounded(-1.1, -0.8, 1.1, 0.95, 0.45, colour)
        pencil.ellipse(0, -0.35, 1.12, 1.0, colour)
    elif looks.hair == "afro":
        pencil.ellipse(0, -0.38, 1.42, 1.32, colour)
    elif looks.hair == "veil":
        pencil.ellipse(0, -0.1, 1.18, 1.36, colour)
        pencil.polygon([(-1.16, 0), (1.16, 0), (1.5, 2.6), (-1.5, 2.6)], colour)
    elif looks.hair == "bun":
        pencil.ellipse(0, -1.3, 0.46, 0.42, colour)
        pencil.ellipse(0, -0.2, 1.03, 1.08, colour)
    elif looks.hair == "curls":
        for dx, dy in _CURLS:
            pencil.ellipse(dx, dy, 0.46, 0.46, colour)
        pencil.ellipse(0, -0.3, 1.15, 1.0, colour)


_CURLS = (
    (-0.95, -0.75), (-0.5, -1.12), (0, -1.22), (0.5, -1.12), (0.95, -0.75),
    (-1.15, -0.2), (1.15, -0.2), (-1.2, 0.35), (1.2, 0.35), (-1.1, 0.88), (1.1, 0.88),
)  # fmt: skip


_DRESS = (
    (-1.25, 1.5), (-0.85, 1.5), (-0.62, 2.5), (0.62, 2.5), (0.85, 1.5), (1.25, 1.5),
    (1.3, 3.2), (1.75, 9), (-1.75, 9), (-1.3, 3.2),
)  # fmt: skip


def _body(pencil: Pencil, looks: Looks) -> None:
    skin, cloth = looks.skin, looks.colour
    bare = looks.wears in ("dress", "strapless")
    # shoulders down past the lower edge of any picture
    shoulders = skin if bare else cloth
    pencil.rounded(-1.75, 1.5, 1.75, 9.0, 0.85, shoulders)
    pencil.rounded(-0.42, 0.6, 0.42, 1.95, 0.2, _shade(skin, 0.93))
    if looks.wears == "dress":
        pencil.polygon(_DRESS, cloth)
    elif looks.wears == "strapless":
        pencil.polygon([(-1.2, 2.6), (0, 2.85), (1.2, 2.6), (1.9, 9), (-1.9, 9)], cloth)
    elif looks.wears in ("bow tie", "tie"):
        pencil.polygon([(-0.5, 1.5), (0.5, 1.5), (0.12, 4.2), (-0.12, 4.2)], (250, 248, 244))
        pencil.polygon([(-0.5, 1.5), (-0.85, 1.6), (-0.1, 4.4)], _shade(cloth, 0.8))
        pencil.polygon([(0.5, 1.5), (0.85, 1.6), (0.1, 4.4)], _shade(cloth, 0.8))
        pencil.polygon([(-0.42, 1.35), (0.42, 1.35), (0, 1.95)], _shade(skin, 0.93))
        if looks.wears == "tie":
            pencil.polygon([(-0.14, 1.95), (0.14, 1.95), (0.2, 3.4), (0, 3.7), (-0.2, 3.4)],
                           (150, 52, 60))  # fmt: skip
        else:
            pencil.polygon([(0, 2.05), (-0.4, 1.85), (-0.4, 2.3)], INK)
            pencil.polygon([(0, 2.05), (0.4, 1.85), (0.4, 2.3)], INK)
    elif looks.wears == "round":
        pencil.ellipse(0, 1.5, 0.66, 0.5, _shade(skin, 0.93))


def _head(pencil: Pencil, looks: Looks) -> None:
    skin = looks.skin
    if looks.hair != "veil":
        for side in (-1, 1):
            pencil.ellipse(0.92 * side, 0.12, 0.17, 0.24, _shade(skin, 0.95))
    pencil.ellipse(0, 0, 0.92, 1.05, skin)
    if looks.earrings:
        for side in (-1, 1):
            pencil.ellipse(0.96 * side, 0.44, 0.1, 0.12, (240, 190, 70))
    if looks.beard:
        pencil.slice(0, 0.02, 0.92, 1.05, (12, 168), looks.hair_colour)
        pencil.ellipse(0, 0.28, 0.5, 0.2, skin)
    for side in (-1, 1):
        pencil.ellipse(0.56 * side, 0.3, 0.2, 0.14, _blush(skin))


def _blush(skin: Colour) -> Colour:
    red, green, blue = skin
    return min(255, round(red * 1.02)), round(green * 0.86), round(blue * 0.85)


def _face(pencil: Pencil, looks: Looks, mood: str) -> None:
    for side in (-1, 1):
        pencil.arc(0.37 * side, -0.16, 0.24, 0.2, (205, 335), _shade(looks.hair_colour, 0.8), 0.08)
        if mood == "laugh" or (mood == "wink" and side == 1):
            pencil.arc(0.37 * side, 0.1, 0.17, 0.16, (190, 350), INK, 0.075)
        else:
            pencil.ellipse(0.37 * side, 0.04, 0.095, 0.12, INK)
            pencil.ellipse(0.37 * side + 0.03, 0.0, 0.03, 0.035, (255, 255, 255))
    pencil.arc(0, 0.2, 0.1, 0.12, (30, 150), _shade(looks.skin, 0.72), 0.055)
    if mood == "smile":
        pencil.arc(0, 0.38, 0.34, 0.26, (20, 160), (146, 52, 54), 0.08)
    else:
        pencil.slice(0, 0.42, 0.38, 0.36, (0, 180), (130, 40, 46))
        pencil.rounded(-0.3, 0.42, 0.3, 0.52, 0.04, (255, 252, 248))
    if looks.glasses:
        for side in (-1, 1):
            pencil.arc(0.38 * side, 0.04, 0.3, 0.28, (0, 360), INK, 0.06)
        pencil.arc(0, 0.02, 0.12, 0.1, (200, 340), INK, 0.06)


def _hair_before(pencil: Pencil, looks: Looks) -> None:
    colour = looks.hair_colour
    if looks.hair == "short":
        pencil.slice(0, -0.16, 0.98, 0.98, (196, 344), colour)
    elif looks.hair == "bun":
        pencil.slice(0, -0.1, 0.95, 0.99, (205, 335), colour)
    elif looks.hair in ("long", "bob"):
        pencil.slice(0, -0.1, 0.98, 1.0, (198, 342), colour)
    elif looks.hair == "afro":
        pencil.slice(0, -0.16, 0.96, 0.96, (202, 338), colour)
    elif looks.hair == "curls":
        pencil.ellipse(0, -0.74, 0.75, 0.22, colour)
        for dx in (-0.7, -0.35, 0.0, 0.35, 0.7):
            pencil.ellipse(dx, -0.78 + 0.2 * abs(dx), 0.34, 0.3, colour)
    else:
        pencil.slice(0, -0.1, 1.0, 1.14, (203, 337), colour)
