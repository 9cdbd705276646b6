"""What a guest sees: their sure and maybe photos, everyone's photos, and what they may open.

No statement here touches the tables of pictures: lists are drawn without a byte of them.
"""

from dataclasses import dataclass
from datetime import datetime

from findme.db import Connection, Record
from findme.models import Box, Cursor, Event, EventId, Gallery, GuestId, PhotoId, Shelf, UserId
from findme.settings import Settings

#: What counts as the similarity of a match that the guest confirmed: above all that is measured.
CONFIRMED = 101.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A photo as a guest's list shows it."""

    id: PhotoId
    event_id: EventId
    filename: str
    width: int
    height: int
    taken_at: datetime | None
    uploaded_at: datetime
    #: Where the photo stands in the evening: when it was taken, or arrived where no clock can tell.
    dated_at: datetime
    faces: int
    placeholder: str
    match: Shelf | None
    face_box: Box | None
    #: Whether the guest marked it.
    favourite: bool
    #: Whose picture it is; None where nobody said.
    credit: str | None

    @property
    def cursor(self) -> Cursor:
        """What a page ends with that ends with this photo."""
        return Cursor(self.dated_at, self.id)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Similarities (0..100) from which a match is `sure`, and from which it is `maybe`."""

    sure: float
    maybe: float

    @classmethod
    def of(cls, event: Event, settings: Settings) -> "Thresholds":
        """Return the event's own thresholds, or the settings' where it sets none."""
        sure, maybe = event.match_threshold, event.maybe_threshold
        return cls(
            sure=settings.face_match_threshold if sure is None else sure,
            maybe=settings.face_maybe_threshold if maybe is None else maybe,
        )


async def list_mine(
    conn: Connection,
    guest_id: GuestId,
    thresholds: Thresholds,
    shelf: Shelf,
    *,
    before: Cursor | None,
    limit: int,
) -> list[Listed]:
    """Return a shelf of a guest's photos, newest first, older than *before*."""
    low, high = _range(thresholds, shelf)
    rows = await conn.fetch(
        """
        with found as (
            select photo_id, face_id, similarity from match where guest_id = $1
            union all
            select photo_id, face_id, $7 from verdict where guest_id = $1 and says = 'me'),
        best as (
            select distinct on (photo_id) photo_id, face_id, similarity from found
             where not exists (select from verdict where guest_id = $1 and says = 'not_me'
                                  and verdict.photo_id = found.photo_id)
             order by photo_id desc, similarity desc)
        select photo.id, photo.event_id, filename, width, height, taken_at, uploaded_at, dated_at,
               faces, placeholder, credit, similarity, box_left, box_top, box_width, box_height,
               exists (select from favourite where guest_id = $1
                          and favourite.photo_id = photo.id) as favourite
          from best join photo on photo.id = best.photo_id
               left join face on face.id = best.face_id
         where visible and similarity >= $2 and similarity < $3
           and (dated_at, photo.id)
               < (coalesce($4, 'infinity'::timestamptz), coalesce($5, 0::bigint))
         order by dated_at desc, photo.id desc limit $6""",
        guest_id,
        low,
        high,
        *_ends(before),
        limit,
        CONFIRMED,
    )
    return [_listed(row, thresholds) for row in rows]


async def count_mine(
    conn: Connection, guest_id: GuestId, thresholds: Thresholds, shelf: Shelf
) -> int:
    """Return how many photos are on a guest's shelf."""
    low, high = _range(thresholds, shelf)
    number: int = await conn.fetchval(
        """
        with found as (
            select photo_id, similarity from match where guest_id = $1
            union all
            select photo_id, $4 from verdict where guest_id = $1 and says = 'me'),
        best as (
            select photo_id, max(similarity) as similarity from found
             where not exists (select from verdict where guest_id = $1 and says = 'not_me'
                                  and verdict.photo_id = found.photo_id)
             group by photo_id)
        select count(*) from best join photo on photo.id = best.photo_id
         where visible and similarity >= $2 and similarity < $3""",
        guest_id,
        low,
        high,
        CONFIRMED,
    )
    return number


async def list_everyones(
    conn: Connection,
    event_id: EventId,
    guest_id: GuestId | None,
    thresholds: Thresholds,
    *,
    before: Cursor | None,
    limit: int,
) -> list[Listed]:
    """Return an event's photos, newest first, older than *before*, with a guest's matches."""
    rows = await conn.fetch(
        """
        select photo.id, photo.event_id, filename, width, height, taken_at, uploaded_at, dated_at,
               faces, placeholder, credit, best.similarity,
               box_left, box_top, box_width, box_height,
               exists (select from favourite where guest_id = $2
                          and favourite.photo_id = photo.id) as favourite
          from photo left join lateral (
                 select face_id, case says when 'me' then $6::real end as similarity from verdict
                  where guest_id = $2 and verdict.photo_id = photo.id
                  union all
                 (select face_id, similarity from match
                   where guest_id = $2 and match.photo_id = photo.id
                   order by similarity desc limit 1)
                  limit 1) as best on true
               left join face on face.id = best.face_id
         where photo.event_id = $1 and visible
           and (dated_at, photo.id)
               < (coalesce($3, 'infinity'::timestamptz), coalesce($4, 0::bigint))
         order by dated_at desc, photo.id desc limit $5""",
        event_id,
        guest_id,
        *_ends(before),
        limit,
        CONFIRMED,
    )
    return [_listed(row, thresholds) for row in rows]


