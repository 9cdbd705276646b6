"""Cutting squares out of a picture so that a face stands upright in them at a known size."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from findme.engine.embedding import CHIP
from findme.engine.geometry import similarity

TEMPLATE = np.array(
    [
        [38.7946, 52.1963],
        [74.0318, 52.0014],
        [56.5252, 72.2366],
        [42.0493, 92.8655],
        [71.2299, 92.7041],
    ]
)
"""Where SFace was taught to see eyes, nose and mouth corners, in chip pixels (edges)."""

Frame = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Matrix (2 x 2) and shift that take a place on the square to its place on the picture."""


def chip_frame(points: NDArray[np.float64]) -> Frame:
    """Frame of the chip of a face with these points (5 x 2, edges of the picture's pixels)."""
    return similarity(TEMPLATE, points)


def surroundings_frame(points: NDArray[np.float64], side: int, cover: float) -> Frame:
    """Frame of a square of *side* pixels around a face that shows *cover* times its chip."""
    matrix, shift = chip_frame(points)
    scale = cover * CHIP / side
    middle = np.full(2, CHIP / 2) - np.full(2, side / 2) * scale
    return matrix * scale, matrix @ middle + shift


def cut(picture: Image.Image, frame: Frame, side: int) -> NDArray[np.uint8]:
    """Cut a square of *side* x *side* x 3; what lies outside of the picture is black."""
    step, origin = frame
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]]) @ step.T + origin
    left, top = np.floor(corners.min(0) - 2).astype(int)
    right, bottom = np.ceil(corners.max(0) + 2).astype(int)
    part = picture.crop((left, top, right, bottom))
    # Halved while the picture stays at least as fine as the square: bilinear sampling alone
    # would skip pixels.
    scale = float(np.hypot(step[0, 0], step[1, 0]))
    factor = 2 ** int(np.log2(scale)) if scale >= 2 else 1
    if factor > 1:
        part = part.reduce(factor)
    place = (origin - (left, top)) / factor
    step = step / factor
    square = part.transform(
        (side, side),
        Image.Transform.AFFINE,
        (step[0, 0], step[0, 1], place[0], step[1, 0], step[1, 1], place[1]),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(square)
