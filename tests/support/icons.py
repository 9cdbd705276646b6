"""Draw the icons of the installed page from icon.svg: `python -m tests.support.icons`.

Phones want PNGs: 192 and 512 px, one that fills its square for whatever shape the phone cuts out
of it (maskable), and Apple's 180 px.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

from findme.paths import STATIC

INK, MARIGOLD, PAPER = "#221c1e", "#f5b82e", "#faf8f5"
#: Units of the drawing, as icon.svg has them.
BOX = 64
#: Drawn so many times larger, then scaled down: smooth edges.
FINE = 4
#: Name, pixels, whether the ground fills the square, and how large the drawing is on it.
ICONS = (
    ("icon-192.png", 192, False, 1.0),
    ("icon-512.png", 512, False, 1.0),
    # what is cut away at most leaves a circle of 80 %
    ("icon-maskable-512.png", 512, True, 0.86),
    ("icon-180.png", 180, True, 0.92),
)
Point = tuple[float, float]


def strokes() -> Iterator[tuple[list[list[Point]], float, str]]:
    """Yield the lines of icon.svg with their widths and colours."""
    svg = (STATIC / "icon.svg").read_text("utf-8")
    for path in re.findall(r"<path [^>]*>", svg):
        shape, colour, width = (
            re.search(rf'\b{name}="([^"]+)"', path) for name in ("d", "stroke", "stroke-width")
        )
        assert shape is not None
        assert colour is not None
        assert width is not None
        yield list(lines_of(shape[1])), float(width[1]), colour[1]


def lines_of(shape: str) -> Iterator[list[Point]]:
    """Yield the lines of a path of M, C, c, c and v, as points along them."""
    line: list[Point] = []
    for command, text in re.findall(r"([MCcv])([^MCcv]*)", shape):
        numbers = [float(number) for number in re.findall(r"-?\.?\d+(?:\.\d+)?", text)]
        if command == "M":
            if line:
                yield line
            line = [(numbers[0], numbers[1])]
        elif command == "v":
            line.append((line[-1][0], line[-1][1] + numbers[0]))
        else:
            for start in range(0, len(numbers), 6):
                origin = line[-1] if command == "c" else (0.0, 0.0)
                b, c, d = (
                    (origin[0] + numbers[start + n], origin[1] + numbers[start + n + 1])
                    for n in (0, 2, 4)
                )
                line += curve(line[-1], b, c, d)
    yield line


def curve(a: Point, b: Point, c: Point, d: Point, steps: int = 200) -> list[Point]:
    """Return points along a cubic Bézier curve."""
    points = []
    for step in range(1, steps + 1):
        t = step / steps
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
        points.append(
            (
                sum(w * p[0] for w, p in zip(weights, (a, b, c, d), strict=True)),
                sum(w * p[1] for w, p in zip(weights, (a, b, c, d), strict=True)),
            )
        )
    return points


def draw(pixels: int, *, fills: bool, scale: float) -> Image.Image:
    """Return one icon."""
    side = pixels * FINE
    icon = Image.new("RGBA", (side, side))
    pen = ImageDraw.Draw(icon)
    radius = 0 if fills else side * 14 / BOX
    pen.rounded_rectangle((0, 0, side - 1, side - 1), radius, fill=INK)
    unit = side / BOX * scale
    shift = side * (1 - scale) / 2
    for lines, width, colour in strokes():
        half = width * unit / 2
        for line in lines:
            # a round brush along the line: round ends and joints by themselves
            for x, y in line:
                cx, cy = shift + x * unit, shift + y * unit
                pen.ellipse((cx - half, cy - half, cx + half, cy + half), fill=colour)
    return icon.resize((pixels, pixels), Image.Resampling.LANCZOS)


def write(folder: Path = STATIC) -> None:
    """Write all icons; few colours, so that they stay small."""
    for name, pixels, fills, scale in ICONS:
        icon = draw(pixels, fills=fills, scale=scale)
        icon.quantize(64, method=Image.Quantize.FASTOCTREE).save(folder / name, optimize=True)


if __name__ == "__main__":
    write()
