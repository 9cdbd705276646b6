"""How well faces are found and told apart on labelled pictures: the promises of the calibration."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from findme.engine import calibrate, similarity
from findme.engine.calibrate import Measured
from findme.engine.faces import Analyst
from findme.engine.quality_filter import reasons
from tests.support.engine_service import admiral, astronaut, jpeg

pytest_plugins = ["tests.support.engine_fixtures"]

SURE, MAYBE = 90.0, 80.0


@pytest.fixture(scope="session")
def analyst(engine_models: Path) -> Analyst:
    """The models, loaded once."""
    return Analyst.load(engine_models)


@pytest.fixture(scope="session")
def measured(analyst: Analyst, labelled_photos: Path) -> Measured:
    """Every selfie against every photo."""
    return calibrate.measure(analyst, labelled_photos)


def test_clear_faces_are_found_and_hardly_any_others(measured: Measured) -> None:
    assert measured.found >= 0.98 * measured.clear
    assert measured.beyond <= max(1, 0.02 * measured.clear)


def test_sure_matches_are_right(measured: Measured) -> None:
    precision, recall, _ = measured.at(similarity.widest_distance(SURE))

    assert precision >= 0.99
    assert recall >= 0.87


def test_maybe_matches_leave_hardly_anybody_out(measured: Measured) -> None:
    precision, recall, _ = measured.at(similarity.widest_distance(MAYBE))

    assert precision >= 0.85
    assert recall >= 0.96


def test_the_report_is_a_table_with_the_anchors(measured: Measured) -> None:
    lines = list(calibrate.report(measured))

    assert "| distance | similarity | precision | recall | wrong |" in lines
    assert any(line.startswith("| 0.505 | 90.0 | ") for line in lines)
    assert lines[-1].startswith("Anchors: 0 is 100,")


def test_every_selfie_is_good_enough(analyst: Analyst, labelled_photos: Path) -> None:
    truth = calibrate.read_truth(labelled_photos)
    for path in truth["people"].values():
        largest = analyst.faces((labelled_photos / path).read_bytes())[0]
        assert reasons(largest, "AUTO") == [], path


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


def test_the_same_bytes_give_the_same_vector(analyst: Analyst) -> None:
    data = jpeg(astronaut())

    assert np.array_equal(analyst.faces(data)[0].vector, analyst.faces(data)[0].vector)
