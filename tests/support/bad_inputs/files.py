"""Files that are no pictures, or none any more, as uploads; and names that no file should have."""

import io
import struct
import zlib
from collections.abc import Iterator, Mapping

from PIL import Image

from tests.support.bad_inputs.sending import Request
from tests.support.hostile_pictures import BY_SIZE, BY_STRUCTURE, jpeg
from tests.support.pictures import drawn

#: An upload whose only file is no picture.
REFUSED = "422 rejected"
JPEG = {"Content-Type": "image/jpeg"}
UPLOAD = "/api/events/{event_id}/photos?filename="


def saved(form: str, mode: str = "RGB", **options: object) -> bytes:
    """Return a picture of 64 x 48 pixels in a format."""
    out = io.BytesIO()
    Image.new(mode, (64, 48)).save(out, form, **options)
    return out.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", checksum)


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colours: int = 2) -> bytes:
    """Return a PNG with these chunks after its head."""
    head = struct.pack(">LLBBBBB", width, height, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks)


def files() -> Iterator[tuple[str, bytes]]:
    """Yield files that no upload takes, by what they are."""
    good, rows = jpeg(), chunk(b"IDAT", zlib.compress(bytes((64 * 3 + 1) * 48)))
    end = chunk(b"IEND", b"")
    yield "no byte", b""
    yield "one byte", b"\xff"
    yield "NULs", bytes(5000)
    yield "words", b"This is not a picture."
    yield "a page", b"<!doctype html><script>alert(1)</script>"
    yield "an SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    yield "an XML of entities", b'<!DOCTYPE a [<!ENTITY b "c">]><svg>&b;</svg>'
    yield "a PDF", b"%PDF-1.7\n1 0 obj<<>>endobj\n%%EOF"
    yield "PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    yield "an archive", b"PK\x03\x04" + bytes(100)
    yield "a program", b"\x7fELF\x02\x01\x01" + bytes(100)
    yield "a script", b"#!/bin/sh\nrm -rf /\n"
    yield "a film", b"\x00\x00\x00\x18ftypmp42\0\0\0\0mp42isom" + bytes(100)
    yield "a sound", b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)
    for form in ("GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "JPEG2000"):
        yield f"a {form}", saved(form)
    yield "a JPEG of its first marker", good[:2]
    yield "a JPEG of two markers", b"\xff\xd8\xff\xd9"
    yield "a JPEG without a frame", good[: good.index(b"\xff\xc0")] + b"\xff\xd9"
    yield "a JPEG without a scan", good[: good.index(b"\xff\xda")] + b"\xff\xd9"
    yield "a JPEG without tables", good[:2] + good[good.index(b"\xff\xc0") :]
    frame = good.index(b"\xff\xc0")
    for what, size in (("width", (480, 0)), ("height", (0, 640)), ("size", (0, 0))):
        yield (
            f"a JPEG without a {what}",
            (good[: frame + 5] + struct.pack(">HH", *size) + good[frame + 9 :]),
        )
    yield "a JPEG of 12 bits", good[: frame + 4] + b"\x0c" + good[frame + 5 :]
    yield "a JPEG of nine colours", good[: frame + 9] + b"\x09" + good[frame + 10 :]
    yield "a JPEG with a segment of no length", good[:2] + b"\xff\xe1\0\0" + good[2:]
    yield "a JPEG with a segment beyond its end", good[:2] + b"\xff\xe1\xff\xff" + good[2:40]
    for share in (10, 25, 40):
        yield f"{share} % of a JPEG", drawn(1)[: len(drawn(1)) * share // 100]
    yield "a PNG of its signature", b"\x89PNG\r\n\x1a\n"
    yield "a PNG without rows", png(64, 48, end)
    yield "a PNG without an end of its rows", png(64, 48, rows[: len(rows) // 2])
    yield "a PNG without width", png(0, 48, rows, end)
    yield "a PNG without height", png(64, 0, rows, end)
    yield "a PNG of 2,147,483,648 pixels a row", png(2**31, 1, rows, end)
    yield "a PNG of 5 bits", png(64, 48, rows, end, depth=5)
    yield "a PNG of an unknown kind of colour", png(64, 48, rows, end, colours=5)
    yield "a PNG whose rows are none", png(64, 48, chunk(b"IDAT", b"rubbish"), end)
    yield "a PNG whose rows come first", b"\x89PNG\r\n\x1a\n" + rows + end
    yield "a PNG with a chunk of 4 GB", png(64, 48, b"\xff\xff\xff\xffIDAT" + bytes(20))
    yield (
        "a PNG of text that swells",
        png(64, 48, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000), 9)), end),
    )
    webp = saved("WEBP")
    yield "a WebP of its first bytes", webp[:12]
    yield "a WebP that says it is longer", webp[:4] + b"\xff\xff\xff\x7f" + webp[8:20]
    yield "a WebP without a picture", b"RIFF\x0c\0\0\0WEBPEXIF\0\0\0\0"
    yield "a HEIC without pictures", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    yield "a HEIC of an unknown brand", b"\0\0\0\x18ftypnone\0\0\0\0nonenone" + bytes(50)
    yield "a box of no length", b"\0\0\0\0ftypheic" + bytes(50)
    yield "a box beyond the end", b"\xff\xff\xff\xffftypheic" + bytes(50)
    yield from ((what, make()) for what, make in {**BY_STRUCTURE, **BY_SIZE}.items())


#: Files that are no pictures once somebody looks at their pixels: an upload does not wait for it.
DAMAGED_NAME = "damaged.jpg"
DAMAGED = {
    "a JPEG without tables",
    "10 % of a JPEG",
    "25 % of a JPEG",
    "40 % of a JPEG",
    "a PNG without rows",
    "a PNG without an end of its rows",
    "a PNG whose rows are none",
    "a PNG with a chunk of 4 GB",
}
#: `?filename=`, and the name that the photo has.
FILENAMES: Mapping[str, tuple[str, str]] = {
    "none": ("", "photo"),
    "blanks": ("%20%20", "photo"),
    "a folder": ("a/b/", "b"),
    "the folder": (".", "photo"),
    "the folder above": ("..%2f..", "photo"),
    "a path upwards": ("..%2f..%2fetc%2fpasswd", "passwd"),
    "an absolute path": ("%2fetc%2fpasswd", "passwd"),
    "a path of Windows": ("C:%5cUsers%5cAda%5cIMG_1.jpg", "IMG_1.jpg"),
    "NUL": ("a%00b.jpg", "a_b.jpg"),
    "lines": ("a%0d%0aX-A:%20b.jpg", "a__X-A: b.jpg"),
    "an escape sequence": ("%1b[31ma.jpg", "_[31ma.jpg"),
    "markup": ("%3Cimg%20src=x%20onerror=alert(1)%3E.jpg", "<img src=x onerror=alert(1)>.jpg"),
    "a mark that turns the direction": ("a%E2%80%AEgpj.exe", "a_gpj.exe"),
    "300 letters": ("a" * 300, "a" * 255),
}


def requests() -> dict[str, tuple[Request, str]]:
    """Return all of them, sent as uploads, with the answer that each gets."""
    found = {
        f"a file: {what}": (Request("POST", f"{UPLOAD}a.jpg", data, JPEG), REFUSED)
        for what, data in files()
        if what not in DAMAGED
    }
    for what, data in files():
        if what in DAMAGED:
            request = Request("POST", f"{UPLOAD}{DAMAGED_NAME}", data, JPEG)
            found[f"a file: {what}"] = request, f"202 {DAMAGED_NAME}"
    for number, (what, (name, kept)) in enumerate(FILENAMES.items()):
        found[f"a file's name: {what}"] = (
            Request("POST", UPLOAD + name, drawn(number), JPEG),
            f"202 {kept}",
        )
    return found
