"""What a child answers is taken only if a good child could have said it."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from PIL import Image

from findme.media import image_answers
from findme.media.cleaning import plan as plans
from findme.media.cleaning.cleaner import Cleaned
from findme.media.cleaning.plan import MOST_PLAN, Piece, Span
from findme.pixels import sealed_files
from findme.pixels.lane import Answer
from findme.pixels.sealed_files import BadFile
from tests.support import hostile_pictures
from tests.support.hostile_pictures import BY_STRUCTURE, jpeg

LIMIT = 1_000_000
PROBED = {"media_type": "image/jpeg", "width": 640, "height": 480, "taken_at": None}
RENDERED = {"placeholder": "#808080", "width": 640, "height": 480}


@contextmanager
def answer(values: dict[str, Any], *files: bytes) -> Iterator[Answer]:
    """Return an answer with sealed files."""
    opened = [sealed_files.opened(data) for data in files]
    descriptors = [each.__enter__() for each in opened]
    try:
        yield Answer(values, descriptors)
    finally:
        for each in opened:
            each.__exit__(None, None, None)


def png() -> bytes:
    """Return a picture that is no JPEG."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "PNG")
    return out.getvalue()


def test_a_good_probe_is_taken() -> None:
    values = PROBED | {"taken_at": "2026-06-01T12:00:00"}

    with answer(values) as good:
        found = image_answers.read_probe(good, LIMIT, ZoneInfo("Europe/Paris"))

    assert (found.width, found.height) == (640, 480)
    assert found.taken_at == datetime(2026, 6, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"media_type": "text/html"},
        {"width": 0},
        {"width": -1, "height": -1},
        {"width": "640"},
        {"width": 1001, "height": 1000},
        {"taken_at": "yesterday"},
        {"taken_at": "0001-01-01T00:00:00"},
        {"taken_at": "9999-12-31T23:59:59+00:00"},
    ],
)
def test_a_wrong_probe_is_not_taken(wrong: dict[str, Any]) -> None:
    with answer(PROBED | wrong) as bad, pytest.raises(msgspec.ValidationError):
        image_answers.read_probe(bad, LIMIT, UTC)


def test_good_renditions_are_taken() -> None:
    large, small = jpeg(), jpeg(400, 300)

    with answer(RENDERED, large, large, small) as good:
        made = image_answers.read_renditions(good, LIMIT)

    assert (made.analysis, made.preview, made.thumb) == (large, large, small)


@pytest.mark.parametrize(
    "wrong",
    [
        {"placeholder": '"><script>'},
        {"placeholder": "#12345"},
        {"width": 2**40},
        {"width": 1001, "height": 1000},
    ],
)
def test_wrong_renditions_are_not_taken(wrong: dict[str, Any]) -> None:
    files = jpeg(), jpeg(), jpeg(400, 300)
    with answer(RENDERED | wrong, *files) as bad, pytest.raises(msgspec.ValidationError):
        image_answers.read_renditions(bad, LIMIT)


@pytest.mark.parametrize(
    "files",
    [
        [],
        [jpeg()],
        [jpeg(), jpeg(), png()],
        [jpeg(), jpeg(), b"<html>" * 100],
        # a thumbnail that is too large
        [jpeg(), jpeg(), jpeg()],
        [make() for make in list(BY_STRUCTURE.values())[:3]],
        [hostile_pictures.webp_bomb()] * 3,
    ],
)
def test_files_that_are_no_plain_jpegs_of_their_size_are_not_taken(files: list[bytes]) -> None:
    with answer(RENDERED, *files) as bad, pytest.raises(BadFile):
        image_answers.read_renditions(bad, LIMIT)


def test_a_picture_for_guests_is_mapped_or_refused() -> None:
    with answer({}, jpeg()) as good, image_answers.map_picture(good, 640) as mapped:
        assert mapped[:] == jpeg()
    for bad_files in ([], [jpeg(), jpeg()], [png()]):
        with answer({}, *bad_files) as bad, pytest.raises(BadFile):
            image_answers.map_picture(bad, 640)
    with answer({}, jpeg()) as large, pytest.raises(BadFile):
        image_answers.map_picture(large, 639)


DIGEST = "ab" * 32


def test_a_plan_that_fits_the_file_is_taken() -> None:
    pieces: list[Piece] = [b"head", Span(2, 8), Span(0, 1)]
    stored = plans.to_bytes(pieces)

    with answer({"size_bytes": 11, "digest": DIGEST}, stored) as good:
        assert image_answers.read_cleaned(good, 8) == Cleaned(stored, 11, DIGEST)


@pytest.mark.parametrize(
    ("size", "digest", "stored"),
    [
        (1, DIGEST, b"no plan"),
        (1, DIGEST, plans.to_bytes([b"a"]) + b"more"),
        (1, DIGEST, msgspec.msgpack.encode([[0]])),
        (1, DIGEST, msgspec.msgpack.encode([[0, 1, 2]])),
        (1, DIGEST, msgspec.msgpack.encode(["text"])),
        (1, DIGEST, msgspec.msgpack.encode({"0": 1})),
        (1, DIGEST, plans.to_bytes([Span(-1, 0)])),
        (1, DIGEST, plans.to_bytes([Span(3, 2), b"ab"])),
        (1, DIGEST, plans.to_bytes([Span(8, 9)])),
        (2, DIGEST, plans.to_bytes([Span(0, 1)])),
        (0, DIGEST, plans.to_bytes([])),
        (1, "x", plans.to_bytes([Span(0, 1)])),
        (202, DIGEST, plans.to_bytes([Span(7, 8), Span(0, 1)] * 101)),
        (8 * 90_000, DIGEST, plans.to_bytes([Span(0, 8)] * 90_000)),
        (MOST_PLAN + 1, DIGEST, plans.to_bytes([bytes(MOST_PLAN + 1)])),
    ],
)
def test_a_plan_that_does_not_fit_the_file_is_not_taken(
    size: int, digest: str, stored: bytes
) -> None:
    with (
        answer({"size_bytes": size, "digest": digest}, stored) as bad,
        pytest.raises((msgspec.ValidationError, BadFile)),
    ):
        image_answers.read_cleaned(bad, 8)
