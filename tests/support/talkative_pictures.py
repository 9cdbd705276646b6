"""Pictures that say much of themselves: a secret word stands wherever a format has room for it."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin

from findme.media.cleaning.heif_boxes import Heif

pillow_heif.register_heif_opener()

#: The word that must not leave.
SECRET = b"NACHTIGALL"
CREDIT, NOTICE, CAPTURED = "Léa Martin", "© 2026 Léa Martin", "2026:06:13 21:30:00"
ORIENTATION = 6


def drawn(width: int = 96, height: int = 64) -> Image.Image:
    """Return a picture without any two equal rows."""
    rows, columns = np.mgrid[0:height, 0:width]
    return Image.fromarray(
        np.stack([rows * 3 % 256, columns * 2 % 256, (rows + columns) % 256], -1).astype(np.uint8)
    )


def exif(*, secret: bool = True) -> bytes:
    """Return an EXIF block with what is kept, and with secrets in every other field."""
    tags = Image.Exif()
    tags[0x0112] = ORIENTATION
    tags[0x013B], tags[0x8298] = CREDIT.encode(), NOTICE.encode()
    inner = tags.get_ifd(0x8769)
    inner[0x9003], inner[0x9011], inner[0x9291] = CAPTURED, "+02:00", "125"
    inner[0xA001] = 1
    if secret:
        word = SECRET.decode()
        for tag in (0x010E, 0x010F, 0x0110, 0x0131, 0x013C, 0x9C9B, 0xC4A5):
            tags[tag] = word if tag != 0x9C9B else word.encode("utf-16-le") + SECRET
        for tag in (0x9286, 0x927C):
            inner[tag] = b"ASCII\0\0\0" + SECRET
        for tag in (0xA420, 0xA430, 0xA431, 0xA433, 0xA434, 0xA435, 0xA004):
            inner[tag] = word
        place = {1: "N", 2: (48.0, 51.0, 30.2), 3: "E", 4: (2.0, 17.0, 40.1), 27: SECRET, 29: word}
        tags.get_ifd(0x8825).update(place)
    return tags.tobytes()


def xmp() -> bytes:
    """Return XMP with a face's name, a place and a camera's number."""
    word = SECRET.decode()
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
        f' aux:SerialNumber="{word}" exif:GPSLatitude="48,51.5N" photoshop:City="{word}"'
        f' photoshop:Credit="{CREDIT}"><Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>{word}</rdf:li>'
        f"</rdf:Bag></Iptc4xmpExt:PersonInImage><mwg-rs:Name>{word}</mwg-rs:Name>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def iptc() -> bytes:
    """Return Photoshop's image resources with IPTC: a city, a caption, credit and copyright."""

    def data_set(number: int, value: bytes) -> bytes:
        return b"\x1c\x02" + bytes((number,)) + struct.pack(">H", len(value)) + value

    sets = data_set(90, SECRET) + data_set(120, SECRET) + data_set(80, CREDIT.encode())
    sets += data_set(116, NOTICE.encode())
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(sets)) + sets + bytes(len(sets) % 2)
    thumbnail = b"8BIM\x04\x0c\0\0" + struct.pack(">L", len(SECRET)) + SECRET
    return b"Photoshop 3.0\0" + resource + thumbnail


