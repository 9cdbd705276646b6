"""YuNet: where the faces of a picture are.

Source: opencv_zoo, face_detection_yunet_2023mar (MIT); Wu et al., "YuNet: A Tiny
Millisecond-level Face Detector", 2023. It finds faces of some 10 to 300 pixels.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from findme.engine.detections import Detections, merge
from findme.engine.onnx_session import open_session

STRIDES = (8, 16, 32)
"""One cell of the network's three maps is as many pixels wide and high."""
MULTIPLE = 32
"""Sides must be multiples of this."""
_KINDS = ("cls", "obj", "bbox", "kps")


class Detector:
    """YuNet in onnxruntime; one detector serves any number of threads."""

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)
        self._names = [f"{kind}_{stride}" for stride in STRIDES for kind in _KINDS]

    def detect(self, picture: Image.Image, threshold: float) -> Detections:
        """Find the faces of an RGB *picture*, pixel by pixel, from a score of *threshold* on."""
        width, height = (-(-length // MULTIPLE) * MULTIPLE for length in picture.size)
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[: picture.height, : picture.width] = np.asarray(picture)
        maps = self._session.run(self._names, {"pixels": pixels})
        return merge(
            [
                decode(stride, width // stride, maps[4 * level : 4 * level + 4], threshold)
                for level, stride in enumerate(STRIDES)
            ]
        )


def decode(
    stride: int, columns: int, maps: list[NDArray[np.float32]], threshold: float
) -> Detections:
    """Read the faces off the maps of one stride: cls, obj, bbox, kps, each 1 x cells x values."""
    classes, objects, boxes, points = (values[0] for values in maps)
    products = classes[:, 0] * objects[:, 0]
    cells = np.flatnonzero(products > threshold * threshold)
    corners = np.stack([cells % columns, cells // columns], 1).astype(np.float64)
    spans = boxes[cells].astype(np.float64)
    centres = (corners + spans[:, :2]) * stride
    halves = np.exp(spans[:, 2:]) * stride / 2
    places = (points[cells].reshape(-1, 5, 2).astype(np.float64) + corners[:, None]) * stride
    scores = np.sqrt(np.minimum(products[cells], 1).astype(np.float64))
    return Detections(np.hstack([centres - halves, centres + halves]), scores, places)
