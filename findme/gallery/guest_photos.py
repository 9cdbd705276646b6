"""The photos that a guest sees: sure and maybe ones, everyone's, and those that they may open.

Which photos are a guest's is decided by the database's view `guest_photo`, and which of them they
may open by `openable_photo` (docs/architecture/guest-photos.md). No statement here touches the
tables of pictures: lists are drawn without a byte of them.
"""

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from findme.db import Connection, Record
from findme.models import Box, Cursor, EventId, GuestId, PhotoId, Shelf, UserId


class ListedPhoto(Struct, frozen=True):
    """A photo as a guest's list shows it; a struct is made in a fifth of a dataclass's time."""

    id: PhotoId
    event_id: EventId
    filename: str
    width: int
    height: int
    taken_at: datetime | None
    uploaded_at: datetime
    #: When the photo was taken; if no clock can tell, when it arrived.
    dated_at: datetime
    faces: int
    placeholder: str
    match: Shelf | None
    face_box: Box | None
    #: Whether the guest marked it.
    favourite: bool
    #: The photographer; None if unknown.
    credit: str | None

    @property
    def cursor(self) -> Cursor:
        """The cursor of a page that ends with this photo."""
        return Cursor(self.dated_at, self.id)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list, newest first."""

    photos: list[ListedPhoto]
    #: Photos of the whole list at the same moment; None if they were not counted.
    total: int | None


async def list_mine(
    conn: Connection,
    guest_id: GuestId,
    shelf: Shelf,
    *,
    before: Cursor | None,
    limit: int,
    counted: bool = False,
) -> Listing:
    """Return a shelf of a guest's photos, newest first, older than *before*."""
    rows = await conn.fetch(
        """
        select photo.id, photo.event_id, filename, width, height, taken_at, uploaded_at, dated_at,
               photo.faces, placeholder, credit, shelf, box_left, box_top, box_width, box_height,
               exists (select from favourite where guest_id = $1
                          and favourite.photo_id = photo.id) as favourite,
               case when $6 then (select count(*) from guest_photo
                                   where guest_id = $1 and shelf = $2) end as total
          from guest_photo join photo on photo.id = guest_photo.photo_id
               left join face on face.id = face_id
         where guest_id = $1 and shelf = $2
           and (dated_at, photo.id)
               < (coalesce($3, 'infinity'::timestamptz), coalesce($4, 0::bigint))
         order by dated_at desc, photo.id desc limit $5""",
        guest_id,
        shelf,
        *_ends(before),
        limit,
        counted,
    )
    if counted and not rows:
        return Listing([], await count_mine(conn, guest_id, shelf))
    return _listing(rows)


async def count_mine(conn: Connection, guest_id: GuestId, shelf: Shelf) -> int:
    """Return the number of photos on a guest's shelf."""
    number: int = await conn.fetchval(
        "select count(*) from guest_photo where guest_id = $1 and shelf = $2", guest_id, shelf
    )
    return number


async def list_everyones(
    conn: Connection,
    event_id: EventId,
    guest_id: GuestId | None,
    *,
    before: Cursor | None,
    limit: int,
    counted: bool = False,
) -> Listing:
    """Return an event's photos, newest first, older than *before*, with a guest's matches."""
    rows = await conn.fetch(
        """
        select photo.id, photo.event_id, filename, width, height, taken_at, uploaded_at, dated_at,
               photo.faces, placeholder, credit, shelf, box_left, box_top, box_width, box_height,
               exists (select from favourite where guest_id = $2
                          and favourite.photo_id = photo.id) as favourite,
               case when $6 then (select count(*) from photo
                                   where event_id = $1 and visible) end as total
          from photo left join lateral (
                 select face_id, shelf from guest_photo
                  where guest_id = $2 and photo_id = photo.id) as mine on true
               left join face on face.id = face_id
         where photo.event_id = $1 and visible
           and (dated_at, photo.id)
               < (coalesce($3, 'infinity'::timestamptz), coalesce($4, 0::bigint))
         order by dated_at desc, photo.id desc limit $5""",
        event_id,
        guest_id,
        *_ends(before),
        limit,
        counted,
    )
    if counted and not rows:
        return Listing([], await count_visible(conn, event_id))
    return _listing(rows)


