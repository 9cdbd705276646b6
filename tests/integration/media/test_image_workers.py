"""Pictures in children: the same bytes as ever for good ones, a clear error for bad ones."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pillow_heif
import pytest
from PIL import Image

from findme.errors import BadImage, ImageTooLarge, UnreadableImage, UnsupportedImage
from findme.media import avatar, face_crop, images
from findme.media.cleaning import cleaner
from findme.media.image_workers import ImageWorkers
from findme.models import Box
from tests.support import hostile_pictures
from tests.support.hostile_pictures import BY_SIZE, BY_STRUCTURE
from tests.support.image_lanes import shared_lanes
from tests.support.pictures import labelled

LIMIT = 200_000_000
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def workers() -> ImageWorkers:
    return ImageWorkers(shared_lanes(), LIMIT)


def photograph() -> Image.Image:
    """Return the pixels of a photo."""
    with Image.open(next(iter(labelled().people))) as opened:
        return opened.convert("RGB")


def written(path: Path, kind: str) -> Path:
    """Write a photo in some format, turned by EXIF and with a place and a time."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2026:06:01 12:00:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    if kind == "HEIF":
        pillow_heif.from_pillow(photograph()).save(path, exif=exif.tobytes())
    else:
        options = {"progressive": True} if kind == "progressive" else {}
        photograph().save(path, "JPEG" if options else kind, exif=exif, **options)
    return path


@pytest.mark.parametrize("kind", ["JPEG", "progressive", "PNG", "WEBP", "HEIF"])
async def test_children_make_the_same_bytes_as_the_functions_themselves(
    workers: ImageWorkers, tmp_path: Path, kind: str
) -> None:
    path = written(tmp_path / "picture", kind)

    assert await workers.probe(path, PARIS) == images.probe(path, LIMIT, PARIS)
    assert await workers.render(path) == images.render(path, LIMIT)
    assert await workers.closer(path) == images.closer(path, LIMIT)
    assert await workers.clean(path) == cleaner.clean(path)
    for side, mark in ((1600, None), (None, "Ada & Eve 2026")):
        exif = cleaner.credits_of(path) if mark else b""
        with await workers.guest_rendition(path, side, mark, credited=bool(mark)) as made:
            assert made[:] == images.guest_rendition(path, LIMIT, side, mark, exif)
            assert (b"2026:06:01 12:00:00" in made[:1000]) == bool(mark)
    selfie = await workers.selfie(path)
    assert selfie == images.selfie(path, LIMIT)
    assert await workers.avatar(selfie) == avatar.avatar(selfie)
    box = Box(0.2, 0.3, 0.1, 0.2)
    assert await workers.cut_out_face(selfie, box) == face_crop.cut_out(selfie, box)


async def test_a_time_without_a_zone_is_read_in_the_events(
    workers: ImageWorkers, tmp_path: Path
) -> None:
    path = written(tmp_path / "picture", "JPEG")

    found = await workers.probe(path, PARIS)

    assert found.taken_at == datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


async def refusal(workers: ImageWorkers, path: Path, data: bytes) -> BadImage:
    """Return the error that everything that is made of a file ends with."""
    path.write_bytes(data)
    errors = []
    for make in (workers.render, workers.selfie, workers.closer):
        with pytest.raises(BadImage) as refused:
            await make(path)
        errors.append(refused.value)
    assert len({(type(error), str(error).partition(".")[0]) for error in errors}) == 1
    return errors[0]


@pytest.mark.parametrize("make", BY_STRUCTURE.values(), ids=BY_STRUCTURE)
async def test_files_that_take_long_are_refused_unread(
    workers: ImageWorkers, tmp_path: Path, make: Callable[[], bytes]
) -> None:
    before = _children(workers)

    error = await refusal(workers, tmp_path / "picture", make())

    assert isinstance(error, UnreadableImage)
    with pytest.raises(UnreadableImage):
        await workers.probe(tmp_path / "picture")
    assert _children(workers) == before


@pytest.mark.parametrize("make", BY_SIZE.values(), ids=BY_SIZE)
async def test_files_that_take_much_memory_are_refused_undecoded(
    workers: ImageWorkers, tmp_path: Path, make: Callable[[], bytes]
) -> None:
    before = _children(workers)

    error = await refusal(workers, tmp_path / "picture", make())

    assert isinstance(error, ImageTooLarge)
    with pytest.raises(ImageTooLarge):
        await workers.probe(tmp_path / "picture")
    assert _children(workers) == before


def _children(workers: ImageWorkers) -> int:
    return workers.lanes.photos.replaced + workers.lanes.selfies.replaced


async def test_a_refusal_says_what_would_pass(workers: ImageWorkers, tmp_path: Path) -> None:
    path = tmp_path / "picture"

    memory = await refusal(workers, path, hostile_pictures.webp_bomb())
    pixels = await refusal(workers, path, hostile_pictures.too_many_pixels())

    assert str(memory).startswith("The picture needs more memory than this server has for one.")
    assert "A WebP of its kind may have" in str(memory)
    assert "65000 × 65000 pixels, more than the 200 million" in str(pixels)


async def test_other_files_are_refused_as_ever(workers: ImageWorkers, tmp_path: Path) -> None:
    path = tmp_path / "picture"

    assert isinstance(await refusal(workers, path, b"no picture at all"), UnsupportedImage)
    assert isinstance(await refusal(workers, path, b""), UnsupportedImage)
    assert str(await refusal(workers, path, hostile_pictures.cut_off())) == images.CUT_OFF
    assert await workers.probe(path) == images.probe(path, LIMIT)


async def test_the_callers_own_limit_of_pixels_holds(tmp_path: Path) -> None:
    few = ImageWorkers(shared_lanes(), 640 * 480 - 1)
    (tmp_path / "picture").write_bytes(hostile_pictures.jpeg())

    for make in (few.probe, few.render):
        with pytest.raises(ImageTooLarge, match="640 × 480"):
            await make(tmp_path / "picture")


async def test_a_file_whose_parts_cannot_be_told_has_no_plan(
    workers: ImageWorkers, tmp_path: Path
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(hostile_pictures.jpeg()[:-2])

    with pytest.raises(UnreadableImage):
        await workers.clean(path)


async def test_a_mapped_rendition_is_a_file_in_memory(
    workers: ImageWorkers, tmp_path: Path
) -> None:
    (tmp_path / "picture").write_bytes(hostile_pictures.jpeg())

    made = await workers.guest_rendition(tmp_path / "picture", None, None, credited=True)

    with made, Image.open(io.BytesIO(made[:])) as picture:
        assert picture.size == (640, 480)
