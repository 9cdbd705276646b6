"""One photo among the others: what a photo's own page knows besides the photo."""

from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection
from findme.models import EventId, GuestId, PhotoId


@dataclass(frozen=True, slots=True)
class Place:
    """Where a photo is in a list, newest first: its neighbours, and that it is *number* of *total*.

    The number is None where the photo is not in the list (any more).
    """

    newer: PhotoId | None
    older: PhotoId | None
    number: int | None
    total: int


def place_among(photo_id: PhotoId, others: Sequence[PhotoId]) -> Place:
    """Return a photo's place in a guest's shelf."""
    return Place(
        newer=min((other for other in others if other > photo_id), default=None),
        older=max((other for other in others if other < photo_id), default=None),
        number=others.index(photo_id) + 1 if photo_id in others else None,
        total=len(others),
    )


async def place_among_all(conn: Connection, event_id: EventId, photo_id: PhotoId) -> Place:
    """Return a photo's place among all that guests can see."""
    row = await conn.fetchrow(
        """
        select min(id) filter (where id > $2) as newer, max(id) filter (where id < $2) as older,
               count(*) filter (where id >= $2) as number, count(*) as total
          from photo where event_id = $1 and visible""",
        event_id,
        photo_id,
    )
    assert row is not None
    return Place(**row)


async def said_of(conn: Connection, guest_id: GuestId, photo_id: PhotoId) -> str | None:
    """Return what a guest said of a photo: `me`, `not_me`, or nothing."""
    says: str | None = await conn.fetchval(
        "select says from verdict where guest_id = $1 and photo_id = $2", guest_id, photo_id
    )
    return says