@cache
def profile() -> bytes:
    """Return a colour profile of a screen, with its serial number in a private tag."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (count,) = struct.unpack_from(">L", plain, 128)
    moved = b"".join(
        struct.pack(">4sLL", tag, start + 12, size)
        for tag, start, size in struct.iter_unpack(">4sLL", plain[132 : 132 + 12 * count])
    )
    private = b"mmod\0\0\0\0" + SECRET.ljust(12, b"\0")
    values = plain[132 + 12 * count :]
    entry = struct.pack(">4sLL", b"mmod", 132 + 12 * count + 12 + len(values), len(private))
    table = struct.pack(">L", count + 1) + moved + entry
    whole = plain[:128] + table + values + private
    return struct.pack(">L", len(whole)) + whole[4:]


def film() -> bytes:
    """Return the film of a moving picture, which says where it was taken."""
    place = box(b"\xa9xyz", b"\0\x12\x15\xc7+48.8577+002.2950/" + SECRET)
    loci = box(b"loci", bytes(6) + SECRET + bytes(20))
    return box(b"ftyp", b"qt  ") + box(b"moov", box(b"udta", place + loci)) + SECRET


def encoded(kind: str, picture: Image.Image | None = None, **options: Any) -> bytes:
    """Return a picture in some format of Pillow."""
    out = io.BytesIO()
    (picture or drawn()).save(out, kind, **options)
    return out.getvalue()


# JPEG ---------------------------------------------------------------------------------------


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def segment_starts(jpeg: bytes) -> list[int]:
    """Return where the segments of a JPEG that was made here begin, the end mark as the last."""
    starts, at = [], 2
    while jpeg[at + 1] != 0xD9:
        starts.append(at)
        scan = jpeg[at + 1] == 0xDA
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        while scan and not (jpeg[at] == 0xFF and jpeg[at + 1] not in (0, *range(0xD0, 0xD8))):
            at += 1
    return [*starts, at]


def talkative_jpeg(**options: Any) -> bytes:
    """Return a JPEG with secrets in all its segments, in a second picture and behind its end."""
    plain = encoded("JPEG", exif=exif(), icc_profile=profile(), **options)
    parts = [
        segment(0xE0, b"JFXX\0\x10" + SECRET),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp()),
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRET),
        segment(0xE1, exif()),
        segment(0xE2, b"MPF\0" + SECRET),
        segment(0xE5, SECRET),
        segment(0xED, iptc()),
        segment(0xFE, SECRET),
        SECRET,
    ]
    second = segment_starts(plain)[1]
    content = plain[:second] + b"".join(parts) + plain[second:]
    return content + encoded("JPEG", exif=exif()) + film()


# PNG ----------------------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", checksum)


def talkative_png(**options: Any) -> bytes:
    """Return a PNG with secrets in texts, a private chunk, its pixels' chunk and behind its end."""
    info = PngImagePlugin.PngInfo()
    word = SECRET.decode()
    info.add_text("Comment", word)
    info.add_text("Author", CREDIT)
    info.add_itxt("XML:com.adobe.xmp", xmp().decode(), zip=True)
    info.add_text("Raw profile type exif", word, zip=True)
    plain = encoded("PNG", exif=exif(), icc_profile=profile(), pnginfo=info, **options)
    private = chunk(b"prVt", SECRET) + chunk(b"tIME", b"\x07\xea\x06\x0d\x15\x1e\0")
    at = plain.index(b"IDAT")
    (length,) = struct.unpack_from(">L", plain, at - 4)
    pixels = chunk(b"IDAT", plain[at + 4 : at + 4 + length] + SECRET)
    end = plain[at + 8 + length :]
    return plain[: at - 4] + private + pixels + chunk(b"tEXt", b"Title\0" + SECRET) + end + film()


# WebP ---------------------------------------------------------------------------------------


def riff(chunks: bytes) -> bytes:
    """Return a WebP of these chunks."""
    return b"RIFF" + struct.pack("<L", 4 + len(chunks)) + b"WEBP" + chunks


def riff_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a WebP."""
    return kind + struct.pack("<L", len(content)) + content + bytes(len(content) % 2)


def talkative_webp(**options: Any) -> bytes:
    """Return a WebP with secrets in EXIF, XMP, unknown chunks and behind its end."""
    plain = encoded("WEBP", exif=exif(), xmp=xmp(), icc_profile=profile(), **options)
    return riff(plain[12:30] + riff_chunk(b"LIAR", SECRET) + plain[30:]) + film()


# HEIC ---------------------------------------------------------------------------------------


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box."""
    return struct.pack(">L4s", 8 + len(content), kind) + content


