"""The walk through a file's structure: what it tells, and what it refuses."""

import io
from collections.abc import Callable

import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from findme.pixels import sealed_files
from findme.pixels.header import Header, Kind, Reason, Refused
from findme.pixels.inspection import inspect, inspect_bytes
from tests.support import hostile_pictures
from tests.support.hostile_pictures import BY_STRUCTURE, jpeg


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def drawn(mode: str = "RGB") -> Image.Image:
    """Return a picture of 300 x 200 pixels."""
    return Image.linear_gradient("L").resize((300, 200)).convert(mode)


def reason_of(data: bytes) -> Reason:
    """Return why a file is refused."""
    with pytest.raises(Refused) as refused:
        inspect_bytes(data)
    return refused.value.reason


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (saved(drawn(), "JPEG"), Kind.JPEG),
        (saved(drawn("L"), "JPEG", progressive=True), Kind.JPEG),
        (saved(drawn("RGBA"), "PNG"), Kind.PNG),
        (saved(drawn(), "WEBP"), Kind.WEBP),
        (saved(drawn(), "WEBP", lossless=True), Kind.WEBP),
        (saved(drawn("RGBA"), "WEBP"), Kind.WEBP),
        (saved(drawn(), "MPO", save_all=True, append_images=[drawn()]), Kind.JPEG),
    ],
)
def test_kind_and_size_are_told(data: bytes, kind: Kind) -> None:
    header = inspect_bytes(data)

    assert (header.kind, header.width, header.height) == (kind, 300, 200)


def test_the_size_of_a_heic_is_told() -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(drawn()).save(out)

    header = inspect_bytes(out.getvalue())

    assert (header.kind, header.width, header.height) == (Kind.HEIC, 300, 200)


def test_a_descriptor_is_walked_like_its_bytes() -> None:
    with sealed_files.opened(jpeg()) as file:
        assert inspect(file) == inspect_bytes(jpeg())


def test_what_makes_a_jpeg_expensive_is_told() -> None:
    plain = inspect_bytes(saved(drawn(), "JPEG", subsampling="4:2:0"))
    rich = inspect_bytes(
        saved(drawn(), "JPEG", subsampling="4:4:4", progressive=True, comment=b"x" * 1000)
    )

    assert (plain.progressive, plain.scans, plain.samples) == (False, 1, 1.5)
    assert (rich.progressive, rich.samples) == (True, 3.0)
    assert 5 < rich.scans <= 12
    assert rich.metadata > plain.metadata + 1000


@pytest.mark.parametrize(
    ("picture", "options", "expected"),
    [
        ("RGB", {}, (3, 8, False, False)),
        ("RGBA", {}, (4, 8, True, False)),
        ("LA", {}, (2, 8, True, False)),
        ("L", {}, (1, 8, False, False)),
        ("1", {}, (1, 1, False, False)),
        ("I;16", {}, (1, 16, False, False)),
        ("P", {}, (1, 8, False, True)),
        ("RGB", {"transparency": (1, 2, 3)}, (3, 8, True, False)),
    ],
)
def test_what_makes_a_png_expensive_is_told(
    picture: str, options: dict[str, object], expected: tuple[int, int, bool, bool]
) -> None:
    made = Image.new(picture, (300, 200)) if picture == "I;16" else drawn(picture)

    header = inspect_bytes(saved(made, "PNG", **options))

    assert (header.channels, header.depth, header.alpha, header.palette) == expected


def test_text_in_a_png_counts_as_metadata() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 5000)

    assert inspect_bytes(saved(drawn(), "PNG", pnginfo=text)).metadata > 5000


@pytest.mark.parametrize("make", BY_STRUCTURE.values(), ids=BY_STRUCTURE)
def test_a_file_that_takes_long_or_cannot_be_decoded_is_refused(make: Callable[[], bytes]) -> None:
    assert reason_of(make()) in (Reason.TOO_COMPLEX, Reason.UNREADABLE)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.UNSUPPORTED),
        (b"hello world, this is no picture", Reason.UNSUPPORTED),
        (b"GIF89a" + bytes(100), Reason.UNSUPPORTED),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif" + bytes(100), Reason.UNSUPPORTED),
        (jpeg()[:100], Reason.CUT_OFF),
        (jpeg()[:2] + b"\xff\xd9" + bytes(100), Reason.UNREADABLE),
        (saved(drawn(), "WEBP")[:-10], Reason.CUT_OFF),
        (b"RIFF\x10\0\0\0WEBPXXXX" + bytes(50), Reason.UNREADABLE),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), Reason.UNREADABLE),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50), Reason.UNREADABLE),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, reason: Reason) -> None:
    assert reason_of(data) is reason


def test_a_file_that_ends_within_its_pixels_is_left_to_the_decoder() -> None:
    data = saved(drawn(), "JPEG")

    assert inspect_bytes(data[:-200]).width == 300


def test_every_cut_of_a_file_is_walked_or_refused() -> None:
    for data in (jpeg(60, 40, progressive=True), saved(drawn("P"), "PNG"), saved(drawn(), "WEBP")):
        for end in range(len(data)):
            try:
                assert isinstance(inspect_bytes(data[:end]), Header)
            except Refused:
                continue


def test_the_larger_size_counts_if_the_parts_of_a_webp_contradict_each_other() -> None:
    small, bomb = saved(drawn("RGBA"), "WEBP"), hostile_pictures.webp_bomb()
    body = small[12:] + bomb[12:]

    header = inspect_bytes(b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body)

    assert header.pixels == 14_000**2
