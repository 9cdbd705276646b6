"""SFace: from chips of faces to the vectors that tell people apart."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from findme.engine.onnx_session import open_session

CHIP = 112
"""Side of the square picture of an aligned face that the network takes, in pixels."""
DIMENSIONS = 128
"""Numbers of a vector."""
BATCH = 4
"""Chips in one run: 16 cost 160 MB more and save no time."""


class Embedder:
    """SFace in onnxruntime; one embedder serves any number of threads."""

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vectors (n x 128, of length 1) of *chips* (n x 112 x 112 x 3, RGB)."""
        parts = [
            self._session.run(None, {"chips": chips[start : start + BATCH]})[0]
            for start in range(0, len(chips), BATCH)
        ]
        if not parts:
            return np.empty((0, DIMENSIONS), np.float32)
        vectors = np.concatenate(parts)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        normalised: NDArray[np.float32] = vectors
        return normalised
