"""From the bytes of a picture to its faces: where, how good, and the vector of each."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from findme.engine import weights
from findme.engine.alignment import chip_frame, cut
from findme.engine.centerface import LandmarkDetector
from findme.engine.decoding import open_picture
from findme.engine.detections import Detections
from findme.engine.embedding import CHIP, Embedder
from findme.engine.exposure import brighten, brighten_chips
from findme.engine.face_finder import FaceFinder
from findme.engine.geometry import pose
from findme.engine.graphs import write_graph
from findme.engine.image_quality import brightness, sharpness
from findme.engine.yunet import Detector

MOST_FACES = 100
"""AWS's limit: the 100 largest."""

_CONFIDENCE = ((0.0, 0.5, 0.6, 0.7, 0.8, 1.0), (0.0, 50.0, 80.0, 95.0, 99.0, 100.0))
"""Scores of the detector, and what they are in percent."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the upright picture; all four are ratios of its width or height."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Degrees; see :func:`findme.engine.geometry.pose`."""

    roll: float
    yaw: float
    pitch: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a picture."""

    box: Box
    confidence: float
    """How surely it is a face, 0 to 100."""
    points: tuple[tuple[float, float], ...]
    """Eyes (the one at the left of the upright face first), nose, mouth corners; ratios of width
    and height."""
    pose: Pose
    brightness: float
    sharpness: float
    side: float
    """Mean of the box's sides in pixels of the picture as it was sent."""
    vector: NDArray[np.float32]
    """128 numbers, of length 1; the product of two says how alike the faces are."""

    @property
    def area(self) -> float:
        """Part of the picture that the box covers."""
        return self.box.width * self.box.height


class Analyst:
    """The models together; may be used from many threads."""

    def __init__(self, finder: FaceFinder, embedder: Embedder) -> None:
        self._finder = finder
        self._embedder = embedder

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the models, which are kept ready for use in *folder* after the first time.

        Takes a quarter of a second, and one second the first time. Raises WeightsError if a
        shipped or a kept file is missing or altered.
        """
        detector, landmarks, network = (
            weights.prepare(folder, source, f"{name}.onnx", partial(write_graph, module))
            for source, name, module in (
                (weights.DETECTOR, "yunet-2", "yunet_graph"),
                (weights.LANDMARKS, "centerface-2", "centerface_graph"),
                (weights.FACE_NETWORK, "sface-1", "sface_graph"),
            )
        )
        weights.remove_others(folder, {detector, landmarks, network})
        finder = FaceFinder(Detector(detector), LandmarkDetector(landmarks))
        return cls(finder, Embedder(network))

    def faces(self, data: bytes) -> list[Face]:
        """Find the faces on a JPEG or PNG, largest first, 100 at most; raises refusals."""
        return self.faces_on(open_picture(data))

    def faces_on(self, rgb: Image.Image) -> list[Face]:
        """Find the faces on an RGB picture, largest first, 100 at most."""
        picture, light = brighten(rgb)
        found = self.find(picture)
        chips = self.cut(picture, found)
        vectors = self.embed(chips)
        return [
            _face(picture.size, found, index, chip, vector, light)
            for index, (chip, vector) in enumerate(zip(chips, vectors, strict=True))
        ]

    def find(self, picture: Image.Image) -> Detections:
        """Find where the faces of an RGB picture are, largest first, 100 at most."""
        return self._finder.find(picture, MOST_FACES)

    def cut(self, picture: Image.Image, found: Detections) -> NDArray[np.uint8]:
        """Cut the chip of each face, n x 112 x 112 x 3: the face upright at one size."""
        if not len(found):
            return np.empty((0, CHIP, CHIP, 3), np.uint8)
        return np.stack([cut(picture, chip_frame(points), CHIP) for points in found.points])

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vectors, n x 128, of the faces that *chips* show."""
        return self._embedder.embed(brighten_chips(chips))


def _face(
    size: tuple[int, int],
    found: Detections,
    index: int,
    chip: NDArray[np.uint8],
    vector: NDArray[np.float32],
    light: float,
) -> Face:
    box, points = found.boxes[index], found.points[index]
    limits = np.array(size, np.float64)
    upper, lower = np.clip(box[:2] / limits, 0, 1), np.clip(box[2:] / limits, 0, 1)
    roll, yaw, pitch = pose(points)
    return Face(
        box=Box(float(upper[0]), float(upper[1]), *(float(span) for span in lower - upper)),
        confidence=float(np.interp(found.scores[index], *_CONFIDENCE)),
        points=tuple((float(x), float(y)) for x, y in points / limits),
        pose=Pose(roll, yaw, pitch),
        brightness=brightness(chip) / light,
        sharpness=sharpness(chip),
        side=float(found.sides[index]),
        vector=vector,
    )
