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

from findme.media import image_answers, redaction
from findme.media.redaction import Redaction
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


def test_redactions_that_fit_the_file_are_taken() -> None:
    found = [Redaction(0, b"\0\0"), Redaction(7, b" ")]

    with answer({"redactions": redaction.to_json(found)}) as good:
        assert image_answers.read_redactions(good, 8) == found


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        "[1]",
        '[["0", "AAAA"]]',
        '[[0, "AAAA", 1]]',
        '[[-1, "AAAA"]]',
        '[[0, "!"]]',
        # behind the end, and one over the other
        '[[7, "AAAA"]]',
        '[[0, "AAAA"], [2, "AAAA"]]',
        "[" + " " * redaction.MOST_REDACTIONS + "]",
    ],
)
def test_redactions_that_do_not_fit_the_file_are_not_taken(text: str) -> None:
    with answer({"redactions": text}) as bad, pytest.raises(msgspec.ValidationError):
        image_answers.read_redactions(bad, 8)
