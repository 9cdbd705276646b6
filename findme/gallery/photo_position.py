"""One photo among the others: what a photo's own page knows besides the photo."""

from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection
from findme.models import Cursor, EventId, GuestId, PhotoId


@dataclass(frozen=True, slots=True)
class Place:
    """Where a photo is in a list, newest first: its neighbours, and that it is *number* of *total*.

    The number is None if the photo is not in the list (any more).
    """

    newer: PhotoId | None
    older: PhotoId | None
    number: int | None
    total: int


def place_among(cursor: Cursor, others: Sequence[Cursor]) -> Place:
    """Return a photo's place in a guest's shelf; *others* come newest first."""
    newer = [other for other in others if other > cursor]
    older = [other for other in others if other < cursor]
    return Place(
        newer=newer[-1].id if newer else None,
        older=older[0].id if older else None,
        number=len(newer) + 1 if len(newer) + len(older) < len(others) else None,
        total=len(others),
    )


async def place_among_all(conn: Connection, event_id: EventId, cursor: Cursor) -> Place:
    """Return a photo's place among all that guests can see."""
    row = await conn.fetchrow(
        """
        select (select id from photo
                 where event_id = $1 and visible and (dated_at, id) > ($2, $3)
                 order by dated_at, id limit 1) as newer,
               (select id from photo
                 where event_id = $1 and visible and (dated_at, id) < ($2, $3)
                 order by dated_at desc, id desc limit 1) as older,
               count(*) filter (where (dated_at, id) >= ($2, $3)) as number, count(*) as total
          from photo where event_id = $1 and visible""",
        event_id,
        cursor.dated_at,
        cursor.id,
    )
    assert row is not None
    return Place(**row)


async def said_of(conn: Connection, guest_id: GuestId, photo_id: PhotoId) -> str | None:
    """Return what a guest said of a photo: `me`, `not_me`, or nothing."""
    says: str | None = await conn.fetchval(
        "select says from verdict where guest_id = $1 and photo_id = $2", guest_id, photo_id
    )
    return says
