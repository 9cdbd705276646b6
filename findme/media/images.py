"""Pure functions on pixels: probing a file, and making pictures from it.

The server calls none of these itself: its children do (`image_tasks`), on descriptors of files.
Renditions are JPEG in sRGB, upright, and carry no metadata.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, BinaryIO, Final

from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

from findme.errors import ImageTooLarge, UnreadableImage, UnsupportedImage
from findme.media import watermark as stamps
from findme.media.exif import DECODER_ERRORS, UPRIGHT, read_exif, upright_size
from findme.models import Box

register_heif_opener()
# Pillow's own limit warns at one size and refuses at twice that. Ours is exact: see _opened.
Image.MAX_IMAGE_PIXELS = None

ANALYSIS_SIDE: Final = 3000  # px; a larger picture finds no more faces, and takes longer to send
CLOSE_SIDE: Final = 6000  # px; 24 megapixels: 20 px of face in the last row stay 20
CROWD: Final = 6  # from so many small faces on, there are likely more that were not found
CROWD_FACE: Final = 1 / 30  # share of the long side; a smaller face counts as small
SELFIE_SIDE: Final = 1600  # px; one face fills much of the picture
PREVIEW_SIDE: Final = 1600  # px; a full screen
THUMB_SIDE: Final = 400  # px; a tile of the gallery at twice the pixel density
ENGINE_BYTES: Final = 5_000_000  # Rekognition takes 5,242,880 bytes of picture
ENGINE_SMALL: Final = 2_000_000  # pixels; a smaller picture is sent at a higher quality
ENGINE_LEAST_SIDE: Final = 80  # px; Rekognition refuses less, either way
THUMB_BYTES: Final = 25_000  # a page of 100 tiles stays below 2.5 MB

#: A file by its path, or open for reading as this descriptor.
Source = Path | int

CUT_OFF = "The file is cut off: its end is missing."
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/heic": "HEIF"}
_HEIC_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif", b"mif1", b"msf1")
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))


@dataclass(frozen=True, slots=True)
class Probe:
    """The properties of a picture; *width* and *height* in pixels, as shown upright."""

    media_type: str
    width: int
    height: int
    taken_at: datetime | None


@dataclass(frozen=True, slots=True)
class Renditions:
    """The JPEGs made from one picture; *width* and *height* are those of the upright original.

    *analysis* is the face engine's: it shows exactly what the original shows, so a box in ratios of
    its sides holds for every other size. *placeholder* is ``#rrggbb``.
    """

    analysis: bytes
    preview: bytes
    thumb: bytes
    placeholder: str
    width: int
    height: int


def probe(source: Source, max_pixels: int, zone: tzinfo | None = UTC) -> Probe:
    """Return a picture's type (by content), upright size and time of capture, without decoding it.

    Raises UnsupportedImage for anything but JPEG, PNG, WebP and HEIC, UnreadableImage for a broken
    header and ImageTooLarge above *max_pixels*. *taken_at* is in UTC; a time without a zone is read
    in *zone*, or stays without one. A JPEG that is cut off passes: `render` notices.
    """
    with _opened(source, max_pixels) as (media_type, image):
        orientation, taken_at = read_exif(image, zone)
        width, height = upright_size(image.size, orientation)
        return Probe(media_type, width, height, taken_at)


def render(source: Source, max_pixels: int) -> Renditions:
    """Decode a picture once and make every rendition of it; the same file gives the same bytes.

    No rendition is larger than the original, except *analysis*, which has at least
    ENGINE_LEAST_SIDE pixels each way and always less than ENGINE_BYTES. Raises as `probe` does, and
    UnreadableImage if pixels are damaged or missing.
    """
    with _opened(source, max_pixels) as (_, image):
        width, height = upright_size(image.size, read_exif(image)[0])
        picture = _decode(image, ANALYSIS_SIDE)
    preview = shrink(picture, PREVIEW_SIDE)
    thumb = shrink(preview, THUMB_SIDE)
    red, green, blue = thumb.resize((1, 1), Image.Resampling.BOX).tobytes()
    return Renditions(
        analysis=for_engine(picture, ANALYSIS_SIDE),
        preview=_jpeg(preview, 82, progressive=True),
        thumb=_jpeg(thumb, 72, limit=THUMB_BYTES),
        placeholder=f"#{red:02x}{green:02x}{blue:02x}",
        width=width,
        height=height,
    )


def guest_rendition(
    source: Source, max_pixels: int, side: int | None, watermark: str | None, exif: bytes = b""
) -> bytes:
    """Return a guest's picture: an upright JPEG of at most *side* pixels, with the watermark.

    Without *side* it keeps its size; it says no more of itself than *exif*. Raises as `render`
    does.
    """
    with _opened(source, max_pixels) as (_, image):
        picture = _decode(image, side or max(image.size), remain=1.0)
    if watermark:
        stamps.stamp(picture, watermark)
    quality = 82 if side and side <= PREVIEW_SIDE else 90
    return _jpeg(picture, quality, progressive=True, exif=exif)


def selfie(source: Source, max_pixels: int) -> bytes:
    """Return a selfie for the face engine: an upright JPEG; raises as `render` does."""
    with _opened(source, max_pixels) as (_, image):
        picture = _decode(image, SELFIE_SIDE)
    return for_engine(picture, SELFIE_SIDE)


def crowded(faces: Iterable[Box], width: int, height: int) -> bool:
    """Whether these faces of a picture of that size call for an indexing of `closer`."""
    longest = max(width, height)
    if longest <= ANALYSIS_SIDE:
        return False
    sides = ((face.width * width + face.height * height) / 2 for face in faces)
    return sum(side < CROWD_FACE * longest for side in sides) >= CROWD


def closer(source: Source, max_pixels: int) -> bytes:
    """Return a picture for the embedded engine's second indexing of a crowd.

    An upright JPEG of up to CLOSE_SIDE pixels, fewer if it had ENGINE_BYTES or more; it shows what
    *analysis* of `render` shows. Takes some 0.5 s of CPU; raises as `render` does.
    """
    with _opened(source, max_pixels) as (_, image):
        picture = _decode(image, CLOSE_SIDE)
    for side in (CLOSE_SIDE, 5000, 4000):
        encoded = _jpeg(shrink(picture, side), 80)
        if len(encoded) < ENGINE_BYTES:
            return encoded
    return for_engine(shrink(picture, ANALYSIS_SIDE), ANALYSIS_SIDE)


def decoded(source: Source, max_pixels: int, side: int) -> Image.Image:
    """Return a picture upright in sRGB with at most *side* pixels; raises as `render` does."""
    with _opened(source, max_pixels) as (_, image):
        return _decode(image, side)


@contextmanager
def _opened(source: Source, max_pixels: int) -> Iterator[tuple[str, Image.Image]]:
    """Open a picture without decoding it; translate decoders' errors in the block to ours."""
    with open(source, "rb", closefd=isinstance(source, Path)) as file:
        media_type = _media_type(file)
        try:
            with Image.open(file, formats=[_FORMATS[media_type]]) as image:
                width, height = image.size
                if width < 1 or height < 1:
                    raise UnreadableImage
                if width * height > max_pixels:
                    raise too_many_pixels(width, height, max_pixels)
                yield media_type, image
        except DECODER_ERRORS as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            reason = str(error).lower()
            cut_off = "truncated" in reason or "end of file" in reason
            raise UnreadableImage(CUT_OFF if cut_off else None) from error


