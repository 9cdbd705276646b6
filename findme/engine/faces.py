"""From the bytes of a picture to its faces: where, how good, and the vector of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from findme.engine import detector, landmarks, network, weights
from findme.engine.decoding import open_picture
from findme.engine.detector import Detections, Detector
from findme.engine.embedding import DETECTOR_TARGETS, LANDMARK_TARGETS, Embedder, cut_chip
from findme.engine.geometry import pose
from findme.engine.image_quality import brightness, sharpness
from findme.engine.landmarks import Regressor
from findme.engine.network import CHIP
from findme.engine.tiling import find_faces, sides

MOST_FACES = 100
"""AWS's limit: the 100 largest."""

_CONFIDENCE = ((0.0, 0.35, 0.5, 0.7, 1.0), (0.0, 50.0, 90.0, 99.0, 100.0))


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
    """Eyes (the one at the picture's left first), nose, mouth corners; ratios of width, height."""
    pose: Pose
    brightness: float
    sharpness: float
    side: float
    """Mean of the box's sides in pixels of the picture as it was sent."""
    vector: NDArray[np.float32]
    """128 numbers; the distance of two says how alike the faces are."""

    @property
    def area(self) -> float:
        """Part of the picture that the box covers."""
        return self.box.width * self.box.height


class Analyst:
    """The models together; may be used from many threads."""

    def __init__(self, detector: Detector, regressor: Regressor, embedder: Embedder) -> None:
        self._detector = detector
        self._regressor = regressor
        self._embedder = embedder

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the models, which are kept ready for use in *folder* after the first time.

        Takes a quarter of a second, and two seconds the first time.
        """
        return cls(
            Detector(
                weights.derived(
                    folder,
                    weights.locate(weights.DETECTOR),
                    "detector-1.onnx",
                    detector.write_graph,
                )
            ),
            Regressor.load(
                weights.derived(
                    folder,
                    weights.locate(weights.LANDMARKS),
                    "points-3.npz",
                    landmarks.write_arrays,
                )
            ),
            Embedder(
                weights.derived(
                    folder, weights.locate(weights.FACE_NETWORK), "face-1.onnx", network.write_graph
                )
            ),
        )

    def faces(self, data: bytes) -> list[Face]:
        """Find the faces on a JPEG or PNG, largest first, 100 at most; raises refusals."""
        picture = open_picture(data)
        found = self.find(picture)
        chips = self.cut(picture, found)
        vectors = self.embed(chips)
        return [
            _face(picture.size, found, index, chip, vector)
            for index, (chip, vector) in enumerate(zip(chips, vectors, strict=False))
        ]

    def find(self, picture: Image.Image) -> Detections:
        """Find where the faces of an upright RGB picture are, largest first, 100 at most."""
        return largest(find_faces(self._detector, picture), MOST_FACES)

    def cut(self, picture: Image.Image, found: Detections) -> NDArray[np.uint8]:
        """Cut two chips of each face: all by dlib's landmarks, then all by the detector's points.

        Returns 2n x 150 x 150 x 3.
        """
        if not len(found):
            return np.empty((0, CHIP, CHIP, 3), np.uint8)
        by_landmarks = self._regressor.points(picture, found.boxes)
        # The detector's points are measured from edges, chips from the centres of pixels.
        return np.stack(
            [cut_chip(picture, points, LANDMARK_TARGETS) for points in by_landmarks]
            + [cut_chip(picture, points - 0.5, DETECTOR_TARGETS) for points in found.points]
        )

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vectors, n x 128, of the n faces that *chips* show twice."""
        # Two ways to align see the same face; their mean is steadier than either.
        first, second = np.split(self._embedder.embed(chips), 2)
        vectors: NDArray[np.float32] = (first + second) * np.float32(0.5)
        return vectors


def largest(found: Detections, most: int) -> Detections:
    """Pick the *most* largest, largest first."""
    spans = found.boxes[:, 2:] - found.boxes[:, :2]
    order = np.argsort(-spans.prod(1), kind="stable")[:most]
    return Detections(found.boxes[order], found.scores[order], found.points[order])


def _face(
    size: tuple[int, int],
    found: Detections,
    index: int,
    chip: NDArray[np.uint8],
    vector: NDArray[np.float32],
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
        brightness=brightness(chip),
        sharpness=sharpness(chip),
        side=float(sides(found)[index]),
        vector=vector,
    )
