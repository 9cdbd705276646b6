"""Brightness and sharpness of a face, measured on its chip."""

import numpy as np
from numpy.typing import NDArray

_MIDDLE = slice(22, 90)
"""The part of the 112 pixel chip that is skin, eyes and mouth in every pose."""
_SHARP = 8.0
"""Strength of edges, in percent of the mean grey, at which sharpness reaches 63."""


def brightness(chip: NDArray[np.uint8]) -> float:
    """Mean grey of the face, 0 (black) to 100 (white)."""
    return float(_grey(chip).mean() / 255 * 100)


def sharpness(chip: NDArray[np.uint8]) -> float:
    """0 (blurred, or a few pixels enlarged) to 100: how strong fine edges are.

    Edges two chip pixels wide, against the mean grey: so it is the same in the dark, and finer
    grain, which tells nobody apart, hardly counts.
    """
    grey = _grey(chip)
    half = grey.reshape(grey.shape[0] // 2, 2, grey.shape[1] // 2, 2).mean((1, 3))
    beside = half[:-2, 1:-1] + half[2:, 1:-1] + half[1:-1, :-2] + half[1:-1, 2:]
    edges = float((4 * half[1:-1, 1:-1] - beside).std())
    # One grey level more, so that black is not divided by nothing.
    return 100 * (1 - float(np.exp(-100 * edges / (float(half.mean()) + 1) / _SHARP)))


def _grey(chip: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey: NDArray[np.float64] = chip[_MIDDLE, _MIDDLE] @ np.array([0.299, 0.587, 0.114])
    return grey
