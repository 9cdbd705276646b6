"""Watermarks: a line of text in a corner of a picture."""

from functools import cache, lru_cache
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from findme.paths import STATIC

#: The pages' own font; Pillow's FreeType reads it as it is.
_FONT: Final = STATIC / "fonts" / "hanken-grotesk-latin-wght-normal.woff2"
_WEIGHT: Final = 600
#: Shares of the picture's shorter side: the height of the letters, and their distance to the edge.
_HEIGHT: Final = 0.034
_MARGIN: Final = 0.028
#: Share of the picture's width; a longer line is made smaller.
_WIDEST: Final = 0.9
_LEAST_PX: Final = 8
#: White letters with a dark edge are readable on any picture; opacity, 0 to 255.
_LETTERS: Final = (255, 255, 255, 215)
_EDGE: Final = (34, 28, 30, 150)


def unwritable(text: str) -> str:
    """Return the characters of a text for which the font has no glyph, each once."""
    font = _font(32)
    # U+FFFF is no character: its glyph is the one for all missing characters
    missing = bytes(font.getmask("\uffff"))
    return "".join(
        sign
        for sign in dict.fromkeys(text)
        if not sign.isspace() and (not sign.isprintable() or bytes(font.getmask(sign)) == missing)
    )


def stamp(picture: Image.Image, text: str) -> None:
    """Write a text into the lower right corner of an RGB picture."""
    short = min(picture.size)
    size = max(_LEAST_PX, round(short * _HEIGHT))
    room = picture.width * _WIDEST
    if (width := _font(size).getlength(text)) > room:
        size = max(_LEAST_PX, int(size * room / width))
    font, edge = _font(size), max(1, size // 14)
    left, top, right, bottom = (round(v) for v in font.getbbox(text, stroke_width=edge))
    patch = Image.new("RGBA", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(patch).text(
        (-left, -top), text, font=font, fill=_LETTERS, stroke_width=edge, stroke_fill=_EDGE
    )
    away = round(short * _MARGIN)
    at = (picture.width - patch.width - away, picture.height - patch.height - away)
    picture.paste(patch, at, mask=patch)


@cache
def _font_file() -> bytes:
    return _FONT.read_bytes()


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    # from memory: a child that makes pictures cannot open files
    font = ImageFont.truetype(BytesIO(_font_file()), size)
    font.set_variation_by_axes([_WEIGHT])
    return font