async def list_favourites(
    conn: Connection,
    guest_id: GuestId,
    *,
    before: Cursor | None,
    limit: int,
    counted: bool = False,
) -> Listing:
    """Return the photos that a guest marked and may see, newest first, older than *before*."""
    rows = await conn.fetch(
        """
        select photo.id, photo.event_id, filename, width, height, taken_at, uploaded_at, dated_at,
               photo.faces, placeholder, credit, shelf, box_left, box_top, box_width, box_height,
               true as favourite,
               case when $5 then (
                 select count(*) from favourite as marked
                  where marked.guest_id = $1
                    and exists (select from openable_photo where guest_id = $1
                                   and openable_photo.photo_id = marked.photo_id)) end as total
          from favourite join photo on photo.id = favourite.photo_id
               left join lateral (
                 select face_id, shelf from guest_photo
                  where guest_id = $1 and photo_id = photo.id) as mine on true
               left join face on face.id = face_id
         where favourite.guest_id = $1
           and exists (select from openable_photo
                        where guest_id = $1 and openable_photo.photo_id = photo.id)
           and (dated_at, photo.id)
               < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 0::bigint))
         order by dated_at desc, photo.id desc limit $4""",
        guest_id,
        *_ends(before),
        limit,
        counted,
    )
    if counted and not rows:
        return Listing([], await count_favourites(conn, guest_id))
    return _listing(rows)


async def count_favourites(conn: Connection, guest_id: GuestId) -> int:
    """Return the number of photos that a guest marked and may see."""
    number: int = await conn.fetchval(
        """
        select count(*) from favourite
         where guest_id = $1
           and exists (select from openable_photo
                        where guest_id = $1 and openable_photo.photo_id = favourite.photo_id)""",
        guest_id,
    )
    return number


async def count_visible(conn: Connection, event_id: EventId) -> int:
    """Return the number of an event's photos that guests can see."""
    number: int = await conn.fetchval(
        "select count(*) from photo where event_id = $1 and visible", event_id
    )
    return number


async def may_see(conn: Connection, photo_id: PhotoId, user_id: UserId) -> bool:
    """Whether a user may see a photo: any of an event they joined, or (gallery `own`) only theirs.

    Without consent they see it if the gallery may be browsed.
    """
    allowed: bool = await conn.fetchval(
        "select exists (select from openable_photo where photo_id = $1 and account_id = $2)",
        photo_id,
        user_id,
    )
    return allowed


async def find_cursor(conn: Connection, photo_id: PhotoId) -> Cursor | None:
    """Return the place of a photo in the lists; None if there is no such photo."""
    dated_at = await conn.fetchval("select dated_at from photo where id = $1", photo_id)
    return None if dated_at is None else Cursor(dated_at, photo_id)


def _ends(before: Cursor | None) -> tuple[datetime | None, int | None]:
    return (None, None) if before is None else (before.dated_at, before.id)


def _listing(rows: list[Record]) -> Listing:
    return Listing([_listed(row) for row in rows], rows[0]["total"] if rows else None)


_SHELVES: dict[str | None, Shelf | None] = {None: None, **{each.value: each for each in Shelf}}


def _listed(row: Record) -> ListedPhoto:
    return ListedPhoto(
        id=row["id"],
        event_id=row["event_id"],
        filename=row["filename"],
        width=row["width"],
        height=row["height"],
        taken_at=row["taken_at"],
        uploaded_at=row["uploaded_at"],
        dated_at=row["dated_at"],
        faces=row["faces"],
        placeholder=row["placeholder"],
        match=_SHELVES[row["shelf"]],
        face_box=None
        if row["box_left"] is None
        else Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"]),
        favourite=row["favourite"],
        credit=row["credit"],
    )
