"""Checks what a child answers: a decoder that was taken over by a picture may say anything."""

from datetime import UTC, datetime, tzinfo
from mmap import mmap
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from findme.media import face_pictures, images
from findme.media.cleaning import plan as plans
from findme.media.cleaning.cleaner import Cleaned
from findme.media.cleaning.plan import MOST_PLAN
from findme.media.exif import YEARS
from findme.media.face_pictures import FacePicture
from findme.media.images import Probe, Renditions
from findme.models import Box
from findme.pixels import sealed_files
from findme.pixels.header import Bytes, Kind, Refused
from findme.pixels.inspection import inspect_bytes
from findme.pixels.lane import Answer
from findme.pixels.memory import MIB
from findme.pixels.sealed_files import BadFile

#: The most pixels of a JPEG's side.
_LONGEST_JPEG: Final = 65_535
#: What a child may hand back at all (`ChildKind`).
_MOST_JPEG: Final = 64 * MIB
_MOST_PREVIEW: Final = 8 * MIB
_MOST_SMALL: Final = 1 * MIB

_Length = Annotated[int, Meta(ge=1, le=2**31)]


class _Probed(msgspec.Struct, frozen=True):
    media_type: Literal["image/jpeg", "image/png", "image/webp", "image/heic"]
    width: _Length
    height: _Length
    taken_at: datetime | None


class _Rendered(msgspec.Struct, frozen=True):
    placeholder: Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")]
    width: _Length
    height: _Length


class _Place(msgspec.Struct, frozen=True):
    left: float
    top: float
    width: float
    height: float


class _Picture(msgspec.Struct, frozen=True):
    size: _Length
    place: _Place


class _FacePictures(msgspec.Struct, frozen=True):
    pictures: list[_Picture]


class _Cleaned(msgspec.Struct, frozen=True):
    size_bytes: Annotated[int, Meta(ge=1, le=2**33)]
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


def read_probe(answer: Answer, max_pixels: int, zone: tzinfo) -> Probe:
    """Return what a picture is; a time of capture without a zone is read in *zone*."""
    found = msgspec.convert(answer.values, _Probed)
    _check_pixels(found.width, found.height, max_pixels)
    taken_at = found.taken_at
    if taken_at is not None:
        if taken_at.year not in YEARS:
            raise msgspec.ValidationError("a time of capture out of the calendar")
        if taken_at.tzinfo is None:
            taken_at = taken_at.replace(tzinfo=zone)
        taken_at = taken_at.astimezone(UTC)
    return Probe(found.media_type, found.width, found.height, taken_at)


def read_renditions(answer: Answer, max_pixels: int) -> Renditions:
    """Return the JPEGs made from a picture."""
    made = msgspec.convert(answer.values, _Rendered)
    _check_pixels(made.width, made.height, max_pixels)
    if len(answer.files) != 3:
        raise BadFile(f"{len(answer.files)} files instead of three")
    analysis, preview, thumb = answer.files
    return Renditions(
        analysis=_jpeg(analysis, images.ENGINE_BYTES, images.ANALYSIS_SIDE),
        preview=_jpeg(preview, _MOST_PREVIEW, images.PREVIEW_SIDE),
        thumb=_jpeg(thumb, _MOST_SMALL, images.THUMB_SIDE),
        placeholder=made.placeholder,
        width=made.width,
        height=made.height,
    )


def read_engine_picture(answer: Answer, side: int) -> bytes:
    """Return the JPEG that the face engine gets."""
    return _jpeg(_only(answer), images.ENGINE_BYTES, side)


def read_small_picture(answer: Answer, side: int) -> bytes:
    """Return a small JPEG of at most *side* pixels."""
    return _jpeg(_only(answer), _MOST_SMALL, side)


def read_face_pictures(answer: Answer, number: int) -> list[FacePicture]:
    """Return the JPEGs of *number* faces."""
    made = msgspec.convert(answer.values, _FacePictures).pictures
    if len(made) != number:
        raise BadFile(f"{len(made)} pictures instead of {number}")
    whole = sealed_files.read(_only(answer), _MOST_JPEG)
    if sum(each.size for each in made) != len(whole):
        raise BadFile("pictures that are cut off")
    found, start = [], 0
    for each in made:
        jpeg = whole[start : start + each.size]
        _check_jpeg(jpeg, face_pictures.SIDE)
        place = each.place
        found.append(FacePicture(jpeg, Box(place.left, place.top, place.width, place.height)))
        start += each.size
    return found


def map_picture(answer: Answer, side: int | None) -> mmap:
    """Return a guest's JPEG, which is not copied into this process: it may be large."""
    picture = sealed_files.mapped(_only(answer), _MOST_JPEG)
    _check_jpeg(picture, side or _LONGEST_JPEG)
    return picture


def read_cleaned(answer: Answer, size: int) -> Cleaned:
    """Return the plan of a clean file: all of its spans are in a file of *size* bytes."""
    made = msgspec.convert(answer.values, _Cleaned)
    stored = sealed_files.read(_only(answer), MOST_PLAN)
    try:
        pieces = plans.from_bytes(stored)
    except msgspec.DecodeError as error:
        raise msgspec.ValidationError("no plan") from error
    if not plans.is_orderly(pieces, size):
        raise msgspec.ValidationError("a plan that does not fit the file")
    # a file of pieces that come again and again could be of any length
    if plans.length_of(pieces) != made.size_bytes or made.size_bytes > size + MOST_PLAN:
        raise msgspec.ValidationError("a plan of another size")
    return Cleaned(stored, made.size_bytes, made.digest)


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise msgspec.ValidationError("more pixels than were asked for")


def _only(answer: Answer) -> int:
    if len(answer.files) != 1:
        raise BadFile(f"{len(answer.files)} files instead of one")
    return answer.files[0]


def _jpeg(file: int, most: int, side: int) -> bytes:
    data = sealed_files.read(file, most)
    _check_jpeg(data, side)
    return data


def _check_jpeg(data: Bytes, side: int) -> None:
    """Raise BadFile for anything but a plain JPEG of at most *side* pixels."""
    try:
        header = inspect_bytes(data)
    except Refused as error:
        raise BadFile(f"no plain JPEG ({error})") from error
    if header.kind is not Kind.JPEG or max(header.width, header.height) > side:
        raise BadFile(f"a {header.kind} of {header.width} × {header.height} pixels")
