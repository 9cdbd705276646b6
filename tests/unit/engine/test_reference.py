"""dlib itself as the reference: its network, its landmarks and its chips beside ours."""

from pathlib import Path

import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from findme.engine import landmarks, network, weights
from findme.engine.embedding import LANDMARK_TARGETS, Embedder, cut_chip
from findme.engine.landmarks import Regressor, squares
from findme.engine.network import CHIP
from tests.support.engine_service import admiral, astronaut

#: What our detector finds on the two portraits: left, top, right, bottom.
FACES = {"astronaut": (182.0, 58.0, 270.0, 178.0), "admiral": (164.0, 71.0, 337.0, 315.0)}
PICTURES = {"astronaut": astronaut, "admiral": admiral}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reference")


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Embedder:
    network.write_graph(weights.locate(weights.FACE_NETWORK), folder / "face.onnx")
    return Embedder(folder / "face.onnx")


@pytest.fixture(scope="module")
def regressor(folder: Path) -> Regressor:
    landmarks.write_arrays(weights.locate(weights.LANDMARKS), folder / "points.npz")
    return Regressor.load(folder / "points.npz")


@pytest.fixture(scope="module")
def reference() -> dlib.face_recognition_model_v1:
    return dlib.face_recognition_model_v1(str(weights.locate(weights.FACE_NETWORK)))


def landmarks_by_dlib(name: str) -> dlib.full_object_detection:
    """Where dlib's own regressor sees the portrait's face, in the square that ours starts from."""
    corners, spans = squares(np.array([FACES[name]]))
    corner, span = corners[0, 0], spans[0, 0]
    square = dlib.rectangle(
        *(int(edge) for edge in (corner.real, corner.imag, corner.real + span, corner.imag + span))
    )
    predict = dlib.shape_predictor(str(weights.locate(weights.LANDMARKS)))
    return predict(np.asarray(PICTURES[name]()), square)


def points(shape: dlib.full_object_detection) -> NDArray[np.float64]:
    return np.array([[point.x, point.y] for point in shape.parts()], np.float64)


@pytest.mark.parametrize("name", FACES)
def test_a_face_gets_the_vector_that_dlib_gives_it(
    name: str, embedder: Embedder, reference: dlib.face_recognition_model_v1
) -> None:
    chip = dlib.get_face_chip(np.asarray(PICTURES[name]()), landmarks_by_dlib(name))

    theirs = np.array(reference.compute_face_descriptor(chip))

    assert chip.shape == (CHIP, CHIP, 3)
    assert np.abs(embedder.embed(chip[None])[0] - theirs).max() < 1e-5


def test_any_pixels_get_the_vector_that_dlib_gives_them(
    embedder: Embedder, reference: dlib.face_recognition_model_v1
) -> None:
    """Noise, black and white reach values that no face does."""
    noise = np.random.default_rng(3).integers(0, 256, (2, CHIP, CHIP, 3), np.uint8)
    chips = np.concatenate([noise, np.zeros_like(noise[:1]), np.full_like(noise[:1], 255)])

    theirs = np.array([reference.compute_face_descriptor(chip) for chip in chips])

    assert np.abs(embedder.embed(chips) - theirs).max() < 1e-5


@pytest.mark.parametrize("name", FACES)
def test_landmarks_are_those_of_dlib(name: str, regressor: Regressor) -> None:
    """dlib rounds them to whole pixels."""
    ours = regressor.points(PICTURES[name](), np.array([FACES[name]]))[0]

    assert np.abs(np.rint(ours) - points(landmarks_by_dlib(name))).max() <= 1


@pytest.mark.parametrize("name", FACES)
def test_a_chip_shows_what_the_one_of_dlib_shows(
    name: str, embedder: Embedder, reference: dlib.face_recognition_model_v1
) -> None:
    """dlib's pyramid is not Pillow's: the vectors may lie 0.09 apart (people: 0.5 and more)."""
    picture, shape = PICTURES[name](), landmarks_by_dlib(name)

    ours = embedder.embed(cut_chip(picture, points(shape), LANDMARK_TARGETS)[None])[0]
    theirs = np.array(reference.compute_face_descriptor(np.asarray(picture), shape))

    assert np.linalg.norm(ours - theirs) < 0.09
