"""Measures of a face, and what the filters make of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image, ImageEnhance, ImageFilter

from findme.engine.faces import Box, Face, Pose
from findme.engine.image_quality import brightness, sharpness
from findme.engine.operations.images import choose
from findme.engine.quality_filter import reasons

GOOD = Face(
    box=Box(0.1, 0.1, 0.2, 0.2),
    confidence=99.8,
    points=((0.15, 0.15),) * 5,
    pose=Pose(0, 0, 0),
    brightness=55.0,
    sharpness=90.0,
    side=200.0,
    vector=np.zeros(128, np.float32),
)
ASTRONAUT = Path(skimage.__file__).parent / "data" / "astronaut.png"
CHIP = Image.open(ASTRONAUT).crop((166, 44, 286, 164)).resize((112, 112))


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture)


@pytest.mark.parametrize(
    ("face", "reason"),
    [
        (replace(GOOD, confidence=60.0), "LOW_CONFIDENCE"),
        (replace(GOOD, side=11.0), "SMALL_BOUNDING_BOX"),
        (replace(GOOD, brightness=0.3), "LOW_BRIGHTNESS"),
        (replace(GOOD, sharpness=15.0), "LOW_SHARPNESS"),
        (replace(GOOD, pose=Pose(0, -89, 0)), "EXTREME_POSE"),
        (replace(GOOD, pose=Pose(0, 0, 89)), "EXTREME_POSE"),
    ],
)
def test_auto_names_what_makes_a_face_useless(face: Face, reason: str) -> None:
    assert [reason] == reasons(face, "AUTO")
    assert reasons(face, "NONE") == []


def test_auto_lets_hard_but_useful_faces_pass() -> None:
    hard = replace(GOOD, side=14.0, brightness=2.0, sharpness=24.0, pose=Pose(80, 60, -40))

    assert reasons(hard, "AUTO") == []


def test_a_blurred_face_must_be_surer_where_a_filter_asks_for_more() -> None:
    doubtful = replace(GOOD, confidence=90.0, sharpness=40.0)

    assert reasons(doubtful, "AUTO") == []
    assert reasons(doubtful, "LOW") == ["LOW_FACE_QUALITY"]


def test_each_filter_is_stricter_than_the_one_before() -> None:
    faces = [
        replace(GOOD, side=20.0),
        replace(GOOD, side=30.0),
        replace(GOOD, side=50.0),
        replace(GOOD, side=70.0),
    ]

    passing = [
        sum(not reasons(face, name) for face in faces) for name in ("AUTO", "LOW", "MEDIUM", "HIGH")
    ]

    assert passing == [4, 3, 2, 1]


def test_sharpness_falls_with_blur_and_not_with_darkness() -> None:
    sharp = sharpness(pixels(CHIP))
    blurred = [sharpness(pixels(CHIP.filter(ImageFilter.GaussianBlur(r)))) for r in (1, 3, 6)]
    dark = sharpness(pixels(ImageEnhance.Brightness(CHIP).enhance(0.3)))

    assert sharp > blurred[0] > blurred[1] > blurred[2]
    assert dark == pytest.approx(sharp, abs=6)
    assert blurred[2] < 20 < 60 < sharp


def test_brightness_is_the_mean_grey() -> None:
    assert brightness(np.zeros((112, 112, 3), np.uint8)) == 0.0
    assert brightness(np.full((112, 112, 3), 255, np.uint8)) == pytest.approx(100.0)
    assert sharpness(np.zeros((112, 112, 3), np.uint8)) == 0.0


def test_the_largest_faces_are_kept_and_the_others_named() -> None:
    small = replace(GOOD, box=Box(0.6, 0.6, 0.1, 0.1))
    smaller = replace(GOOD, box=Box(0.8, 0.8, 0.05, 0.05))

    chosen, dropped = choose([GOOD, small, smaller], "AUTO", 1)

    assert chosen == [GOOD]
    assert [(small, ["EXCEEDS_MAX_FACES"]), (smaller, ["EXCEEDS_MAX_FACES"])] == dropped


def test_low_quality_goes_before_small_size() -> None:
    blurred = replace(GOOD, sharpness=3.0)
    small = replace(GOOD, box=Box(0.6, 0.6, 0.1, 0.1))

    assert [small] == choose([blurred, small], "NONE", 1)[0]
    assert [blurred, small] == choose([blurred, small], "NONE", 2)[0]
