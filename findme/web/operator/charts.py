"""Small charts as SVG paths. The server draws them, so that pages without scripts have them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chart:
    """The SVG paths of a chart in a box of `width` by `height`, and its scale."""

    width: int
    height: int
    line: str
    area: str
    #: Three round values, the highest first; the last is 0.
    scale: tuple[float, float, float]


def chart(values: Sequence[float], *, width: int = 600, height: int = 150) -> Chart:
    """Return the chart of *values*: evenly spaced, the oldest left, from 0 to a round top."""
    top = _round_up(max(values, default=0))
    step = width / max(1, len(values) - 1)
    points = [
        f"{index * step:.1f},{height - height * value / top:.1f}"
        for index, value in enumerate(values)
    ]
    line = "M" + "L".join(points) if len(points) > 1 else ""
    area = f"{line}V{height}H0Z" if line else ""
    return Chart(width, height, line, area, (top, top / 2, 0.0))


def _round_up(value: float) -> float:
    """Return the next of 2, 4, 10, 20, 40, 100 …, whose halves are whole numbers."""
    top = 2.0
    while top < value:
        top *= 2.5 if str(top).startswith("4") else 2
    return top
