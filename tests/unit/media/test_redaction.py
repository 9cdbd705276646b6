"""No place leaves with an original: on pictures drawn here, in every format and odd layouts."""

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from findme.media.redaction import Redaction, apply, from_json, redactions, to_json

pillow_heif.register_heif_opener()

KINDS = ("JPEG", "PNG", "WEBP", "HEIF")
GPS = 0x8825
LATITUDE = (48.0, 51.0, 30.2416)
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    ' xmlns:drone="http://www.dji.com/drone-dji/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/">'
    "<rdf:Description exif:GPSLatitude=\"48,51.5040N\" exif:GPSLongitude = '2,17.6690E'"
    ' drone:GpsLongtitude="+2.294481" drone:Latitude="+48.858370" tiff:Model="Pancam Ünit">'
    "<exif:GPSAltitude>57/1</exif:GPSAltitude>\n<exif:GPSMapDatum xml:lang='x'>"
    "WGS-84</exif:GPSMapDatum><tiff:Make>Plates &amp; Co</tiff:Make><exif:GPSDOP/>"
    "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
).encode()
PLACES = (b"48,51", b"2,17", b"2.2944", b"48.8583", b"57/1", b"WGS-84")

Upload = Callable[[bytes], Path]
Directories = Mapping[int, Sequence[tuple[int, int, int, int]]]


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    def upload(content: bytes) -> Path:
        path = tmp_path / "upload"
        path.write_bytes(content)
        return path

    return upload


def drawn() -> Image.Image:
    rows, columns = np.mgrid[0:96, 0:128]
    return Image.fromarray(np.stack([rows * 2, columns, rows + columns], -1).astype(np.uint8))


def located_exif(orientation: int = 1) -> bytes:
    tags = Image.Exif()
    tags[0x0110], tags[0x0112] = "Pancam", orientation
    tags.get_ifd(0x8769)[0x9003] = "2026:06:13 21:30:00"
    place = {1: "N", 2: LATITUDE, 3: "E", 4: (2.0, 17.0, 40.14), 27: b"ASCII\0\0\0GPS", 29: "2026"}
    tags.get_ifd(GPS).update(place)
    return tags.tobytes()


def encoded(kind: str, **options: object) -> bytes:
    output = BytesIO()
    drawn().save(output, kind, **options)
    return output.getvalue()


def redacted(path: Path) -> bytes:
    """Return what a guest receives, having checked what is promised of every redaction."""
    content, found = path.read_bytes(), redactions(path)
    assert all(0 <= each.offset < each.end <= len(content) for each in found)
    assert all(one.end <= other.offset for one, other in pairwise(found))
    sent = apply(content, 0, found)
    assert len(sent) == len(content)
    assert path.read_bytes() == content
    return sent


def place_in(content: bytes) -> dict[int, object]:
    with Image.open(BytesIO(content)) as picture:
        picture.load()
        return dict(picture.getexif().get_ifd(GPS))


def same_pixels(one: bytes, other: bytes) -> bool:
    with Image.open(BytesIO(one)) as first, Image.open(BytesIO(other)) as second:
        return first.tobytes() == second.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png_with(*chunks: bytes) -> bytes:
    plain = encoded("PNG")
    return plain[:33] + b"".join(chunks) + plain[33:]  # behind IHDR


def tiff(order: str, directories: Directories) -> bytes:
    """Write directories at chosen offsets: entries of tag, type, count, value; 200 bytes each."""
    block = bytearray(b"II*\0" if order == "<" else b"MM\0*")
    block += struct.pack(order + "L", min(directories))
    for offset, entries in directories.items():
        block.extend(bytes(max(0, offset + 200 - len(block))))
        packed = [struct.pack(order + "HHLL", *entry) for entry in entries]
        following = struct.pack(order + "L", offset if offset == 600 else 0)  # 600: a cycle
        table = struct.pack(order + "H", len(packed)) + b"".join(packed) + following
        block[offset : offset + len(table)] = table
    return bytes(block)


def in_jpeg(exif: bytes) -> bytes:
    segment = b"Exif\0\0" + exif
    jpeg = encoded("JPEG")
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


