"""The memory that a task on a picture will take, told from its header.

The factors are bytes per pixel at the peak above an idle child. They were measured on pictures of 1
to 200 megapixels of every format and kind, and rounded up; no picture took more.
"""

from typing import Final

from findme.pixels.header import Header, Kind

MIB: Final = 1 << 20
#: What every task takes besides.
_LEAST: Final = 6 * MIB
#: What a search takes that finds as much as it may.
_SCANNED: Final = 32 * MIB
#: Bytes per pixel: while a picture is decoded, while it is made smaller, and if it is encoded at
#: its full size.
_FACTORS: Final = {
    "PNG": (4.0, 6.0, 12.0),
    "PNG with alpha": (4.0, 10.0, 13.0),
    "grey PNG": (1.0, 7.0, 9.5),
    "deep grey PNG": (2.0, 5.0, 9.0),
    "PNG with palette": (1.0, 11.0, 14.0),
    "WebP": (16.0, 16.0, 19.0),
    "HEIC": (8.2, 8.2, 14.5),
}
#: Of a JPEG in full size, which is decoded, turned upright and encoded.
_FULL_JPEG: Final = 10.2
#: Pillow makes the canvases of a WebP as soon as it opens the file.
_OPENED_WEBP: Final = 8.0


def to_open(header: Header) -> int:
    """Return the bytes that it takes to open a picture and to read its metadata."""
    canvas = _OPENED_WEBP * header.pixels if header.kind is Kind.WEBP else 0.0
    return int(canvas + 4 * header.metadata + _LEAST)


def to_scan(header: Header) -> int:
    """Return the bytes that it takes to search a file's metadata; the file itself is mapped."""
    return 4 * header.metadata + _SCANNED


def to_decode(header: Header, side: int) -> int:
    """Return the bytes that it takes to hand over an upright picture of at most *side* pixels."""
    other = 4 * header.metadata + _LEAST
    if header.kind is Kind.JPEG:
        coefficients, decoded = _of_jpeg(header, side, 1.0)
        # the picture, the one that is turned, and its values
        return int(max(coefficients + decoded, 2.75 * decoded) + other)
    decode, shrink, _ = _FACTORS[_kind(header)]
    kept = min(header.pixels, side * side)
    return int(max(decode, shrink) * header.pixels + 7 * kept + other)


def to_make(header: Header, side: int | None, remain: float = 0.8) -> int:
    """Return the bytes that it takes to make a picture of at most *side* pixels; None: all.

    *remain* is the share of the side that a JPEG keeps if it is made smaller while it is decoded.
    """
    pixels = header.pixels
    other = 4 * header.metadata + _LEAST
    if header.kind is Kind.JPEG:
        coefficients, decoded = _of_jpeg(header, side, remain)
        if side is None:
            return int(max(coefficients + decoded, _FULL_JPEG * pixels) + other)
        made = 12 * _kept(pixels, side)
        return int(max(coefficients + decoded, 1.75 * decoded) + made + other)
    decode, shrink, full = _FACTORS[_kind(header)]
    if side is None:
        return int(max(decode, full) * pixels + other)
    made = (16 if header.kind is Kind.HEIC else 12) * _kept(pixels, side)
    return int(max(decode, shrink) * pixels + made + other)


def _of_jpeg(header: Header, side: int | None, remain: float) -> tuple[float, float]:
    """Return the bytes of a JPEG's coefficients, and those of its pixels."""
    # a progressive one, or one of several scans, is whole in coefficients of two bytes
    whole = header.progressive or header.scans > 1
    coefficients = 2 * header.samples * header.pixels if whole else 0.0
    stored = 1 if header.channels == 1 else 4
    return coefficients, stored * header.pixels / _scale(header, side, remain) ** 2


def _kept(pixels: int, side: int) -> int:
    return min(pixels, side * side * 3 // 4)


def _scale(header: Header, side: int | None, remain: float) -> int:
    """Return 1, 2, 4 or 8: by how much a JPEG is made smaller while it is decoded."""
    wanted = 1.0 if side is None else max(header.width, header.height) / (remain * side)
    return max(scale for scale in (1, 2, 4, 8) if scale == 1 or scale <= wanted)


def _kind(header: Header) -> str:
    if header.kind is not Kind.PNG:
        return header.kind
    if header.palette:
        return "PNG with palette"
    if header.alpha:
        return "PNG with alpha"
    if header.channels == 1:
        return "deep grey PNG" if header.depth == 16 else "grey PNG"
    return "PNG"