def too_many_pixels(width: int, height: int, max_pixels: int) -> ImageTooLarge:
    """Return the error for a picture of more than *max_pixels*."""
    return ImageTooLarge(
        f"The picture has {width} × {height} pixels,"
        f" more than the {max_pixels / 1e6:g} million that this server takes."
    )


def _media_type(file: BinaryIO) -> str:
    file.seek(0)
    head = file.read(256)
    file.seek(0)
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        # The decoder has only one error for every kind of damage.
        if int.from_bytes(head[4:8], "little") + 8 > os.fstat(file.fileno()).st_size:
            raise UnreadableImage(CUT_OFF)
        return "image/webp"
    if head[4:8] == b"ftyp":
        box_end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[at : at + 4] for at in range(16, box_end, 4))}
        if brands & _HEIC_BRANDS and not brands & _AVIF_BRANDS:
            return "image/heic"
    raise UnsupportedImage


def _decode(image: Image.Image, long_side: int, *, remain: float = 0.8) -> Image.Image:
    """Decode to upright sRGB with at most *long_side* pixels on the long side."""
    orientation, _ = read_exif(image)
    # A JPEG is scaled while it is decoded (1/2, 1/4, 1/8) as long as four fifths of the side
    # remain: 24 megapixels then take a quarter of the memory, and no second scaling.
    scale = min(1.0, remain * long_side / max(image.size))
    image.draft(None, (max(1, int(image.width * scale)), max(1, int(image.height * scale))))
    image.load()
    picture = _in_srgb(_opaque(shrink(_scalable(image), long_side)))
    if orientation in UPRIGHT:
        picture = picture.transpose(UPRIGHT[orientation])
    if picture is not image:
        image.close()  # its pixels would be kept until the result is encoded
    picture.info = {}  # the JPEG writer would copy comments out of it
    return picture


