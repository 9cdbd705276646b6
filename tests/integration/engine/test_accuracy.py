"""How well faces are found and told apart on labelled pictures: the promises of the calibration."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from findme.engine import calibrate, similarity
from findme.engine.calibrate import Measured
from findme.engine.calibration_report import EXPANSION, MAYBE, SURE, rates, report
from findme.engine.decoding import open_picture
from findme.engine.embedding import Embedder
from findme.engine.face_finder import FaceFinder
from findme.engine.faces import Analyst, Face
from findme.engine.quality_filter import reasons
from tests.support.engine_service import admiral, astronaut, jpeg

pytest_plugins = ["tests.support.engine_fixtures"]


class Remembering(Analyst):
    """Looks at the same bytes once: most tests look at all labelled pictures."""

    def __init__(self, finder: FaceFinder, embedder: Embedder) -> None:
        super().__init__(finder, embedder)
        self._seen: dict[bytes, list[Face]] = {}

    def faces(self, data: bytes) -> list[Face]:
        if data not in self._seen:
            self._seen[data] = super().faces(data)
        return self._seen[data]


@pytest.fixture(scope="module")
def analyst(engine_models: Path) -> Analyst:
    """The models, loaded once."""
    return Remembering.load(engine_models)


@pytest.fixture(scope="module")
def measured(analyst: Analyst, labelled_photos: Path) -> Measured:
    """Every selfie against every photo."""
    return calibrate.measure(analyst, labelled_photos)


def test_clear_faces_are_found_and_no_others(measured: Measured) -> None:
    assert measured.found == measured.clear
    assert measured.beyond <= 0.01 * measured.clear


def test_sure_matches_are_right_and_nearly_all(measured: Measured) -> None:
    precision, recall, wrong = rates(measured.matched(similarity.least_cosine(SURE)), measured.same)

    assert (precision, wrong) == (1.0, 0)
    assert recall >= 0.96


def test_query_expansion_finds_the_rest_and_nobody_else(measured: Measured) -> None:
    anchor, join = (similarity.least_cosine(percent) for percent in EXPANSION)

    precision, recall, wrong = rates(
        measured.matched(similarity.least_cosine(SURE), (anchor, join)), measured.same
    )

    assert (precision, wrong) == (1.0, 0)
    assert recall >= 0.98


def test_maybe_matches_leave_hardly_anybody_out(measured: Measured) -> None:
    precision, recall, _ = rates(measured.matched(similarity.least_cosine(MAYBE)), measured.same)

    assert precision >= 0.95
    assert recall >= 0.98


def test_the_report_has_the_curve_the_thresholds_and_held_out_people(measured: Measured) -> None:
    lines = list(report(measured))

    assert "| cosine | similarity | precision (95 %) | recall (95 %) | wrong |" in lines
    assert any(line.startswith("| 0.47 | 90.0 | 1.000 (") for line in lines)
    assert any(line.startswith("| 0.42 | 80.0 | ") for line in lines)
    assert lines[-1].startswith("Anchors: -1 is 0,")


def test_every_selfie_is_good_enough(analyst: Analyst, labelled_photos: Path) -> None:
    truth = calibrate.read_truth(labelled_photos)
    for path in truth["people"].values():
        largest = analyst.faces((labelled_photos / path).read_bytes())[0]
        assert reasons(largest, "AUTO") == [], path


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_selfies_on_their_side_or_head_match_as_upright_ones(
    analyst: Analyst, labelled_photos: Path, measured: Measured, degrees: int
) -> None:
    """Not the same vector to the last digit: JPEG and scaling see other pixels."""
    truth = calibrate.read_truth(labelled_photos)
    for name in measured.people:
        picture = open_picture((labelled_photos / truth["people"][name]).read_bytes())
        upright = analyst.faces(jpeg(picture))[0].vector
        turned = analyst.faces(jpeg(picture.rotate(-degrees, expand=True)))[0].vector

        assert float(upright @ turned) > 0.93, name


@pytest.mark.parametrize("side", [20, 30])
def test_selfies_with_few_pixels_match_some_and_never_a_stranger(
    analyst: Analyst, labelled_photos: Path, measured: Measured, side: int
) -> None:
    truth = calibrate.read_truth(labelled_photos)
    photos = [
        np.stack([face.vector for face in faces] or [np.zeros(128, np.float32)])
        for faces in (
            analyst.faces((labelled_photos / path).read_bytes()) for path in truth["photos"]
        )
    ]
    cosines = []
    for name in measured.people:
        picture = open_picture((labelled_photos / truth["people"][name]).read_bytes())
        scale = side / float(analyst.find(picture).sides[0])
        width, height = (max(1, round(length * scale)) for length in picture.size)
        small = picture.resize((width, height), Image.Resampling.BOX)
        faces = analyst.faces(jpeg(small.resize(picture.size, Image.Resampling.BICUBIC)))
        cosines.append([float((vectors @ faces[0].vector).max()) for vectors in photos])
    matched = np.array(cosines) >= similarity.least_cosine(MAYBE)
    _, recall, wrong = rates(matched, measured.same)

    assert wrong == 0
    assert recall >= 0.65


@pytest.mark.parametrize("light", [0.1, 0.04])
@pytest.mark.parametrize("frame", [0, 40])
def test_a_dark_face_is_told_by_what_light_it_has(
    analyst: Analyst, light: float, frame: int
) -> None:
    """Dark as a whole, and dark in a bright frame."""
    bright = analyst.faces(jpeg(astronaut()))[0]
    dark = astronaut().point(lambda value: value * light)
    framed = ImageOps.expand(dark, frame, "white")

    [face] = analyst.faces(jpeg(framed))

    assert float(face.vector @ bright.vector) > 0.7
    assert face.brightness < 0.2 * bright.brightness


def test_a_crowd_of_small_faces_is_looked_at_closely(analyst: Analyst) -> None:
    """Forty faces of 21 and 38 pixels on 3000: reduced to 960 most of them are not to be seen."""
    eileen = astronaut().resize((100, 100), Image.Resampling.LANCZOS)
    grace = admiral().resize((100, 117), Image.Resampling.LANCZOS)
    builder = Image.new("RGB", (3000, 1000), (120, 130, 140))
    for column in range(10):
        for row in range(4):
            person = (eileen, grace)[(column + row) % 2]
            builder.paste(person, (130 + 290 * column, 100 + 230 * row))

    found = analyst.faces(jpeg(builder))

    assert len(found) == 40
    assert all(15 < one.side < 45 for one in found)


def test_small_pictures_are_searched_too(analyst: Analyst) -> None:
    small = astronaut().crop((140, 20, 310, 230)).resize((81, 100))

    assert len(analyst.faces(jpeg(small))) == 1


def test_the_same_bytes_give_the_same_vector(engine_models: Path) -> None:
    analyst = Analyst.load(engine_models)
    data = jpeg(astronaut())

    assert np.array_equal(analyst.faces(data)[0].vector, analyst.faces(data)[0].vector)
