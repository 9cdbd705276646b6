"""Makes the plan of a clean file, by the kind of its picture."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from findme.media.cleaning import heif, jpeg, png, webp
from findme.media.cleaning import plan as plans
from findme.media.cleaning.essentials import Essentials
from findme.media.cleaning.plan import Draft, Piece, Span
from findme.pixels.header import Bytes, Kind
from findme.pixels.inspection import inspect_bytes

_CLEAN: Final[Mapping[Kind, Callable[[Bytes], Draft]]] = {
    Kind.JPEG: jpeg.clean,
    Kind.PNG: png.clean,
    Kind.WEBP: webp.clean,
    Kind.HEIC: heif.clean,
}
_ESSENTIALS: Final[Mapping[Kind, Callable[[Bytes], Essentials]]] = {
    Kind.JPEG: jpeg.essentials,
    Kind.PNG: png.essentials,
    Kind.WEBP: webp.essentials,
    Kind.HEIC: heif.essentials,
}
#: Bytes that are hashed at a time.
_PART: Final = 1024**2


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What guests get of a file: the plan as it is stored, and size and SHA-256 of the result."""

    plan: bytes
    size_bytes: int
    digest: str


def clean(source: Path | int) -> Cleaned:
    """Return what guests get of a file (a path, or a descriptor).

    Refused if it is no picture, or if it cannot be told what in it is pixels.
    """
    with _mapped(source) as data:
        draft = _CLEAN[inspect_bytes(data).kind](data)
        digest = hashlib.sha256()
        for part in _parts(data, draft.pieces):
            digest.update(part)
        return Cleaned(plans.to_bytes(draft.pieces), draft.size, digest.hexdigest())


def credits_of(source: Path | int) -> bytes:
    """Return an EXIF block for a picture that is made of a file: time, credit and copyright.

    b"" if the file names none of them. Refused if it is no picture.
    """
    with _mapped(source) as data:
        block = _ESSENTIALS[inspect_bytes(data).kind](data).as_exif(rendered=True)
    return b"Exif\0\0" + block if block else b""


@contextmanager
def _mapped(source: Path | int) -> Iterator[mmap]:
    with (
        open(source, "rb", closefd=isinstance(source, Path)) as file,
        mmap(file.fileno(), os.fstat(file.fileno()).st_size, access=ACCESS_READ) as data,
    ):
        yield data


def _parts(data: Bytes, pieces: list[Piece]) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Span):
            for start in range(piece.start, piece.stop, _PART):
                yield data[start : min(piece.stop, start + _PART)]
        else:
            yield piece
