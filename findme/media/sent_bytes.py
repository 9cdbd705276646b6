"""The bytes of a picture as they are sent: those that are stored, or those of its plan."""

from collections.abc import AsyncIterator

from findme.db import Pool
from findme.media import storage
from findme.media.cleaning import plan as plans
from findme.media.cleaning.plan import Piece, Span
from findme.models import StoredImage


async def read(
    pool: Pool, image: StoredImage, start: int = 0, stop: int | None = None
) -> AsyncIterator[bytes]:
    """Yield the bytes *start* to *stop* (exclusive; None: the end), about a stored chunk at a time.

    There are fewer if the picture is deleted meanwhile. No database connection is held between two
    chunks.
    """
    pieces: list[Piece] = [Span(0, image.size_bytes)]
    if image.plan is not None:
        pieces = plans.from_bytes(image.plan)
    ready: list[bytes] = []
    number, chunk = -1, b""
    for piece in plans.cut(pieces, start, image.size_bytes if stop is None else stop):
        if isinstance(piece, bytes):
            ready.append(piece)
            continue
        at = piece.start
        while at < piece.stop:
            if at // storage.CHUNK != number:
                if ready:
                    yield b"".join(ready)
                    ready.clear()
                number = at // storage.CHUNK
                chunk = await storage.read_chunk(pool, image.id, number) or b""
            begin = at - number * storage.CHUNK
            part = chunk[begin : piece.stop - number * storage.CHUNK]
            if not part:
                return
            ready.append(part)
            at += len(part)
    if ready:
        yield b"".join(ready)
