"""Three ways to find and describe faces: FindMe's, `face_recognition`'s, and FindMe's former one.

`face_recognition`'s way is written here on dlib itself, as that package does it: the HOG detector
with the picture enlarged once, five landmarks, one descriptor of a face, photos of at most 1600
pixels. The former one is CenterFace at 960 pixels, and dlib's network on two chips of each face,
by dlib's landmarks and by CenterFace's points. dlib itself gives it the landmarks, 4 ms a face
faster than the former code did.
"""

import tempfile
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import dlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from findme.engine import centerface_graph, similarity, weights
from findme.engine.alignment import Frame, cut
from findme.engine.centerface import LandmarkDetector
from findme.engine.decoding import open_picture
from findme.engine.faces import Analyst
from findme.engine.geometry import similarity as fit
from findme.engine.onnx_session import open_session
from findme.engine.quality_filter import reasons
from findme.engine.weights import Source
from tests.bench import dlib_network

LANDMARKS = Source(
    "face_recognition_models",
    "models/shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
)
FACE_NETWORK = Source(
    "face_recognition_models",
    "models/dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
)
SIDE, CENTERFACE_SIDE, MULTIPLE, CHIP = 1600, 960, 32, 150
_SCORE = 0.35
#: Where dlib's landmarks and CenterFace's points lie on the former chips.
_BY_LANDMARKS = np.array(
    [[110.96, 46.35], [89.61, 47.90], [37.06, 46.37], [58.41, 47.91], [74.01, 87.78]]
)
_BY_CENTERFACE = np.array([[46.8, 45.7], [103.1, 45.7], [74.6, 77.4], [50.7, 102.8], [97.9, 102.0]])


@dataclass(frozen=True, slots=True)
class Described:
    """The faces of a picture, largest first."""

    vectors: NDArray[np.float32]
    """n x 128."""
    sides: list[float]
    """Pixels of the picture as it was sent."""


class Recogniser(Protocol):
    """One way; *sure* and *maybe* are the distances within which it says so."""

    name: str
    sure: float
    maybe: float

    def __call__(self, data: bytes) -> Described:
        """Find and describe the faces of a JPEG."""


class FindMe:
    """What IndexFaces stores."""

    name = "FindMe"
    sure = similarity.SFACE.widest_distance(90)
    maybe = similarity.SFACE.widest_distance(80)

    def __init__(self, folder: Path) -> None:
        self._analyst = Analyst.load(folder)

    def __call__(self, data: bytes) -> Described:
        faces = [face for face in self._analyst.faces(data) if not reasons(face, "AUTO")]
        return _described([(face.side, face.vector) for face in faces])


class FormerFindMe:
    """CenterFace and dlib's network, FindMe before 0.2."""

    name = "dlib chain"
    sure, maybe = 0.505, 0.565

    def __init__(self, folder: Path) -> None:
        detector, network = folder / "centerface.onnx", folder / "dlib.onnx"
        centerface_graph.write_graph(weights.locate(weights.LANDMARKS), detector)
        dlib_network.write_graph(weights.locate(FACE_NETWORK), network)
        self._detector = LandmarkDetector(detector)
        self._network = open_session(network)

    def __call__(self, data: bytes) -> Described:
        picture = open_picture(data)
        scale = min(CENTERFACE_SIDE, max(320, max(picture.size))) / max(picture.size)
        width, height = (
            max(MULTIPLE, MULTIPLE * round(length * scale / MULTIPLE)) for length in picture.size
        )
        reduced = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        [found] = self._detector.detect(np.asarray(reduced)[None], _SCORE)
        found = found.scaled(picture.width / width, picture.height / height)
        if not len(found):
            return _described([])
        pixels = np.asarray(picture)
        chips = []
        for box, points in zip(found.boxes, found.points, strict=True):
            chips.append(cut(picture, _frame(_BY_LANDMARKS, _landmarks(pixels, box)), CHIP))
            chips.append(cut(picture, _frame(_BY_CENTERFACE, points), CHIP))
        vectors = np.concatenate(
            [
                self._network.run(None, {"chips": np.stack(chips[start : start + 16])})[0]
                for start in range(0, len(chips), 16)
            ]
        )
        means = (vectors[0::2] + vectors[1::2]) / 2
        return _described(list(zip(found.sides.tolist(), means, strict=True)))


class FaceRecognition:
    """`face_recognition.face_locations` and `face_encodings` with their defaults."""

    name = "face_recognition"
    sure = maybe = 0.6

    def __call__(self, data: bytes) -> Described:
        return by_face_recognition(data)


def by_face_recognition(data: bytes) -> Described:
    """Describe by `face_recognition`'s way; a function, so that processes can be given it."""
    detector, landmarks, network = dlib_models()
    picture = ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")
    scale = max(1.0, max(picture.size) / SIDE)
    picture.thumbnail((SIDE, SIDE))
    pixels = np.asarray(picture)
    faces = [
        (
            scale * (box.width() + box.height()) / 2,
            np.array(network.compute_face_descriptor(pixels, landmarks(pixels, box)), np.float32),
        )
        for box in detector(pixels, 1)
    ]
    return _described(faces)


@cache
def dlib_models() -> tuple[Any, Any, Any]:
    """Load dlib's detector, landmarks and network, once a process."""
    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(weights.locate(LANDMARKS))),
        dlib.face_recognition_model_v1(str(weights.locate(FACE_NETWORK))),
    )


def recognisers() -> list[Recogniser]:
    """Load all three."""
    folder = Path(tempfile.mkdtemp(prefix="findme-bench-"))
    return [FindMe(folder / "models"), FaceRecognition(), FormerFindMe(folder)]


def _described(faces: list[tuple[float, NDArray[np.float32]]]) -> Described:
    faces = sorted(faces, key=lambda face: -face[0])
    vectors = [vector for _, vector in faces]
    return Described(
        np.stack(vectors) if vectors else np.empty((0, 128), np.float32),
        [side for side, _ in faces],
    )


def _landmarks(pixels: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """dlib's five points, in edges, in the square that the former code started from."""
    width, height = box[2:] - box[:2]
    side = (width + height) / 2
    left, top = np.rint((box[:2] + box[2:]) / 2 + (0, 0.05 * height) - side / 2).astype(int)
    square = dlib.rectangle(left, top, left + round(side) - 1, top + round(side) - 1)
    shape = dlib_models()[1](pixels, square)
    return np.array([[point.x + 0.5, point.y + 0.5] for point in shape.parts()])


def _frame(targets: NDArray[np.float64], points: NDArray[np.float64]) -> Frame:
    return fit(targets + 0.5, points)
