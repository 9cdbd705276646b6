"""Makes the plan of a clean file, by the kind of its picture."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from findme.media.cleaning import heif, jpeg, png, webp
from findme.media.cleaning import plan as plans
from findme.media.cleaning.plan import Draft, Piece, Span
from findme.pixels.header import Bytes, Kind
from findme.pixels.inspection import inspect_bytes

_BY_KIND: Final[Mapping[Kind, Callable[[Bytes], Draft]]] = {
    Kind.JPEG: jpeg.clean,
    Kind.PNG: png.clean,
    Kind.WEBP: webp.clean,
    Kind.HEIC: heif.clean,
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
    with (
        open(source, "rb", closefd=isinstance(source, Path)) as file,
        mmap(file.fileno(), os.fstat(file.fileno()).st_size, access=ACCESS_READ) as data,
    ):
        draft = _BY_KIND[inspect_bytes(data).kind](data)
        digest = hashlib.sha256()
        for part in _parts(data, draft.pieces):
            digest.update(part)
        return Cleaned(plans.to_bytes(draft.pieces), draft.size, digest.hexdigest())


def _parts(data: Bytes, pieces: list[Piece]) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Span):
            for start in range(piece.start, piece.stop, _PART):
                yield data[start : min(piece.stop, start + _PART)]
        else:
            yield piece
