"""The five-point regressor: its file, and what it finds on a portrait."""

from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from findme.engine import landmarks, weights
from findme.engine.landmarks import Regressor

ASTRONAUT = Path(skimage.__file__).parent / "data" / "astronaut.png"


@pytest.fixture(scope="module")
def regressor(tmp_path_factory: pytest.TempPathFactory) -> Regressor:
    path = weights.derived(
        tmp_path_factory.mktemp("points"),
        weights.locate(weights.LANDMARKS),
        "points.npz",
        landmarks.write_arrays,
    )
    return Regressor.load(path)


def test_the_file_holds_fifteen_cascades(regressor: Regressor) -> None:
    assert regressor.mean.shape == (5,)
    assert regressor.first.shape == regressor.second.shape == (15, 500 * 15)
    assert regressor.thresholds.shape == (15, 500 * 15)
    assert regressor.leaves.shape == (15, 500 * 16, 10)
    assert regressor.anchors.shape == regressor.offsets.shape == (15, 800)
    assert min(regressor.first.min(), regressor.second.min()) >= 0
    assert max(regressor.first.max(), regressor.second.max()) < 800


def test_the_mean_shape_is_a_face(regressor: Regressor) -> None:
    """The eye at the picture's right comes first, the nose last and lowest."""
    x, y = regressor.mean.real, regressor.mean.imag

    assert x[0] > x[1] > x[4] > x[3] > x[2]
    assert y[4] > y[:4].max()


def test_points_fall_on_eyes_and_nose_of_a_portrait(regressor: Regressor) -> None:
    picture = Image.open(ASTRONAUT).convert("RGB")
    box = np.array([[182.0, 58.0, 270.0, 178.0]])

    points = regressor.points(picture, box)[0]

    eyes = (points[0] + points[1]) / 2, (points[2] + points[3]) / 2
    # Measured on the portrait: the middles of the eyes, and the base of the nose.
    assert np.abs(eyes[0] - (247, 104)).max() < 4
    assert np.abs(eyes[1] - (203, 102)).max() < 4
    assert np.abs(points[4] - (223, 135)).max() < 6


def test_many_faces_give_the_same_as_one_by_one(regressor: Regressor) -> None:
    picture = Image.open(ASTRONAUT).convert("RGB")
    boxes = np.array(
        [[182.0, 58.0, 270.0, 178.0], [184.0, 62.0, 275.0, 180.0], [-40.0, -30.0, 60.0, 90.0]]
    )

    together = regressor.points(picture, boxes)
    alone = np.concatenate([regressor.points(picture, box[None]) for box in boxes])

    assert np.array_equal(alone, together)


def test_a_picture_moved_moves_the_points(regressor: Regressor) -> None:
    picture = Image.open(ASTRONAUT).convert("RGB")
    box = np.array([[182.0, 58.0, 270.0, 178.0]])
    moved = Image.new("RGB", (640, 700))
    moved.paste(picture, (64, 100))

    shift = regressor.points(moved, box + np.tile([64.0, 100.0], 2)) - regressor.points(
        picture, box
    )

    assert np.abs(shift - (64.0, 100.0)).max() < 1e-6


def test_the_arrays_survive_the_file(regressor: Regressor, tmp_path: Path) -> None:
    path = tmp_path / "again.npz"
    np.savez(path, **{name: getattr(regressor, name) for name in Regressor.__slots__})

    assert np.array_equal(regressor.leaves, Regressor.load(path).leaves)
