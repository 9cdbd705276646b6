"""Opening pictures: formats, limits, orientation."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from findme.engine.decoding import WORKING_SIDE, open_picture
from findme.engine.errors import (
    ImageTooLargeException,
    InvalidImageFormatException,
    InvalidParameterException,
)

ORIENTATION = 0x0112


def encoded(picture: Image.Image, form: str = "JPEG", orientation: int | None = None) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    picture.save(buffer, form, exif=exif)
    return buffer.getvalue()


def claimed_png(width: int, height: int) -> bytes:
    """A PNG that claims a size and has hardly any bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["GIF", "WEBP", "BMP", "TIFF"])
def test_only_jpeg_and_png_are_taken(form: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (100, 100)).save(buffer, form)

    with pytest.raises(InvalidImageFormatException):
        open_picture(buffer.getvalue())


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0", b"text", b"\x89PNG\r\n\x1a\n"])
def test_bytes_that_are_no_picture_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidImageFormatException):
        open_picture(data)


def test_a_picture_that_was_cut_off_is_refused() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (200, 200, 3), np.uint8)
    data = encoded(Image.fromarray(noise))

    with pytest.raises(InvalidImageFormatException):
        open_picture(data[: len(data) // 2])


@pytest.mark.parametrize("size", [(79, 200), (200, 79)])
def test_less_than_80_pixels_each_way_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidParameterException):
        open_picture(encoded(Image.new("RGB", size)))


def test_80_pixels_are_enough() -> None:
    assert open_picture(encoded(Image.new("RGB", (80, 80)))).size == (80, 80)


@pytest.mark.parametrize("size", [(15_000, 14_000), (30_000, 30_000)])
def test_more_than_200_million_pixels_are_refused_unread(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooLargeException):
        open_picture(claimed_png(*size))


def test_a_jpeg_is_turned_upright() -> None:
    picture = Image.new("RGB", (200, 100), "black")
    picture.paste((255, 255, 255), (0, 0, 100, 100))

    upright = open_picture(encoded(picture, orientation=6))

    assert upright.size == (100, 200)
    # Orientation 6: what was stored at the left belongs at the top.
    assert upright.getpixel((50, 20)) == (255, 255, 255)
    assert upright.getpixel((50, 180)) == (0, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone(orientation: int) -> None:
    """As Pillow itself does it."""
    shades = np.linspace(0, 255, 120 * 90).reshape(90, 120).astype(np.uint8)
    data = encoded(Image.fromarray(shades), orientation=orientation)

    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")

    assert np.array_equal(np.asarray(expected), np.asarray(open_picture(data)))


def test_a_phones_picture_with_more_behind_it_is_turned_too() -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture = Image.new("RGB", (200, 100))
    picture.save(buffer, "MPO", save_all=True, append_images=[picture], exif=exif)

    assert open_picture(buffer.getvalue()).size == (100, 200)


def test_exif_that_makes_no_sense_turns_nothing() -> None:
    data = encoded(Image.new("RGB", (200, 100)), orientation=6)
    place = data.index(b"Exif\0\0")

    broken = data[: place + 6] + b"\xff" * 8 + data[place + 14 :]

    assert open_picture(broken).size == (200, 100)


def test_a_png_is_never_turned() -> None:
    assert open_picture(encoded(Image.new("RGB", (200, 100)), "PNG", orientation=6)).size == (
        200,
        100,
    )


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16"])
def test_every_kind_of_png_becomes_rgb(mode: str) -> None:
    assert open_picture(encoded(Image.new(mode, (90, 90)), "PNG")).mode == "RGB"


def test_16_bit_grey_keeps_its_shades() -> None:
    values = np.full((90, 90), 128 * 256, np.uint16)

    assert open_picture(encoded(Image.fromarray(values), "PNG")).getpixel((5, 5)) == (128, 128, 128)


def test_cmyk_jpegs_become_rgb() -> None:
    assert open_picture(encoded(Image.new("CMYK", (90, 90)))).mode == "RGB"


def test_long_pictures_are_reduced_before_they_are_looked_at() -> None:
    picture = open_picture(encoded(Image.new("RGB", (9000, 5000)), "PNG"))

    assert max(picture.size) == WORKING_SIDE
