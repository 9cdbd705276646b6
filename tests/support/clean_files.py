"""Plans of clean originals for files that are no pictures."""

import hashlib
from collections.abc import Sequence

from findme.db import Connection
from findme.media import clean_originals
from findme.media.cleaning import plan as plans
from findme.media.cleaning.cleaner import Cleaned
from findme.media.cleaning.plan import Piece, Span
from findme.models import PhotoId


def joined(content: bytes, pieces: Sequence[Piece]) -> bytes:
    """Return what a plan makes of a file."""
    return b"".join(
        content[piece.start : piece.stop] if isinstance(piece, Span) else piece for piece in pieces
    )


async def store_plan(
    conn: Connection, photo_id: int, content: bytes, pieces: Sequence[Piece] | None = None
) -> bytes:
    """Have guests get these pieces of a stored original, or all of it; return what that is."""
    chosen = [Span(0, len(content))] if pieces is None else pieces
    sent = joined(content, chosen)
    cleaned = Cleaned(plans.to_bytes(chosen), len(sent), hashlib.sha256(sent).hexdigest())
    await clean_originals.store(conn, PhotoId(photo_id), cleaned)
    return sent
