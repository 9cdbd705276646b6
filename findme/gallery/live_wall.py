"""The live wall: an event's photos on a screen in the room, opened by its token alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import Box, EventId, ImageId, PhotoId, Size, StoredImage

#: The time that a transaction may take from its start, by which it is dated, to its commit. Each
#: query reaches back as far: so it misses no photo, and returns some of them twice.
OVERLAP = timedelta(seconds=60)
#: The most characters of a token.
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Wall:
    """An event as its wall shows it: no guest, no count of guests."""

    event_id: EventId
    code: str
    name: str
    #: Whether people can still join.
    takes_guests: bool
    #: Photos that guests can see.
    photos: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo on the wall: where its faces are, not whose they are."""

    id: PhotoId
    #: Pixels, upright.
    width: int
    height: int
    taken_at: datetime | None
    #: When guests could first see it.
    shown_at: datetime
    placeholder: str
    faces: Sequence[Box]


async def find(conn: Connection, token: str) -> Wall:
    """Return the wall that a token opens; NotFound if there is none, or none any more."""
    # other characters are in no token, and PostgreSQL may not even accept them as text
    known = len(token) <= LONGEST and token.isascii() and token.isprintable()
    row = await conn.fetchrow(
        """
        select id, code, name, join_open and coalesce(closes_at > now(), true) as takes_guests,
               (select count(*) from photo where event_id = event.id and visible) as photos
          from event
         where wall_token = $1 and coalesce(expires_at > now(), true)""",
        token if known else None,
    )
    if row is None:
        raise NotFound("This wall is not open.")
    return Wall(EventId(row["id"]), row["code"], row["name"], row["takes_guests"], row["photos"])


async def look(
    conn: Connection, token: str, *, after: datetime | None, limit: int
) -> tuple[Wall, list[Shown]]:
    """Return a wall and its photos, the last shown first; those since *after*. NotFound.

    Both are of one moment: a wall that counts less than it lists would not see that a photo goes.
    """
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        wall = await find(conn, token)
        return wall, await _list_shown(conn, wall.event_id, after=after, limit=limit)


async def _list_shown(
    conn: Connection, event_id: EventId, *, after: datetime | None, limit: int
) -> list[Shown]:
    rows = await conn.fetch(
        """
        select id, width, height, taken_at, greatest(ready_at, approved_at) as shown_at,
               placeholder, boxes
          from photo left join lateral (
                 select array_agg(array[box_left, box_top, box_width, box_height]) as boxes
                   from face where photo_id = photo.id) as on_it on true
         where event_id = $1 and visible
           and ($2::timestamptz is null or greatest(ready_at, approved_at) > $2 - $4::interval)
         order by shown_at desc, id desc limit $3""",
        event_id,
        after,
        limit,
        OVERLAP,
    )
    return [_shown(row) for row in rows]


async def find_picture(
    conn: Connection, event_id: EventId, photo_id: PhotoId
) -> StoredImage | None:
    """Return a photo's preview; None if guests of the event do not see the photo."""
    row = await conn.fetchrow(
        """
        select image.id, media_type, size_bytes, image.digest
          from image join photo on photo.id = image.photo_id
         where photo.id = $2 and photo.event_id = $1 and visible and size = $3""",
        event_id,
        photo_id,
        Size.PREVIEW,
    )
    return None if row is None else StoredImage(**{**row, "id": ImageId(row["id"])})


def _shown(row: Record) -> Shown:
    return Shown(
        id=PhotoId(row["id"]),
        width=row["width"],
        height=row["height"],
        taken_at=row["taken_at"],
        shown_at=row["shown_at"],
        placeholder=row["placeholder"],
        faces=[Box(*box) for box in row["boxes"] or []],
    )