def _scalable(image: Image.Image) -> Image.Image:
    """Return the picture in a mode whose values can be mixed: L, LA, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):  # 16 bit grey; convert("L") alone would clip it to white
        return image.point(lambda value: value / 256).convert("L")
    if image.mode not in ("LA", "RGBA") and image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else image.convert("RGB")


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode not in ("LA", "RGBA"):
        return image
    flat = Image.new(image.mode[:-1], image.size, "white")
    flat.paste(image.convert(flat.mode), mask=image.getchannel("A"))
    flat.info = image.info  # the colour profile is needed yet
    return flat


def _in_srgb(image: Image.Image) -> Image.Image:
    icc = image.info.get("icc_profile")
    if icc:
        try:
            profile = ImageCms.ImageCmsProfile(BytesIO(icc))
            name = profile.profile.profile_description or ""
            if image.mode != "RGB" or "srgb" not in name.lower():
                srgb = ImageCms.createProfile("sRGB")
                return ImageCms.buildTransform(profile, srgb, image.mode, "RGB").apply(image)
        except (ImageCms.PyCMSError, OSError, ValueError):
            # A profile that is broken or of another colour space: as if there were none.
            return _in_rgb(image)
    return _in_rgb(image)


def _in_rgb(image: Image.Image) -> Image.Image:
    # convert() copies even if there is nothing to convert
    return image if image.mode == "RGB" else image.convert("RGB")


def shrink(image: Image.Image, long_side: int) -> Image.Image:
    """Return the picture with at most *long_side* pixels on the long side."""
    scale = long_side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    smaller = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    smaller.info = image.info
    return smaller


def for_engine(picture: Image.Image, long_side: int) -> bytes:
    """Encode a picture of at most *long_side* pixels for the face engine."""
    least = min(picture.size)
    if least < ENGINE_LEAST_SIDE:
        # Never padded: that would shift the ratios of every face box. A strip too long to be
        # enlarged evenly is stretched instead.
        width, height = (
            min(max(side * ENGINE_LEAST_SIDE // least, ENGINE_LEAST_SIDE), long_side)
            for side in picture.size
        )
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    # Small pictures have small faces, which another loss changes most: at 88 their vectors turn
    # twice as far (docs/calibration.md).
    small = picture.width * picture.height <= ENGINE_SMALL
    return _jpeg(picture, 95 if small else 88, limit=ENGINE_BYTES, fine=small)


def _jpeg(
    picture: Image.Image,
    quality: int,
    *,
    limit: int | None = None,
    progressive: bool = False,
    fine: bool = False,
    exif: bytes = b"",
) -> bytes:
    """Encode at *quality*, or in steps down to 40 as long as the result has *limit* bytes or more.

    If *fine*, colours keep the full resolution. Quality 40 keeps nine megapixels of pure noise
    below ENGINE_BYTES.
    """
    encoded = b""
    for attempt in range(quality, 39, -8):
        with _scratch() as output:
            picture.save(
                output,
                "JPEG",
                quality=attempt,
                progressive=progressive,
                subsampling="4:4:4" if fine else "4:2:0",
                exif=exif,
            )
            output.seek(0)
            encoded = output.read()
        if limit is None or len(encoded) < limit:
            break
    return encoded


def _scratch() -> IO[bytes]:
    """Open a file to encode into, in memory if the system has such files.

    Pillow releases the GIL only for real files: 24 megapixels that were encoded progressively into
    a BytesIO stopped every other thread for half a second.
    """
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("jpeg"), "w+b")
    return TemporaryFile()
