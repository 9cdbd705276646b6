"""Brightness and sharpness of a face, measured on its chip."""

import numpy as np
from numpy.typing import NDArray

_MIDDLE = slice(30, 120)
"""The part of the 150 pixel chip that is skin, eyes and mouth in every pose."""
_SHARP = 60.0


def brightness(chip: NDArray[np.uint8]) -> float:
    """Mean grey of the face, 0 (black) to 100 (white)."""
    return float(_grey(chip).mean() / 255 * 100)


def sharpness(chip: NDArray[np.uint8]) -> float:
    """0 (blurred, or a few pixels enlarged) to 100: how strong the finest edges are."""
    grey = _grey(chip)
    beside = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    edges = 4 * grey[1:-1, 1:-1] - beside
    return float(100 * (1 - np.exp(-edges.var() / _SHARP)))


def _grey(chip: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey: NDArray[np.float64] = chip[_MIDDLE, _MIDDLE] @ np.array([0.299, 0.587, 0.114])
    return grey
