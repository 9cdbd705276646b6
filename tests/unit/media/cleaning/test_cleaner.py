"""Of what a file says of itself, guests get the essentials; its pixels stay as they are."""

import hashlib
import io
import json
import shutil
import struct
import subprocess
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from findme.media.cleaning import cleaner, exif_block
from findme.media.cleaning import plan as plans
from findme.media.cleaning.plan import Span
from findme.pixels import sealed_files
from findme.pixels.header import Refused
from tests.support import hostile_pictures
from tests.support.talkative_pictures import (
    CAPTURED,
    CREDIT,
    NOTICE,
    ORIENTATION,
    SECRET,
    TALKATIVE,
    chunk,
    drawn,
    encoded,
    exif,
    profile,
    riff,
    riff_chunk,
    segment,
    segment_starts,
    talkative_heic,
)

#: What exiftool may find in a clean file, besides how its pixels are stored.
ESSENTIAL = {
    "Orientation",
    "Artist",
    "Copyright",
    "ExifVersion",
    "DateTimeOriginal",
    "OffsetTimeOriginal",
    "SubSecTimeOriginal",
    "ColorSpace",
}
#: Groups of exiftool that hold how pixels are stored, and what it says of the file on disk.
STORED = {"ExifTool", "System", "File", "Composite", "JFIF", "PNG", "PNG-pHYs", "RIFF", "Adobe"}


def cleaned(content: bytes) -> bytes:
    """Return what guests get of a file, having checked what is told of it."""
    with sealed_files.opened(content) as file:
        made = cleaner.clean(file)
    pieces = plans.from_bytes(made.plan)
    result = b"".join(
        content[piece.start : piece.stop] if isinstance(piece, Span) else piece for piece in pieces
    )
    assert len(result) == plans.length_of(pieces) == made.size_bytes
    assert hashlib.sha256(result).hexdigest() == made.digest
    return result


