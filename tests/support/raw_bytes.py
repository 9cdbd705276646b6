"""Bytes in the files of a data directory, as somebody finds them who has the disk."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

#: Bytes of one piece of a picture that is looked for, and from one piece to the next: shorter than
#: the pieces that PostgreSQL cuts a row into, so that most are whole.
PIECE, STEP = 48, 480


def pieces_of(picture: bytes) -> list[bytes]:
    """Return pieces from all over a picture's compressed data; headers are alike in all."""
    return [picture[at : at + PIECE] for at in range(1000, len(picture) - PIECE, STEP)]


async def find_bytes(folder: Path, needles: Mapping[str, Iterable[bytes]]) -> dict[str, set[str]]:
    """Return what is found, by its name in *needles*, and the files that it is in."""
    return await asyncio.to_thread(_find, folder, {k: list(v) for k, v in needles.items()})


def _find(folder: Path, needles: Mapping[str, list[bytes]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for root, _, names in os.walk(folder, followlinks=True):
        for name in names:
            path = Path(root) / name
            try:
                content = path.read_bytes()
            except OSError:  # a socket, or removed meanwhile
                continue
            for what, pieces in needles.items():
                if any(piece in content for piece in pieces):
                    found.setdefault(what, set()).add(str(path.relative_to(folder)))
    return found
