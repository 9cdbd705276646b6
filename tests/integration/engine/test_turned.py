"""Faces on their side and head: found as if upright, in selfies and in photos."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from findme.engine.faces import Analyst, Face
from findme.engine.geometry import turn_between
from tests.support.engine_service import admiral, astronaut, both, jpeg, scene

pytest_plugins = ["tests.support.engine_fixtures"]

TURNS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
SAME_PICTURE = 0.9
"""Least cosine of a face and itself turned; two pictures of one person have 0.7 on average."""


@pytest.fixture(scope="module")
def analyst(engine_models: Path) -> Analyst:
    return Analyst.load(engine_models)


def faces(analyst: Analyst, picture: Image.Image) -> list[Face]:
    return analyst.faces(jpeg(picture))


@pytest.mark.parametrize("angle", sorted(TURNS))
@pytest.mark.parametrize("portrait", [astronaut, admiral])
def test_a_turned_selfie_gives_the_vector_of_the_upright_one(
    analyst: Analyst, portrait: object, angle: int
) -> None:
    assert callable(portrait)
    upright = faces(analyst, portrait())
    turned = faces(analyst, portrait().transpose(TURNS[angle]))

    assert len(turned) == 1
    assert float(upright[0].vector @ turned[0].vector) > SAME_PICTURE
    assert abs(turn_between(upright[0].pose.roll + angle, turned[0].pose.roll)) < 8


def test_boxes_and_points_of_a_turned_photo_lie_on_its_faces(analyst: Analyst) -> None:
    upright = faces(analyst, both())
    turned = faces(analyst, both().transpose(TURNS[90]))

    assert len(turned) == len(upright) == 2
    for before, after in zip(upright, turned, strict=True):
        assert after.box.left == pytest.approx(1 - before.box.top - before.box.height, abs=0.05)
        assert after.box.top == pytest.approx(before.box.left, abs=0.05)
        expected = [(1 - y, x) for x, y in before.points]
        assert np.abs(np.array(expected) - np.array(after.points)).max() < 0.03
        assert float(before.vector @ after.vector) > SAME_PICTURE


@pytest.mark.parametrize("angle", [30, 60, 120])
def test_a_tilted_head_is_measured_by_its_own_up_and_down(analyst: Analyst, angle: int) -> None:
    tilted = astronaut().rotate(-angle, Image.Resampling.BICUBIC, expand=True, fillcolor="grey")

    [face] = faces(analyst, tilted)

    assert face.pose.roll == pytest.approx(angle + faces(analyst, astronaut())[0].pose.roll, abs=9)
    assert float(face.vector @ faces(analyst, astronaut())[0].vector) > SAME_PICTURE


def test_somebody_who_lies_beside_somebody_upright_is_found(analyst: Analyst) -> None:
    picture = Image.new("RGB", (1112, 600), "grey")
    picture.paste(admiral(), (0, 0))
    picture.paste(astronaut().transpose(TURNS[90]).resize((600, 600)), (512, 0))

    found = faces(analyst, picture)

    assert len(found) == 2
    assert sorted(round(face.pose.roll / 90) for face in found) == [0, 1]


@pytest.mark.parametrize("picture", [scene(), Image.new("RGB", (600, 400), "grey")])
def test_no_face_is_found_where_there_is_none(analyst: Analyst, picture: Image.Image) -> None:
    ImageDraw.Draw(picture).ellipse((40, 40, 90, 110), fill="tan")

    assert faces(analyst, picture) == []


@pytest.mark.parametrize("share", [1.3, 1.0, 0.8])
def test_a_face_that_fills_the_frame_is_found(analyst: Analyst, share: float) -> None:
    [whole] = faces(analyst, admiral())
    left, top = whole.box.left * 512, whole.box.top * 600
    width, height = whole.box.width * 512, whole.box.height * 600
    middle, half = (left + width / 2, top + height / 2), share * height / 2
    x, y = round(middle[0] - half), round(middle[1] - half)
    square = (x, y, x + round(2 * half), y + round(2 * half))

    found = faces(analyst, admiral().crop(square).resize((1000, 1000)))

    assert len(found) == 1
    assert float(found[0].vector @ whole.vector) > 0.8
