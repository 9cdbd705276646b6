"""A hall full of people on 24 megapixels: faces of 20 pixels in the last row, 140 in the first."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from findme.engine.decoding import open_picture
from findme.engine.faces import Analyst, Face
from findme.engine.quality_filter import reasons
from findme.media import images
from findme.models import Box
from tests.support.pictures import labelled

pytest_plugins = ["tests.support.engine_fixtures"]

WIDTH, HEIGHT = 6000, 4000
MAX_PIXELS = 200_000_000
#: Pixels of a face and how many stand in the row: 100 in all, the most that are indexed.
ROWS = ((20, 22), (24, 18), (30, 16), (40, 14), (60, 12), (100, 10), (140, 8))
FACES = sum(count for _, count in ROWS)


@pytest.fixture(scope="module")
def analyst(engine_models: Path) -> Analyst:
    return Analyst.load(engine_models)


@pytest.fixture(scope="module")
def hall(analyst: Analyst, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Heads of the labelled selfies, over and over, in front of a wall with some grain."""
    random = np.random.default_rng(1)
    wall = Image.fromarray(random.integers(90, 170, (40, 60, 3), np.uint8))
    picture = wall.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    heads = [head(analyst, path) for path in labelled().selfies.values()]
    top, number = 150, 0
    for face, count in ROWS:
        for place in range(count):
            size = (2 * face, 2 * face)
            person = heads[number % len(heads)].resize(size, Image.Resampling.LANCZOS)
            picture.paste(person, (100 + place * (WIDTH - 200) // count, top))
            number += 1
        top += 3 * face + 80
    # a piece of grain over and over: for all pixels of their own it takes five seconds
    piece = np.rint(random.normal(0, 3, (HEIGHT // 10, WIDTH // 10, 1))).astype(np.int16)
    grainy = np.asarray(picture) + np.tile(piece, (10, 10, 1))
    path = tmp_path_factory.mktemp("hall") / "hall.jpg"
    Image.fromarray(grainy.clip(0, 255).astype(np.uint8)).save(path, "JPEG", quality=90)
    return path


def head(analyst: Analyst, selfie: Path) -> Image.Image:
    """The selfie's face with as much around it again."""
    picture = open_picture(selfie.read_bytes())
    left, top, right, bottom = analyst.find(picture).boxes[0]
    x, y, side = (left + right) / 2, (top + bottom) / 2, (right - left + bottom - top) / 2
    return picture.crop((round(x - side), round(y - side), round(x + side), round(y + side)))


def boxes(found: list[Face]) -> list[Box]:
    """As the service hears of them."""
    return [Box(one.box.left, one.box.top, one.box.width, one.box.height) for one in found]


def test_faces_of_20_pixels_in_24_megapixels_are_found_at_the_second_look(
    analyst: Analyst, hall: Path
) -> None:
    first = analyst.faces(images.render(hall, MAX_PIXELS).analysis)

    assert images.crowded(boxes(first), WIDTH, HEIGHT)

    close = images.closer(hall, MAX_PIXELS)
    found = analyst.faces(close)
    kept = [face for face in found if not reasons(face, "AUTO")]
    last_row = [face for face in found if face.box.top < 0.05]

    assert len(close) < images.ENGINE_BYTES
    assert len(first) < len(found)
    assert len(kept) >= 0.9 * FACES
    assert len(last_row) >= 0.8 * ROWS[0][1]


def test_few_or_large_faces_are_no_crowd() -> None:
    small, large = Box(0.1, 0.1, 0.02, 0.03), Box(0.1, 0.1, 0.1, 0.15)

    assert images.crowded([small] * 6, WIDTH, HEIGHT)
    assert not images.crowded([small] * 5, WIDTH, HEIGHT)
    assert not images.crowded([large] * 30, WIDTH, HEIGHT)


def test_a_picture_that_was_sent_whole_needs_no_second_look() -> None:
    assert not images.crowded([Box(0.1, 0.1, 0.01, 0.01)] * 30, 3000, 2000)


def test_the_second_look_shows_what_the_first_showed(tmp_path: Path) -> None:
    """Noise does not fit at full size; a turned picture stays upright."""
    noise = np.random.default_rng(5).integers(0, 256, (4500, 6400, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "noise.jpg"
    Image.fromarray(noise).save(path, "JPEG", quality=60, exif=exif)

    close = images.closer(path, MAX_PIXELS)

    assert len(close) < images.ENGINE_BYTES
    width, height = Image.open(io.BytesIO(close)).size
    assert width < height
    assert width / height == pytest.approx(4500 / 6400, abs=0.001)