@pytest.mark.parametrize("kind", KINDS)
def test_exif_loses_its_place_and_nothing_else(upload: Upload, kind: str) -> None:
    content = encoded(kind, exif=located_exif(6))
    assert place_in(content)[2] == LATITUDE

    sent = redacted(upload(content))

    assert place_in(sent) == {}
    assert b"ASCII\0\0\0GPS" not in sent
    assert same_pixels(content, sent)
    exif = Image.open(BytesIO(sent)).getexif()
    assert exif[0x0110] == "Pancam"
    assert exif.get_ifd(0x8769)[0x9003] == "2026:06:13 21:30:00"
    assert exif[0x0112] == (1 if kind == "HEIF" else 6)  # HEIC is turned by its decoder


def test_webp_exif_with_the_prefix_of_jpeg_loses_its_place(upload: Upload) -> None:
    bare = located_exif().removeprefix(b"Exif\0\0")
    content = encoded("WEBP", exif=bare)
    at = content.index(b"EXIF")
    (size,) = struct.unpack_from("<L", content, at + 4)
    prefixed = (
        content[:at] + b"EXIF" + struct.pack("<L", size + 6) + b"Exif\0\0" + content[at + 8 :]
    )
    riff = prefixed[:4] + struct.pack("<L", len(prefixed) - 8) + prefixed[8:]

    sent = redacted(upload(riff))

    assert place_in(riff)[2] == LATITUDE
    assert place_in(sent) == {}
    assert same_pixels(riff, sent)


def test_every_picture_of_a_multi_picture_file_loses_its_place(upload: Upload) -> None:
    output = BytesIO()
    options = {"exif": located_exif(), "save_all": True, "append_images": [drawn()]}
    drawn().save(output, "MPO", **options)
    content = output.getvalue() + encoded("JPEG", exif=located_exif(), xmp=XMP)
    count = content.count(b"ASCII\0\0\0GPS")

    sent = redacted(upload(content))

    assert count >= 2
    assert b"ASCII\0\0\0GPS" not in sent
    assert place_in(sent) == {}
    assert place_in(sent[sent.rindex(b"\xff\xd8\xff") :]) == {}
    assert same_pixels(content, sent)


@pytest.mark.parametrize("kind", KINDS)
def test_xmp_loses_its_places_and_stays_well_formed(upload: Upload, kind: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    content = encoded(kind, **({"pnginfo": info} if kind == "PNG" else {"xmp": XMP}))
    assert XMP in content

    sent = redacted(upload(content))

    assert not any(place in sent for place in PLACES)
    assert same_pixels(content, sent)
    start = sent.index(b"<x:xmpmeta")
    packet = ET.fromstring(sent[start : sent.index(b"</x:xmpmeta>") + 12])
    assert [each.text for each in packet.iter("{http://ns.adobe.com/tiff/1.0/}Make")] == [
        "Plates & Co"
    ]
    assert "Pancam Ünit".encode() in sent


@pytest.mark.parametrize(
    "hidden",
    [
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
        chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(XMP)),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 4\n4d4d002a")),
        chunk(b"tEXt", b"Raw profile type APP1\0\nexif\n 4\n4d4d002a"),
    ],
)
def test_png_text_that_hides_a_place_is_emptied(upload: Upload, hidden: bytes) -> None:
    kept = chunk(b"tEXt", b"Title\0The cake: at last")
    content = png_with(kept, hidden)

    sent = redacted(upload(content))

    emptied = chunk(b"fmPd", bytes(len(hidden) - 12))
    assert sent == content.replace(hidden, emptied)
    assert kept in sent
    assert same_pixels(content, sent)  # Pillow verifies every checksum