def pixels(content: bytes) -> tuple[str, tuple[int, int], bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is said beside the pixels
        with Image.open(io.BytesIO(content)) as picture:
            return picture.mode, picture.size, picture.tobytes()


def exiftool(content: bytes, path: Path) -> Mapping[str, Any]:
    """Return all that exiftool finds in a file, by group and name."""
    path.write_bytes(content)
    command = ["exiftool", "-json", "-G1", "-a", "-u", "-U", "-s", "-b", "-ee", str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    (found,) = json.loads(done.stdout)
    assert SECRET not in done.stdout.replace(str(path).encode(), b"")
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("kind", TALKATIVE)
def test_nothing_is_left_but_the_essentials(kind: str, tmp_path: Path) -> None:
    content = TALKATIVE[kind]()
    sent = cleaned(content)

    assert SECRET in content
    assert SECRET not in sent
    assert SECRET.decode().encode("utf-16-le") not in sent
    assert pixels(sent) == pixels(content)
    with Image.open(io.BytesIO(sent)) as picture:
        tags = Image.Image.getexif(picture)
        inner = tags.get_ifd(0x8769)
        # HEIC is turned by its decoder
        assert tags[0x0112] == (1 if "HEIC" in kind else ORIENTATION)
        assert [tags[tag].encode("latin-1").decode() for tag in (0x013B, 0x8298)] == [
            CREDIT,
            NOTICE,
        ]
        assert (inner[0x9003], inner[0x9011], inner[0x9291]) == (CAPTURED, "+02:00", "125")
        assert dict(tags.get_ifd(0x8825)) == {}
        assert ("icc_profile" in picture.info) == (kind != "HEIC")
        if icc := picture.info.get("icc_profile"):
            before = ImageCms.ImageCmsProfile(io.BytesIO(profile()))
            after = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            assert after.profile.red_colorant == before.profile.red_colorant
    with sealed_files.opened(content) as file:
        credits_of = cleaner.credits_of(file)
    assert SECRET not in credits_of
    assert (CREDIT.encode() in credits_of, CAPTURED.encode() in credits_of) == (True, True)
    # what has been cleaned has nothing left to clean
    assert cleaned(sent) == sent
    if shutil.which("exiftool"):
        found = exiftool(sent, tmp_path / "picture")
        said = {name for name in found if ":" in name and name.partition(":")[0] not in STORED}
        names = {name.partition(":")[2] for name in said if name.startswith(("IFD", "ExifIFD"))}
        assert names <= ESSENTIAL
        assert not [
            name
            for name in said
            if not name.startswith(("IFD0:", "ExifIFD:", "ICC", "QuickTime:", "Meta:"))
        ]


@pytest.mark.parametrize(
    "content",
    [
        encoded("JPEG"),
        encoded("JPEG", progressive=True),
        encoded("JPEG", drawn().convert("L")),
        encoded("JPEG", drawn().convert("CMYK")),
        encoded("PNG"),
        encoded("PNG", drawn().convert("P")),
        encoded("PNG", drawn().convert("RGBA"), compress_level=0),
        encoded("WEBP"),
        encoded("WEBP", drawn().convert("RGBA"), lossless=True),
        encoded("WEBP", drawn().convert("RGBA")),
        encoded("HEIF", drawn().convert("RGBA")),
        encoded("HEIF", drawn().convert("L")),
    ],
)
def test_a_picture_that_says_nothing_stays_as_it_is(content: bytes) -> None:
    sent = cleaned(content)

    assert pixels(sent) == pixels(content)
    with Image.open(io.BytesIO(sent)) as picture:
        assert dict(Image.Image.getexif(picture)) in ({}, {0x0112: 1})
    if content[4:8] != b"ftyp":
        assert len(sent) == len(content)


def test_colours_that_only_exif_tells_are_kept() -> None:
    """Some cameras say by R03 alone that a picture is in Adobe RGB."""
    told = exif_block.write(
        {exif_block.COLOUR_SPACE: 0xFFFF, exif_block.INTEROPERABILITY_INDEX: b"R03"}
    )

    with Image.open(io.BytesIO(cleaned(encoded("JPEG", exif=b"Exif\0\0" + told)))) as picture:
        tags = picture.getexif()
        assert tags.get_ifd(0x8769)[0xA001] == 0xFFFF
        assert tags.get_ifd(0xA005)[1] == "R03"


@pytest.mark.parametrize(
    "content",
    [
        encoded("JPEG")[:-2],  # an end that is missing: then a phone's film would count as pixels
        encoded("JPEG").replace(b"\xff\xdb\x00\x43", b"\xff\xdb\x00\x42", 1),
        encoded("JPEG")[:2] + segment(0xF0, b"") + encoded("JPEG")[2:],
        encoded("JPEG")[:-2] + b"photographed by %s in Paris\xff\xd9" % SECRET,
        encoded("PNG")[:33] + chunk(b"SECR", SECRET) + encoded("PNG")[33:],
        encoded("PNG").replace(b"IDAT", b"IDOT", 1),
        riff(riff_chunk(b"VP8X", bytes((0, 0, 0, 0, 95, 0, 0, 63, 0, 0)))),
        talkative_heic().replace(b"pitm", b"potm", 1),
        talkative_heic().replace(b"hvc1", b"mime", 1),
        talkative_heic().replace(b"hvcC", b"hvcX", 1),
        hostile_pictures.heic_bomb(),
    ],
)
def test_a_file_whose_parts_cannot_be_told_is_not_sent(content: bytes) -> None:
    with pytest.raises(Refused):
        cleaned(content)


_WORDS = st.sampled_from(
    [b"", b"Exif\0\0", b"JFIF\0", b"JFXX\0", b"ICC_PROFILE\0\1\1", b"MPF\0", b"Adobe", b"8BIM",
     b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0", b"MM\0*\0\0\0\x08\0\x01\x01\x0e"]
)  # fmt: skip
_CONTENTS = st.builds(
    lambda head, before, after: head + before + SECRET + after,
    _WORDS,
    st.binary(max_size=40),
    st.binary(max_size=40),
)
_JPEGS = [encoded("JPEG"), encoded("JPEG", progressive=True, exif=exif(secret=False))]


@given(
    st.sampled_from(_JPEGS),
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from([*range(0xE0, 0xF0), 0xFE]), _CONTENTS),
        min_size=1,
        max_size=6,
    ),
    st.binary(max_size=40),
)
def test_no_segment_of_a_jpeg_leaves_wherever_it_stands(
    jpeg: bytes, segments: list[tuple[int, int, bytes]], tail: bytes
) -> None:
    content = jpeg
    for place, marker, inner in segments:
        starts = segment_starts(content)
        at = starts[place % len(starts)]
        content = content[:at] + segment(marker, inner) + content[at:]
    sent = cleaned(content + SECRET + tail)

    assert SECRET not in sent
    # a profile or a colour mark of our making may change what colours mean, not how many there are
    assert pixels(sent) == pixels(content)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.sampled_from([b"prVt", b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP", b"gAMA", b"tIME",
                             b"acTL", b"fcTL", b"fdAT", b"sPLT", b"hIST", b"sBIT", b"bKGD"]),
            _CONTENTS,
        ),
        min_size=1,
        max_size=6,
    )
)  # fmt: skip
def test_no_chunk_of_a_png_leaves_wherever_it_stands(
    chunks: list[tuple[int, bytes, bytes]],
) -> None:
    plain = encoded("PNG")
    ends = [33, len(plain) - 12, len(plain)]
    content = b""
    for begin, end in zip([0, *ends], ends, strict=False):
        content += plain[begin:end]
        content += b"".join(
            chunk(kind, text) for at, kind, text in chunks if at % 3 == ends.index(end)
        )
    sent = cleaned(content)

    assert SECRET not in sent
    assert pixels(sent) == pixels(plain)


@given(st.lists(st.tuples(st.sampled_from([b"LIAR", b"EXIF", b"XMP ", b"ICCP", b"ANIM", b"FRGM"]),
                          _CONTENTS), max_size=6))  # fmt: skip
def test_no_chunk_of_a_webp_leaves(chunks: list[tuple[bytes, bytes]]) -> None:
    plain = encoded("WEBP")
    flags = riff_chunk(b"VP8X", struct.pack("<L", 0x2C) + bytes((95, 0, 0, 63, 0, 0)))
    more = [riff_chunk(kind, text) for kind, text in chunks]
    sent = cleaned(riff(flags + b"".join(more[::2]) + plain[12:] + b"".join(more[1::2])))

    assert SECRET not in sent
    assert pixels(sent) == pixels(plain)


_PLAIN = [make() for make in TALKATIVE.values()]


@given(
    st.sampled_from(_PLAIN),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
)
def test_a_damaged_file_is_cleaned_or_refused(
    content: bytes, changes: list[tuple[float, int]], kept: float
) -> None:
    damaged = bytearray(content)
    for place, value in changes:
        # most of what can go wrong stands at the beginning
        damaged[int(place**3 * (len(damaged) - 1))] = value
    if kept < 0.5:
        del damaged[int(2 * kept * len(damaged)) + 16 :]
    try:
        cleaned(bytes(damaged))
    except Refused:
        return
