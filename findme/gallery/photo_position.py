"""The position of a photo in a list, and its guest's verdict: for the photo's own page."""

from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection
from findme.models import Cursor, EventId, GuestId, PhotoId


@dataclass(frozen=True, slots=True)
class PhotoPosition:
    """A photo's neighbours in a list, newest first, and its *number* among *total*.

    The number is None if the photo is not in the list (any more).
    """

    newer: PhotoId | None
    older: PhotoId | None
    number: int | None
    total: int


def position_among(cursor: Cursor, others: Sequence[Cursor]) -> PhotoPosition:
    """Return a photo's position on a guest's shelf; *others* come newest first."""
    newer = [other for other in others if other > cursor]
    older = [other for other in others if other < cursor]
    return PhotoPosition(
        newer=newer[-1].id if newer else None,
        older=older[0].id if older else None,
        number=len(newer) + 1 if len(newer) + len(older) < len(others) else None,
        total=len(others),
    )


async def position_among_all(conn: Connection, event_id: EventId, cursor: Cursor) -> PhotoPosition:
    """Return a photo's position among all that guests can see."""
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
    return PhotoPosition(**row)


async def find_verdict(conn: Connection, guest_id: GuestId, photo_id: PhotoId) -> str | None:
    """Return a guest's verdict on a photo: `me`, `not_me`, or None."""
    says: str | None = await conn.fetchval(
        "select says from verdict where guest_id = $1 and photo_id = $2", guest_id, photo_id
    )
    return says
