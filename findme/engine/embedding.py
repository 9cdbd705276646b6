"""From a picture and a face's points to the vector that tells people apart."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from findme.engine.geometry import similarity
from findme.engine.network import CHIP, DIMENSIONS
from findme.engine.onnx_session import open_session

BATCH = 16
"""Chips in one run: larger batches cost memory (12 MB for 16) and save no time."""

LANDMARK_TARGETS = np.array(
    [[110.96, 46.35], [89.61, 47.90], [37.06, 46.37], [58.41, 47.91], [74.01, 87.78]]
)
"""Where dlib puts its five landmarks on the chip (padding 0.25)."""

DETECTOR_TARGETS = np.array(
    [[46.8, 45.7], [103.1, 45.7], [74.6, 77.4], [50.7, 102.8], [97.9, 102.0]]
)
"""Where CenterFace's points lie on such chips: medians over the faces of the labelled set."""


def cut_chip(
    picture: Image.Image, points: NDArray[np.float64], targets: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Cut the face out, turned and scaled so that *points* (pixel centres) come to *targets*.

    Returns 150 x 150 x 3. What lies outside of the picture is black, as in dlib.
    """
    turn, shift = similarity(targets, points)
    scale = float(np.hypot(turn[0, 0], turn[1, 0]))
    # dlib's chips: their middle is the middle, and 150 pixels span 149 steps.
    step = turn * (CHIP * scale - 1) / ((CHIP - 1) * scale)
    middle = turn @ np.full(2, CHIP / 2) + shift
    # Pillow counts from edges, so that a pixel's centre is at a half.
    origin = middle + 0.5 - step @ np.full(2, CHIP / 2)
    corners = np.array([[0, 0], [CHIP, 0], [0, CHIP], [CHIP, CHIP]]) @ step.T + origin
    left, top = np.floor(corners.min(0) - 2).astype(int)
    right, bottom = np.ceil(corners.max(0) + 2).astype(int)
    part = picture.crop((left, top, right, bottom))
    # Like dlib's pyramid: halve while the picture stays at least as fine as the chip.
    factor = 2 ** int(np.log2(scale)) if scale >= 2 else 1
    if factor > 1:
        part = part.reduce(factor)
    place = (origin - (left, top)) / factor
    step = step / factor
    chip = part.transform(
        (CHIP, CHIP),
        Image.Transform.AFFINE,
        (step[0, 0], step[0, 1], place[0], step[1, 0], step[1, 1], place[1]),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(chip)


class Embedder:
    """dlib's face network in onnxruntime; one embedder serves any number of threads."""

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vectors (n x 128) of *chips* (n x 150 x 150 x 3)."""
        parts = [
            self._session.run(None, {"chips": chips[start : start + BATCH]})[0]
            for start in range(0, len(chips), BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, DIMENSIONS), np.float32)