async def list_favourites(
    conn: Connection,
    event: Event,
    guest_id: GuestId,
    thresholds: Thresholds,
    *,
    before: Cursor | None,
    limit: int,
) -> list[Listed]:
    """Return the photos that a guest marked and may see, newest first, older than *before*."""
    rows = await conn.fetch(
        """
        select photo.id, photo.event_id, filename, width, height, taken_at, uploaded_at, dated_at,
               faces, placeholder, credit, best.similarity,
               box_left, box_top, box_width, box_height,
               true as favourite
          from favourite join photo on photo.id = favourite.photo_id left join lateral (
                 select face_id, case says when 'me' then $5::real end as similarity from verdict
                  where guest_id = $1 and verdict.photo_id = photo.id
                  union all
                 (select face_id, similarity from match
                   where guest_id = $1 and match.photo_id = photo.id
                   order by similarity desc limit 1)
                  limit 1) as best on true
               left join face on face.id = best.face_id
         where favourite.guest_id = $1 and visible
           and (dated_at, photo.id)
               < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 0::bigint))
           and ($6 or best.similarity >= $7)
           and ($8 or exists (select from guest where id = $1 and consent_at is not null
                                 and consent_withdrawn_at is null))
         order by dated_at desc, photo.id desc limit $4""",
        guest_id,
        *_ends(before),
        limit,
        CONFIRMED,
        event.gallery is Gallery.EVERYONE,
        thresholds.maybe,
        event.browse,
    )
    return [_listed(row, thresholds) for row in rows]


async def count_favourites(
    conn: Connection, event: Event, guest_id: GuestId, thresholds: Thresholds
) -> int:
    """Return how many photos a guest marked and may see."""
    number: int = await conn.fetchval(
        """
        select count(*) from favourite join photo on photo.id = favourite.photo_id
         where favourite.guest_id = $1 and visible
           and ($2 or case (select says from verdict where guest_id = $1
                               and verdict.photo_id = photo.id)
                   when 'me' then true when 'not_me' then false
                   else exists (select from match where match.guest_id = $1
                                   and match.photo_id = photo.id and similarity >= $3) end)
           and ($4 or exists (select from guest where id = $1 and consent_at is not null
                                 and consent_withdrawn_at is null))""",
        guest_id,
        event.gallery is Gallery.EVERYONE,
        thresholds.maybe,
        event.browse,
    )
    return number


async def count_visible(conn: Connection, event_id: EventId) -> int:
    """Return how many photos of an event guests can see."""
    number: int = await conn.fetchval(
        "select count(*) from photo where event_id = $1 and visible", event_id
    )
    return number


async def may_see(
    conn: Connection, photo_id: PhotoId, user_id: UserId, maybe_threshold: float
) -> bool:
    """Whether a guest may see a photo: of an event they joined, all or (gallery `own`) theirs.

    Without consent they see it where the gallery may be browsed.
    """
    allowed: bool = await conn.fetchval(
        """
        select exists (
            select from photo
              join guest on guest.event_id = photo.event_id and guest.account_id = $2
              join event on event.id = photo.event_id
             where photo.id = $1 and photo.visible
               and (event.browse
                    or consent_at is not null and consent_withdrawn_at is null)
               and (event.gallery = $4 or exists (
                     select from match where match.guest_id = guest.id
                        and match.photo_id = photo.id
                        and similarity >= coalesce(event.maybe_threshold, $3))
                  or exists (select from verdict where verdict.guest_id = guest.id
                                and verdict.photo_id = photo.id)))""",
        photo_id,
        user_id,
        maybe_threshold,
        Gallery.EVERYONE,
    )
    return allowed


async def find_cursor(conn: Connection, photo_id: PhotoId) -> Cursor | None:
    """Return where a photo stands in the lists; None where there is no such photo."""
    dated_at = await conn.fetchval("select dated_at from photo where id = $1", photo_id)
    return None if dated_at is None else Cursor(dated_at, photo_id)


def _ends(before: Cursor | None) -> tuple[datetime | None, int | None]:
    return (None, None) if before is None else (before.dated_at, before.id)


def _range(thresholds: Thresholds, shelf: Shelf) -> tuple[float, float]:
    """Return the similarities of a shelf: from, and below which."""
    if shelf is Shelf.SURE:
        return thresholds.sure, CONFIRMED + 1
    return thresholds.maybe, thresholds.sure


def _listed(row: Record, thresholds: Thresholds) -> Listed:
    similarity = row["similarity"]
    match = None
    if similarity is not None and similarity >= thresholds.maybe:
        match = Shelf.SURE if similarity >= thresholds.sure else Shelf.MAYBE
    return Listed(
        id=PhotoId(row["id"]),
        event_id=EventId(row["event_id"]),
        filename=row["filename"],
        width=row["width"],
        height=row["height"],
        taken_at=row["taken_at"],
        uploaded_at=row["uploaded_at"],
        dated_at=row["dated_at"],
        faces=row["faces"],
        placeholder=row["placeholder"],
        match=match,
        face_box=None
        if match is None or row["box_left"] is None
        else Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"]),
        favourite=row["favourite"],
        credit=row["credit"],
    )