GPS_ENTRIES = ((1, 2, 2, 0x4E000000), (2, 5, 3, 900))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    "directories",
    [
        {8: [(GPS, 4, 1, 300)], 300: GPS_ENTRIES},
        {8: [(0x8769, 4, 1, 600)], 600: [(GPS, 4, 1, 300)], 300: GPS_ENTRIES},  # and a cycle
        {8: [(0x014A, 4, 1, 450)], 450: [(GPS, 4, 1, 300)], 300: GPS_ENTRIES},
        {8: [(0x014A, 4, 2, 28)], 450: [(GPS, 4, 1, 300)], 300: GPS_ENTRIES},
    ],
)
def test_a_place_is_found_wherever_a_directory_points(
    upload: Upload, order: str, directories: Directories
) -> None:
    block = bytearray(tiff(order, directories)) + bytes(500)
    block[900:924] = b"latitude as 3 rationals "
    struct.pack_into(order + "LL", block, 28, 450, 300)  # the list of two sub-directories

    sent = redacted(upload(in_jpeg(bytes(block))))

    assert b"latitude as 3 rationals" not in sent
    assert struct.pack(order + "HHLL", *GPS_ENTRIES[0]) not in sent
    assert same_pixels(in_jpeg(bytes(block)), sent)


@pytest.mark.parametrize(
    "directories",
    [
        {8: [(GPS, 4, 1, 8)]},  # itself
        {8: [(GPS, 4, 1, 4_000_000_000)]},
        {8: [(GPS, 4, 1, 2)]},
        {8: [(0x8769, 4, 1, 8), (0x014A, 4, 4_000_000_000, 8)]},
        {8: [(GPS, 4, 1, 300)], 300: [(0x0112, 3, 1, 6)]},  # leads to something else
        {600: [(0x0112, 3, 1, 6)]},
    ],
)
def test_directories_gone_astray_do_no_harm(upload: Upload, directories: Directories) -> None:
    assert redactions(upload(in_jpeg(tiff("<", directories)))) == []


def test_a_value_that_claims_to_lie_beyond_its_segment_leaves_the_pixels_alone(
    upload: Upload,
) -> None:
    content = in_jpeg(tiff(">", {8: [(GPS, 4, 1, 300)], 300: [(2, 5, 3, 700), (4, 5, 999, 320)]}))

    assert same_pixels(content, redacted(upload(content)))


def test_the_place_of_an_appended_film_is_blanked(upload: Upload) -> None:
    film = b"\0\0\0\x1e\xa9xyz\0\x12\x15\xc7+48.8577+002.2950/"

    sent = redacted(upload(encoded("JPEG") + film))

    assert sent.endswith(b"\xa9xyz\0\x12\x15\xc7" + b" " * 17 + b"/")


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xff"]
)
def test_empty_and_broken_files_have_nothing_to_hide(upload: Upload, content: bytes) -> None:
    assert redactions(upload(content)) == []


def test_a_file_made_to_cost_time_ends_soon(upload: Upload) -> None:
    block = tiff("<", {8: [(GPS, 4, 1, 300)] * 12, 300: GPS_ENTRIES})

    assert len(redactions(upload(block * 2000))) < 10_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_without_a_place_is_sent_as_it_is(upload: Upload, kind: str) -> None:
    content = encoded(kind)

    assert redactions(upload(content)) == []
    assert apply(content, 0, []) is content


@st.composite
def files_with_redactions(draw: st.DrawFn) -> tuple[bytes, list[Redaction]]:
    content = draw(st.binary(max_size=300))
    cuts = sorted(draw(st.sets(st.integers(0, len(content)), max_size=12)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    sizes = [(start, end - start) for start, end in pairs]
    return content, [
        Redaction(start, draw(st.binary(min_size=size, max_size=size))) for start, size in sizes
    ]


@given(files_with_redactions(), st.lists(st.integers(1, 90), min_size=1))
def test_chunks_of_any_size_add_up_to_the_whole(
    case: tuple[bytes, list[Redaction]], sizes: list[int]
) -> None:
    content, found = case
    sent, turn = b"", 0
    while len(sent) < len(content):
        chunk = content[len(sent) : len(sent) + sizes[turn % len(sizes)]]
        sent += apply(chunk, len(sent), found)
        turn += 1

    assert sent == apply(content, 0, found)
    for each in found:
        assert sent[each.offset : each.end] == each.replacement


@given(files_with_redactions())
def test_redactions_survive_being_stored(case: tuple[bytes, list[Redaction]]) -> None:
    assert from_json(to_json(case[1])) == case[1]
