"""Pictures that were made to hurt, sent to the face service itself."""

import io
import os
import signal
from collections.abc import Callable, Iterator

import psutil
import pytest
from PIL import Image

from findme.engine.decoding import open_picture
from findme.engine.errors import (
    ImageTooLargeException,
    InvalidImageFormatException,
    InvalidParameterException,
)
from findme.engine.picture_reader import PictureReader
from tests.support import hostile_pictures
from tests.support.engine_service import Client, astronaut, jpeg
from tests.support.hostile_pictures import BY_SIZE, BY_STRUCTURE

pytest_plugins = ["tests.support.engine_fixtures"]


@pytest.fixture
def reader() -> Iterator[PictureReader]:
    made = PictureReader()
    yield made
    made.close()


def child() -> psutil.Process:
    """Return the child that decodes."""
    return next(
        each
        for each in psutil.Process().children()
        if "findme.engine.picture_tasks" in each.cmdline()
    )


@pytest.mark.parametrize("make", BY_STRUCTURE.values(), ids=BY_STRUCTURE)
async def test_files_that_take_long_are_refused(
    reader: PictureReader, make: Callable[[], bytes]
) -> None:
    with pytest.raises(InvalidImageFormatException):
        await reader.read(make())


@pytest.mark.parametrize("make", BY_SIZE.values(), ids=BY_SIZE)
async def test_files_that_take_much_memory_are_refused(
    reader: PictureReader, make: Callable[[], bytes]
) -> None:
    # formats that the service does not know are no pictures
    with pytest.raises((ImageTooLargeException, InvalidImageFormatException)):
        await reader.read(make())


async def test_small_and_cut_off_pictures_are_refused(reader: PictureReader) -> None:
    with pytest.raises(InvalidParameterException):
        await reader.read(jpeg(Image.new("RGB", (79, 200))))
    with pytest.raises(InvalidImageFormatException):
        await reader.read(hostile_pictures.cut_off())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "MPO"])
async def test_the_pixels_are_those_of_the_picture(reader: PictureReader, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    astronaut().save(out, form, exif=exif)

    pixels = await reader.read(out.getvalue())

    expected = open_picture(out.getvalue())
    made = pixels.picture()
    assert (made.mode, made.size) == ("RGB", expected.size)
    assert made.tobytes() == expected.tobytes()


async def test_the_service_goes_on_after_hostile_pictures_and_a_killed_child(
    rekognition: Client,
) -> None:
    for make in (hostile_pictures.png_bomb, hostile_pictures.many_scans):
        with pytest.raises(rekognition.exceptions.ClientError):
            await rekognition.detect_faces(Image={"Bytes": make()})
    os.kill(child().pid, signal.SIGKILL)

    answer = await rekognition.detect_faces(Image={"Bytes": jpeg(astronaut())})

    assert len(answer["FaceDetails"]) == 1
