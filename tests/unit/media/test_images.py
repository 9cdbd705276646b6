"""What FindMe tells of a picture, and the renditions it makes, on pictures drawn here."""

import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from findme.errors import ImageTooLarge, UnreadableImage, UnsupportedImage
from findme.media import images

MAX_PIXELS = 200_000_000
CUT_OFF = "The file is cut off: its end is missing."
KINDS = ("JPEG", "PNG", "WEBP", "HEIF")
# Red, green and blue corners and a grey one: each way of turning the picture moves them.
CORNERS = {"red": (200, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 200)}

Save = Callable[..., Path]
Size = tuple[int, int]
Colour = tuple[int, int, int]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(picture: Image.Image, kind: str = "JPEG", **options: object) -> Path:
        path = tmp_path / "photo.gif"
        picture.save(path, kind, **options)
        return path

    return save


def cornered(width: int = 600, height: int = 400) -> Image.Image:
    picture = Image.new("RGB", (width, height), (120, 120, 120))
    half = (width // 2, height // 2)
    picture.paste(CORNERS["red"], (0, 0, *half))
    picture.paste(CORNERS["green"], (half[0], 0, width, half[1]))
    picture.paste(CORNERS["blue"], (0, half[1], half[0], height))
    return picture


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def exif(orientation: int = 1, taken: str = "", offset: str = "") -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    if taken:
        tags.get_ifd(0x8769)[0x9003] = taken
    if offset:
        tags.get_ifd(0x8769)[0x9011] = offset
    return tags.tobytes()


def decoded(encoded: bytes) -> Image.Image:
    picture = Image.open(BytesIO(encoded))
    assert picture.format == "JPEG"
    assert picture.mode == "RGB"
    return picture


def pixels(picture: Image.Image) -> NDArray[np.int16]:
    return np.asarray(picture.convert("RGB")).astype(np.int16)


def bomb(path: Path, side: int) -> Path:
    """Write a PNG of *side* x *side* black pixels in a few kilobytes of zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("JPEG", "jpeg"), ("PNG", "png"), ("WEBP", "webp"), ("HEIF", "heic")],
)
def test_a_picture_is_known_by_its_content(save: Save, kind: str, media_type: str) -> None:
    path = save(cornered(), kind)  # named photo.gif

    assert images.probe(path, MAX_PIXELS) == images.Probe(f"image/{media_type}", 600, 400, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_exactly_once(save: Save, kind: str, orientation: int) -> None:
    picture = cornered()
    path = save(picture, kind, exif=exif(orientation), quality=95)
    tagged = picture.copy()
    tagged.getexif()[0x0112] = orientation
    expected = ImageOps.exif_transpose(tagged)

    probe = images.probe(path, MAX_PIXELS)
    renditions = images.render(path, MAX_PIXELS)

    assert (probe.width, probe.height) == expected.size
    assert (renditions.width, renditions.height) == expected.size
    for encoded in (renditions.analysis, renditions.preview, images.selfie(path, MAX_PIXELS)):
        assert np.abs(pixels(decoded(encoded)) - pixels(expected)).mean() < 6


@pytest.mark.parametrize("kind", KINDS)
def test_the_time_of_capture_is_read_with_its_zone(save: Save, kind: str) -> None:
    path = save(cornered(), kind, exif=exif(1, "2026:06:13 21:30:00", "+02:00"))

    taken_at = images.probe(path, MAX_PIXELS).taken_at

    assert taken_at == datetime(2026, 6, 13, 19, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("taken", "offset", "expected"),
    [
        ("2026:06:13 21:30:00", "", datetime(2026, 6, 13, 21, 30, tzinfo=UTC)),
        ("2026:06:13 21:30:00", "   :  ", datetime(2026, 6, 13, 21, 30, tzinfo=UTC)),
        ("0000:00:00 00:00:00", "", None),
        ("0001:01:01 00:00:00", "+05:00", None),
        ("9999:12:31 23:59:59", "", None),
        ("yesterday", "+02:00", None),
    ],
)
def test_a_time_without_a_zone_is_utc_and_nonsense_is_no_time(
    save: Save, taken: str, offset: str, expected: datetime | None
) -> None:
    path = save(cornered(), exif=exif(1, taken, offset))

    assert images.probe(path, MAX_PIXELS).taken_at == expected


def test_broken_exif_is_no_reason_to_refuse(save: Save) -> None:
    path = save(cornered(), exif=b"Exif\0\0neither II nor MM")

    assert images.probe(path, MAX_PIXELS) == images.Probe("image/jpeg", 600, 400, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a\x01\0\x01\0\0\0\0;",
        b"%PDF-1.7\n",
        b"A letter to my aunt.",
        b"\0\0\0\x1cftypavif\0\0\0\0mif1avifmiaf",
        b"\0\0\0\x18ftypisom\0\0\0\0isommp41",
    ],
)
def test_other_kinds_of_file_are_unsupported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)

    with pytest.raises(UnsupportedImage):
        images.probe(path, MAX_PIXELS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_header_is_unreadable(save: Save, kind: str) -> None:
    path = save(cornered(), kind)
    content = path.read_bytes()
    path.write_bytes(content[:16] + b"\xff" * 300 + content[316:])

    with pytest.raises(UnreadableImage):
        images.probe(path, MAX_PIXELS)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [3, 40, 4000])
def test_a_jpeg_that_is_cut_off_is_noticed(save: Save, missing: int, progressive: bool) -> None:
    path = save(noise(300, 200), progressive=progressive)
    path.write_bytes(path.read_bytes()[:-missing])

    with pytest.raises(UnreadableImage, match=CUT_OFF):
        images.render(path, MAX_PIXELS)
    with pytest.raises(UnreadableImage, match=CUT_OFF):
        images.selfie(path, MAX_PIXELS)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIF"])
def test_other_pictures_that_are_cut_off_are_noticed(save: Save, kind: str) -> None:
    path = save(noise(300, 200), kind)
    path.write_bytes(path.read_bytes()[:-4000])

    with pytest.raises(UnreadableImage, match=CUT_OFF):
        images.render(path, MAX_PIXELS)


def test_a_missing_file_is_not_taken_for_a_bad_picture(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        images.probe(tmp_path / "nothing", MAX_PIXELS)


@pytest.mark.parametrize("look", [images.probe, images.render, images.selfie])
def test_a_decompression_bomb_is_refused_undecoded(
    tmp_path: Path, look: Callable[[Path, int], object]
) -> None:
    path = bomb(tmp_path / "bomb.png", 30_000)

    with pytest.raises(ImageTooLarge, match="30000 × 30000 pixels, more than the 200 million"):
        look(path, MAX_PIXELS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixel_limit_is_exact(save: Save, kind: str) -> None:
    path = save(cornered(), kind)

    images.probe(path, 600 * 400)
    with pytest.raises(ImageTooLarge):
        images.probe(path, 600 * 400 - 1)


@pytest.mark.parametrize(
    ("size", "analysis", "preview", "thumb"),
    [
        ((6400, 3200), (3000, 1500), (1600, 800), (400, 200)),
        ((3200, 4800), (1600, 2400), (1067, 1600), (267, 400)),  # scaled by the decoder alone
        ((300, 200), (300, 200), (300, 200), (300, 200)),
        ((60, 40), (120, 80), (60, 40), (60, 40)),
        ((5000, 20), (3000, 80), (1600, 6), (400, 2)),
        ((1, 1), (80, 80), (1, 1), (1, 1)),
    ],
)
def test_sizes_of_the_renditions(
    save: Save, size: Size, analysis: Size, preview: Size, thumb: Size
) -> None:
    renditions = images.render(save(cornered(*size)), MAX_PIXELS)

    made = (renditions.analysis, renditions.preview, renditions.thumb)
    assert (renditions.width, renditions.height) == size
    assert [decoded(encoded).size for encoded in made] == [analysis, preview, thumb]


def test_a_selfie_is_small_enough_to_send_and_large_enough_for_the_engine(save: Save) -> None:
    assert decoded(images.selfie(save(cornered(4000, 3000)), MAX_PIXELS)).size == (1600, 1200)
    assert decoded(images.selfie(save(cornered(50, 40)), MAX_PIXELS)).size == (100, 80)


def test_even_noise_stays_below_the_limits(save: Save) -> None:
    renditions = images.render(save(noise(3000, 3000), "PNG", compress_level=1), MAX_PIXELS)

    assert len(renditions.analysis) < images.ENGINE_BYTES
    assert len(renditions.thumb) < images.THUMB_BYTES


def test_the_same_file_gives_the_same_bytes_and_no_metadata(save: Save) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = save(
        cornered(),
        exif=exif(6, "2026:06:13 21:30:00"),
        comment=b"at aunt Lucie's",
        icc_profile=srgb,
        dpi=(300, 300),
        xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
    )

    renditions = images.render(path, MAX_PIXELS)

    assert images.render(path, MAX_PIXELS) == renditions
    for encoded in (renditions.analysis, renditions.preview, renditions.thumb):
        assert not set(decoded(encoded).info) & {"exif", "comment", "icc_profile", "dpi", "xmp"}


def test_the_placeholder_is_the_mean_colour(save: Save) -> None:
    picture = Image.new("RGB", (600, 400), (255, 0, 0))
    picture.paste((0, 0, 255), (300, 0, 600, 400))

    assert images.render(save(picture, "PNG"), MAX_PIXELS).placeholder == "#800080"


def grey_16_bit() -> Image.Image:
    return Image.fromarray(np.full((100, 100), 40_000, dtype=np.uint16))


def see_through(mode: str) -> Image.Image:
    """Draw a square that is opaque on the left and lets the paper through on the right."""
    picture = Image.new("RGBA", (100, 100), (200, 30, 30, 255))
    picture.paste((200, 30, 30, 0), (50, 0, 100, 100))
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("picture", "kind", "left", "right"),
    [
        (Image.new("L", (100, 100), 90), "JPEG", (90, 90, 90), (90, 90, 90)),
        (Image.new("CMYK", (100, 100), (0, 255, 255, 0)), "JPEG", (255, 0, 0), (255, 0, 0)),
        (cornered(100, 100).quantize(4), "PNG", CORNERS["red"], CORNERS["green"]),
        (Image.new("1", (100, 100), 1), "PNG", (255, 255, 255), (255, 255, 255)),
        (grey_16_bit(), "PNG", (156, 156, 156), (156, 156, 156)),
        (see_through("RGBA"), "PNG", (200, 30, 30), (255, 255, 255)),
        (see_through("RGBA"), "WEBP", (200, 30, 30), (255, 255, 255)),
        (see_through("LA"), "PNG", (80, 80, 80), (255, 255, 255)),
        (see_through("RGBA"), "HEIF", (200, 30, 30), (255, 255, 255)),
    ],
)
def test_every_kind_of_pixel_comes_out_in_its_colour(
    save: Save, picture: Image.Image, kind: str, left: Colour, right: Colour
) -> None:
    result = pixels(decoded(images.render(save(picture, kind), MAX_PIXELS).analysis))

    assert np.abs(result[10, 10] - left).max() < 12
    assert np.abs(result[10, 90] - right).max() < 12


def test_a_palette_with_a_see_through_colour_is_laid_on_white(save: Save) -> None:
    picture = Image.new("P", (100, 100), 1)
    picture.putpalette([0, 0, 0, 30, 30, 200])

    result = decoded(images.render(save(picture, "PNG", transparency=1), MAX_PIXELS).analysis)

    assert result.getpixel((50, 50)) == (255, 255, 255)


def swapped_profile() -> bytes:
    """Return sRGB with the names of red and green exchanged: a profile nobody can overlook."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = profile[128:]
    red, green = table.index(b"rXYZ"), table.index(b"gXYZ")
    profile[128 + red : 132 + red], profile[128 + green : 132 + green] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "gRBG".encode("utf-16-be"))


@pytest.mark.parametrize("kind", KINDS)
def test_colours_are_converted_from_the_profile_of_the_picture(save: Save, kind: str) -> None:
    red = Image.new("RGB", (100, 100), (220, 20, 20))
    path = save(red, kind, icc_profile=swapped_profile())

    result = pixels(decoded(images.render(path, MAX_PIXELS).preview))[50, 50]

    assert np.abs(result - (20, 220, 20)).max() < 14


@pytest.mark.parametrize("profile", [b"not a profile", b"\0" * 200])
def test_a_broken_profile_is_as_none(save: Save, profile: bytes) -> None:
    red = Image.new("RGB", (100, 100), (220, 20, 20))
    renditions = images.render(save(red, "PNG", icc_profile=profile), MAX_PIXELS)

    assert np.abs(pixels(decoded(renditions.preview))[50, 50] - (220, 20, 20)).max() < 4
