"""An event's accent colour, changed only in lightness until its buttons are readable.

Lightness, chroma and hue are those of OKLCH (Björn Ottosson, 2020); contrast is that of WCAG 2.2.
"""

import math
from dataclasses import dataclass
from typing import Final

#: WCAG's contrast for text; it also holds while the pointer is over the button.
CONTRAST: Final = 4.5
#: The share of the page's paper in a button under the pointer (app.css, .button.main).
HOVER: Final = 0.12
#: Text on the button and the paper around it, by day and by night (app.css, --on-act, --paper).
DAY: Final = ("#faf8f5", "#faf8f5")
NIGHT: Final = ("#221c1e", "#151214")
_STEPS: Final = 200

_Channels = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Accent:
    """A colour for buttons, `#rrggbb`, and for their text, in both schemes."""

    day: str
    on_day: str
    night: str
    on_night: str


def accent(colour: str) -> Accent:
    """Return the readable form of an organiser's colour: darker by day, lighter by night."""
    return Accent(
        day=_readable(colour, *DAY, towards=0.0),
        on_day=DAY[0],
        night=_readable(colour, *NIGHT, towards=1.0),
        on_night=NIGHT[0],
    )


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(colour: str, other: str, share: float) -> str:
    """Return the colour mixed with a share (0 to 1) of another, as color-mix() in sRGB does."""
    return _hex(
        *(a * (1 - share) + b * share for a, b in zip(_rgb(colour), _rgb(other), strict=True))
    )


def _readable(colour: str, text: str, paper: str, *, towards: float) -> str:
    """Return the first colour towards black (0) or white (1) on which *text* is readable."""
    start, chroma, hue = _to_oklch(colour)
    for step in range(_STEPS + 1):
        lightness = start + (towards - start) * step / _STEPS
        moved = colour if step == 0 else _from_oklch(lightness, chroma, hue)
        if min(contrast(moved, text), contrast(mixed(moved, paper, HOVER), text)) >= CONTRAST:
            return moved
    raise AssertionError("black and white are readable")


def _luminance(colour: str) -> float:
    red, green, blue = map(_linear, _rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _to_oklch(colour: str) -> _Channels:
    red, green, blue = map(_linear, _rgb(colour))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _from_oklch(lightness: float, chroma: float, hue: float) -> str:
    """Return the colour; outside sRGB, with less chroma until it is inside."""
    low, high = 0.0, chroma
    channels = _linear_srgb(lightness, chroma, hue)
    if not _shown(channels):
        for _ in range(20):
            chroma = (low + high) / 2
            channels = _linear_srgb(lightness, chroma, hue)
            low, high = (chroma, high) if _shown(channels) else (low, chroma)
        channels = _linear_srgb(lightness, low, hue)
    return _hex(*map(_encoded, channels))


def _linear_srgb(lightness: float, chroma: float, hue: float) -> _Channels:
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def _shown(channels: _Channels) -> bool:
    return all(-1e-4 <= channel <= 1 + 1e-4 for channel in channels)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _encoded(channel: float) -> float:
    channel = min(1.0, max(0.0, channel))
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055


def _rgb(colour: str) -> _Channels:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in (red, green, blue))
