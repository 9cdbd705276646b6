"""Dark pictures and dark faces, brightened before networks see them.

The networks were taught on pictures of ordinary light: selfies with 3 % of the light are not even
detected, and match nearly as well as bright ones once their pixels are multiplied.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WHITE = 110.0
"""A picture whose brightest hundredth is darker than this grey (0 to 255) is dark."""
TARGET = 200.0
"""Grey that its brightest hundredth is brought to."""
MOST = 16.0
"""Greatest factor: beyond it there is nothing but noise."""
_SAMPLES = 160
"""Longer side of the grid of pixels that a picture's light is measured on."""


def brighten(picture: Image.Image) -> tuple[Image.Image, float]:
    """Return an RGB picture with enough light, and the factor of its pixels; 1 for most."""
    scale = min(1.0, _SAMPLES / max(picture.size))
    width, height = (max(1, round(length * scale)) for length in picture.size)
    factor = _factor(np.asarray(picture.resize((width, height), Image.Resampling.NEAREST)))
    if factor == 1.0:
        return picture, factor
    table = [min(255, round(value * factor)) for value in range(256)]
    return picture.point(table * 3), factor


def brighten_chips(chips: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return chips (n x side x side x 3) each with enough light: dark faces in a bright picture."""
    brightened = chips.copy()
    for index, chip in enumerate(chips):
        factor = _factor(chip)
        if factor != 1.0:
            brightened[index] = np.minimum(255, chip * factor).astype(np.uint8)
    return brightened


def _factor(pixels: NDArray[np.uint8]) -> float:
    """Factor that brings pixels (rows x columns x 3) to enough light; 1 if they have it."""
    white = float(np.percentile(pixels.max(2), 99))
    return 1.0 if white >= WHITE else min(MOST, TARGET / max(white, 1.0))
