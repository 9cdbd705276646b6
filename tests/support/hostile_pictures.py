"""Small files that cost a decoder much memory or time, or break it: each is a few lines."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping

from PIL import Image


def jpeg(width: int = 640, height: int = 480, **options: object) -> bytes:
    """Return a grey JPEG."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(out, "JPEG", **options)
    return out.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", checksum)


def webp_bomb() -> bytes:
    """Return 14,000 x 14,000 pixels, below the limit of pixels: 3.2 GB to decode."""
    bits = 13_999 | 13_999 << 14
    content = b"VP8L" + struct.pack("<L", 9) + b"\x2f" + struct.pack("<L", bits) + bytes(5)
    return b"RIFF" + struct.pack("<L", len(content) + 4) + b"WEBP" + content


def png_bomb() -> bytes:
    """Return 190 million pixels of 64 bits, all of one colour: 1.8 GB to make smaller."""
    header = struct.pack(">LLBBBBB", 19_000, 10_000, 16, 6, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def too_many_pixels() -> bytes:
    """Return a JPEG whose head claims 65,000 x 65,000 pixels."""
    data = jpeg()
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", 65_000, 65_000) + data[frame + 9 :]


def many_scans() -> bytes:
    """Return a progressive JPEG whose last scan comes 300 times."""
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 300 + data[-2:]


def large_scans() -> bytes:
    """Return a progressive JPEG of 100 million pixels by its head, with 40 scans."""
    data = jpeg(progressive=True)
    frame, last = data.index(b"\xff\xc2"), data.rindex(b"\xff\xda")
    sized = data[: frame + 5] + struct.pack(">HH", 10_000, 10_000) + data[frame + 9 : last]
    return sized + data[last:-2] * 30 + data[-2:]


def arithmetic() -> bytes:
    """Return a JPEG that says that it is coded arithmetically."""
    data = jpeg(progressive=True)
    return data.replace(b"\xff\xc2", b"\xff\xca", 1)


def lossless_frame() -> bytes:
    """Return a JPEG with a frame that libjpeg does not know."""
    return jpeg().replace(b"\xff\xc0", b"\xff\xc3", 1)


def fill_bytes() -> bytes:
    """Return a JPEG with a million fill bytes before its first segment."""
    data = jpeg()
    return data[:2] + b"\xff" * 1_000_000 + data[2:]


def rubbish() -> bytes:
    """Return a JPEG with a million other bytes before its second segment."""
    data = jpeg()
    second = data.index(b"\xff\xdb")
    return data[:second] + bytes(1_000_000) + data[second:]


def many_comments() -> bytes:
    """Return a JPEG with 3,000 comments."""
    data = jpeg()
    return data[:2] + b"\xff\xfe\x00\x03x" * 3000 + data[2:]


def many_chunks() -> bytes:
    """Return a PNG with more than 100,000 empty chunks."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "PNG")
    data = out.getvalue()
    end = data.index(b"IDAT") - 4
    return data[:end] + _chunk(b"fmPd", b"") * 100_001 + data[end:]


def two_frames() -> bytes:
    """Return a JPEG with a small and a large frame."""
    data = jpeg()
    frame = data.index(b"\xff\xc0")
    length = 2 + int.from_bytes(data[frame + 2 : frame + 4], "big")
    large = data[frame : frame + 5] + struct.pack(">HH", 60_000, 3000) + data[frame + 9 :][:length]
    return data[:frame] + data[frame : frame + length] + large[:length] + data[frame + length :]


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L4s", 8 + len(content), kind) + content


def heic_bomb() -> bytes:
    """Return a HEIC that says that it has 14,000 x 14,000 pixels."""
    size = _box(b"ispe", struct.pack(">LLL", 0, 14_000, 14_000))
    properties = _box(b"iprp", _box(b"ipco", size))
    brands = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    return brands + _box(b"meta", bytes(4) + properties) + _box(b"mdat", bytes(64))


def heic_boxes() -> bytes:
    """Return a HEIC with 30,000 boxes."""
    return _box(b"ftyp", b"heic\0\0\0\0mif1heic") + _box(b"free", b"") * 30_000


def cut_off() -> bytes:
    """Return a JPEG whose second half is missing."""
    data = jpeg(1200, 900)
    return data[: len(data) // 2]


#: Refused by their structure alone, whatever is done with them.
BY_STRUCTURE: Mapping[str, Callable[[], bytes]] = {
    "JPEG of 300 scans": many_scans,
    "JPEG of 40 large scans": large_scans,
    "JPEG coded arithmetically": arithmetic,
    "JPEG without losses": lossless_frame,
    "JPEG of fill bytes": fill_bytes,
    "JPEG of rubbish": rubbish,
    "JPEG of 3,000 comments": many_comments,
    "JPEG of two frames": two_frames,
    "PNG of 100,000 chunks": many_chunks,
    "HEIC of 30,000 boxes": heic_boxes,
}
#: Refused because of the pixels that their heads name.
BY_SIZE: Mapping[str, Callable[[], bytes]] = {
    "WebP of 38 bytes and 196 megapixels": webp_bomb,
    "PNG of 190 deep megapixels": png_bomb,
    "HEIC of 196 megapixels": heic_bomb,
    "JPEG of 4,225 megapixels": too_many_pixels,
}