def full_box(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """Return a box with a version and flags."""
    return box(kind, struct.pack(">L", version << 24 | flags) + content)


def talkative_heic(**options: Any) -> bytes:
    """Return a HEIC of one coded picture, with a thumbnail, EXIF, XMP and things behind its end."""
    out = io.BytesIO()
    heif = pillow_heif.from_pillow(drawn())
    heif.add_from_pillow(drawn(64, 64))
    heif.save(out, exif=exif(), xmp=xmp(), save_all=True, **options)
    return out.getvalue() + box(b"mpvd", film()) + SECRET


@cache
def _tile(shift: int) -> tuple[bytes, bytes]:
    """Return the decoder's settings and the coded bytes of a tile of 64 x 64."""
    out = io.BytesIO()
    pillow_heif.from_pillow(drawn(64, 64).rotate(shift)).save(out)
    heif = Heif(out.getvalue())
    heif.read()
    kinds = {kind: heif.data[span.start : span.stop] for kind, span in heif.properties}
    coded = b"".join(heif.data[span.start : span.stop] for span in heif.extents[heif.primary])
    return kinds[b"hvcC"], coded


def tiled_heic() -> bytes:
    """Return a HEIC as phones make them: two tiles, a thumbnail, depth, EXIF and XMP.

    The layout of the tiles stands in a box of its own, one tile in two places, and secrets in the
    names of items, between their bytes, in messages beside pixels, in properties and boxes.
    """
    settings, first = _tile(0)
    _, second = _tile(90)
    message = struct.pack(">LBB", 2 + len(SECRET), 39 << 1, 1) + SECRET
    spoken = settings[:22] + bytes((settings[22] + 1,)) + settings[23:]
    spoken += struct.pack(">BHH", 39, 1, len(SECRET)) + SECRET
    depth = bytes(4) + b"urn:mpeg:hevc:2015:auxid:2\0" + SECRET
    properties = [
        (b"hvcC", spoken),
        (b"ispe", struct.pack(">LLL", 0, 64, 64)),
        (b"ispe", struct.pack(">LLL", 0, 128, 64)),
        (b"colr", b"prof" + profile()),
        (b"irot", b"\x01"),
        (b"udes", bytes(4) + SECRET + b"\0"),
        (b"auxC", depth),
    ]
    associated = {1: (3, 4, 5, 6), 2: (0x8001, 2), 3: (0x8001, 2), 4: (0x8001, 2), 7: (0x8001, 7)}
    kinds = {1: b"grid", 2: b"hvc1", 3: b"hvc1", 4: b"hvc1", 5: b"Exif", 6: b"mime", 7: b"hvc1"}
    half = len(second) // 2
    stored: list[tuple[int, bytes]] = [
        (2, message + first),
        (3, second[:half]),
        (3, second[half:]),
        (4, message),
        (5, b"\0\0\0\x06" + exif()),
        (6, xmp()),
        (7, message),
    ]

    def meta(begin: int) -> bytes:
        entries = b"".join(
            full_box(
                b"infe",
                struct.pack(">HH", number, 0) + kind + SECRET
                + (b"\0application/rdf+xml\0" if kind == b"mime" else b"\0"),
                version=2,
                flags=int(number > 1),
            )
            for number, kind in kinds.items()
        )  # fmt: skip
        places = {1: (1, [(0, 8)])}
        at = begin
        for number, content in stored:
            at += len(SECRET)
            places.setdefault(number, (0, []))[1].append((at, len(content)))
            at += len(content)
        located = b"".join(
            struct.pack(">HHHH", number, way, 0, len(parts))
            + b"".join(struct.pack(">LL", *part) for part in parts)
            for number, (way, parts) in places.items()
        )
        linked = [
            (b"dimg", 1, (2, 3)),
            (b"thmb", 4, (1,)),
            (b"cdsc", 5, (1,)),
            (b"cdsc", 6, (1,)),
            (b"auxl", 7, (1,)),
        ]
        references = b"".join(
            box(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))
            for kind, source, targets in linked
        )
        listed = b"".join(
            struct.pack(f">HB{len(numbers)}H", number, len(numbers), *numbers)
            for number, numbers in associated.items()
        )
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(12) + SECRET + b"\0")
            + full_box(b"pitm", struct.pack(">H", 1))
            + full_box(b"iinf", struct.pack(">H", len(kinds)) + entries)
            + full_box(
                b"iloc", struct.pack(">BBH", 0x44, 0, len(places)) + located, version=1
            )
            + full_box(b"iref", references)
            + box(
                b"iprp",
                box(b"ipco", b"".join(box(*each) for each in properties))
                + full_box(b"ipma", struct.pack(">L", len(associated)) + listed, flags=1),
            )
            + box(b"idat", b"\0\0\0\x01" + struct.pack(">HH", 128, 64) + SECRET)
            + box(b"uuid", bytes(16) + SECRET),
        )  # fmt: skip

    head = box(b"ftyp", b"heic\0\0\0\0mif1heic" + SECRET[:4]) + box(b"free", SECRET)
    begin = len(head) + len(meta(0)) + 8
    content = b"".join(SECRET + content for _, content in stored)
    return head + meta(begin) + box(b"mdat", content) + box(b"mpvd", film()) + SECRET


#: One picture of each format and form.
TALKATIVE: Mapping[str, Callable[[], bytes]] = {
    "JPEG": talkative_jpeg,
    "progressive JPEG": lambda: talkative_jpeg(progressive=True),
    "JPEG in RGB": lambda: talkative_jpeg(keep_rgb=True),
    "JPEG with restart marks": lambda: talkative_jpeg(restart_marker_blocks=2),
    "PNG": talkative_png,
    "WebP": talkative_webp,
    "lossless WebP": lambda: talkative_webp(lossless=True),
    "animated WebP": lambda: talkative_webp(save_all=True, append_images=[drawn().rotate(180)]),
    "HEIC": talkative_heic,
    "HEIC of tiles": tiled_heic,
}
