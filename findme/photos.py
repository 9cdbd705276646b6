"""Photos: what was uploaded, how far it has come, and who may see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from findme import staging
from findme.db import Connection, Record
from findme.errors import CollectionSwitched, NotFound
from findme.models import (
    Box,
    EngineFaceId,
    EventId,
    Gallery,
    GuestId,
    IndexResult,
    JobId,
    PhotoId,
    PhotoState,
    Shelf,
    TokenId,
    UserId,
)

#: What counts as the similarity of a match that the guest confirmed: above all that is measured.
CONFIRMED = 101.0


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as the pipeline sees it."""

    id: PhotoId
    event_id: EventId
    filename: str
    state: PhotoState

    @property
    def external_id(self) -> str:
        """The ExternalImageId: fixed, so that a retry adds nothing; opaque, as it may be logged."""
        return f"p:{self.id}"


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
    faces: int
    placeholder: str
    match: Shelf | None
    face_box: Box | None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Similarities (0..100) from which a match is `sure`, and from which it is `maybe`."""

    sure: float
    maybe: float


async def add(
    conn: Connection,
    event_id: EventId,
    *,
    digest: bytes,
    filename: str,
    width: int,
    height: int,
    taken_at: datetime | None,
    upload_token_id: TokenId | None,
    user_id: UserId | None,
) -> PhotoId | None:
    """Add a photo; None where the event has these bytes already."""
    try:
        photo_id: int | None = await conn.fetchval(
            """
            insert into photo (event_id, digest, filename, width, height, taken_at,
                               upload_token_id, account_id)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (event_id, digest) do nothing returning id""",
            event_id,
            digest,
            filename,
            width,
            height,
            taken_at,
            upload_token_id,
            user_id,
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    return None if photo_id is None else PhotoId(photo_id)


async def find_duplicate(
    conn: Connection, event_id: EventId, digest: bytes
) -> tuple[PhotoId, JobId | None] | None:
    """Return the photo of an event that has these bytes, with its job."""
    row = await conn.fetchrow(
        """
        select photo.id, (select max(job.id) from job where job.photo_id = photo.id) as job_id
          from photo where event_id = $1 and digest = $2""",
        event_id,
        digest,
    )
    return None if row is None else (PhotoId(row["id"]), row["job_id"])


async def get(conn: Connection, photo_id: PhotoId) -> Photo:
    """Return a photo; NotFound where there is none."""
    row = await conn.fetchrow(
        "select id, event_id, filename, state from photo where id = $1", photo_id
    )
    if row is None:
        raise NotFound
    return Photo(**{**row, "state": PhotoState(row["state"])})


async def mark_prepared(
    conn: Connection, photo_id: PhotoId, *, placeholder: str, width: int, height: int
) -> None:
    """Note that thumbnail and preview exist: guests may see the photo from now on."""
    await conn.execute(
        """
        update photo set visible = true, placeholder = $2, width = $3, height = $4,
                         state = case when state = 'indexed' then state else 'prepared' end
         where id = $1""",
        photo_id,
        placeholder,
        width,
        height,
    )


async def mark_failed(conn: Connection, photo_id: PhotoId, error: str) -> None:
    """Note why a photo cannot be processed."""
    await conn.execute(
        "update photo set state = 'failed', error = $2 where id = $1", photo_id, error
    )


async def save_faces(
    conn: Connection, photo: Photo, collection_id: str, result: IndexResult
) -> int:
    """Store what the engine found on a photo; done twice it is stored once.

    Return how many faces are new. They are numbered under the event's row lock, so that their
    order is the order of commits: what the coverage marks of matching rest on. NotFound where the
    photo was deleted meanwhile, CollectionSwitched where its faces are in the wrong collection by
    now.
    """
    event_id, photo_id = photo.event_id, photo.id
    if not await conn.fetchval("select true from photo where id = $1 for key share", photo_id):
        raise NotFound
    known = {
        row["engine_face_id"]
        for row in await conn.fetch("select engine_face_id from face where photo_id = $1", photo_id)
    }
    new = [face for face in result.faces if face.engine_face_id not in known]
    last: int | None = await conn.fetchval(
        """
        update event set last_face = last_face + $2 where id = $1 and collection_id = $3
        returning last_face""",
        event_id,
        len(new),
        collection_id,
    )
    if last is None:
        raise CollectionSwitched
    await conn.executemany(
        """
        insert into face (event_id, photo_id, engine_face_id, number, box_left, box_top, box_width,
                          box_height, confidence, brightness, sharpness, indexed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, clock_timestamp())""",
        [
            (
                event_id,
                photo_id,
                face.engine_face_id,
                number,
                face.box.left,
                face.box.top,
                face.box.width,
                face.box.height,
                face.confidence,
                face.brightness,
                face.sharpness,
            )
            for number, face in enumerate(new, start=last - len(new) + 1)
        ],
    )
    await conn.execute("delete from missed_face where photo_id = $1", photo_id)
    await conn.executemany(
        """
        insert into missed_face (photo_id, box_left, box_top, box_width, box_height, confidence,
                                 reasons)
        values ($1, $2, $3, $4, $5, $6, $7)""",
        [
            (
                photo_id,
                face.box.left,
                face.box.top,
                face.box.width,
                face.box.height,
                face.confidence,
                list(face.reasons),
            )
            for face in result.unindexed
        ],
    )
    await conn.execute(
        """
        update photo set state = 'indexed', error = null,
                         faces = (select count(*) from face where photo_id = $1) + $2
         where id = $1""",
        photo_id,
        len(result.unindexed),
    )
    return len(new)


async def list_mine(
    conn: Connection,
    guest_id: GuestId,
    thresholds: Thresholds,
    shelf: Shelf,
    *,
    before: PhotoId | None,
    limit: int,
) -> list[Listed]:
    """Return a shelf of a guest's photos, newest first, older than *before*."""
    low, high = _range(thresholds, shelf)
    rows = await conn.fetch(
        """
        with found as (
            select photo_id, face_id, similarity from match where guest_id = $1
            union all
            select photo_id, face_id, $6 from verdict where guest_id = $1 and says = 'me'),
        best as (
            select distinct on (photo_id) photo_id, face_id, similarity from found
             where not exists (select from verdict where guest_id = $1 and says = 'not_me'
                                  and verdict.photo_id = found.photo_id)
             order by photo_id desc, similarity desc)
        select photo.id, photo.event_id, filename, width, height, taken_at, uploaded_at, faces,
               placeholder, similarity, box_left, box_top, box_width, box_height
          from best join photo on photo.id = best.photo_id
               left join face on face.id = best.face_id
         where visible and similarity >= $2 and similarity < $3
           and ($4::bigint is null or photo.id < $4)
         order by photo.id desc limit $5""",
        guest_id,
        low,
        high,
        before,
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
    before: PhotoId | None,
    limit: int,
) -> list[Listed]:
    """Return an event's photos, newest first, older than *before*, with a guest's matches."""
    rows = await conn.fetch(
        """
        select photo.id, photo.event_id, filename, width, height, taken_at, uploaded_at, faces,
               placeholder, best.similarity, box_left, box_top, box_width, box_height
          from photo left join lateral (
                 select face_id, case says when 'me' then $5::real end as similarity from verdict
                  where guest_id = $2 and verdict.photo_id = photo.id
                  union all
                 (select face_id, similarity from match
                   where guest_id = $2 and match.photo_id = photo.id
                   order by similarity desc limit 1)
                  limit 1) as best on true
               left join face on face.id = best.face_id
         where photo.event_id = $1 and visible and ($3::bigint is null or photo.id < $3)
         order by photo.id desc limit $4""",
        event_id,
        guest_id,
        before,
        limit,
        CONFIRMED,
    )
    return [_listed(row, thresholds) for row in rows]


async def count_visible(conn: Connection, event_id: EventId) -> int:
    """Return how many photos of an event guests can see."""
    number: int = await conn.fetchval(
        "select count(*) from photo where event_id = $1 and visible", event_id
    )
    return number


async def list_all(
    conn: Connection, event_id: EventId, *, before: PhotoId | None, limit: int
) -> list[Record]:
    """Return an event's photos for the admin, whatever their state."""
    return await conn.fetch(
        """
        select id, event_id, filename, width, height, taken_at, uploaded_at, state, error, visible,
               faces, placeholder,
               (select count(distinct guest_id) from match where photo_id = photo.id) as guests
          from photo where event_id = $1 and ($2::bigint is null or id < $2)
         order by id desc limit $3""",
        event_id,
        before,
        limit,
    )


async def count_all(conn: Connection, event_id: EventId) -> int:
    """Return how many photos an event has."""
    number: int = await conn.fetchval("select count(*) from photo where event_id = $1", event_id)
    return number


async def may_see(
    conn: Connection, photo_id: PhotoId, user_id: UserId, maybe_threshold: float
) -> bool:
    """Whether a guest may see a photo: of an event they joined, all or (gallery `own`) theirs."""
    allowed: bool = await conn.fetchval(
        """
        select exists (
            select from photo
              join guest on guest.event_id = photo.event_id and guest.account_id = $2
              join event on event.id = photo.event_id
             where photo.id = $1 and photo.visible and (event.gallery = $4 or exists (
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


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deleted photo leaves behind in the engine."""

    event_id: EventId
    faces: Sequence[EngineFaceId]
    #: In the collection of a re-index that is under way.
    staged: Mapping[str, Sequence[EngineFaceId]]


async def delete(conn: Connection, photo_id: PhotoId) -> Deleted:
    """Remove a photo with its faces and matches; return the vectors to forget."""
    faces = await conn.fetch("select engine_face_id from face where photo_id = $1", photo_id)
    staged = await staging.vectors_of(conn, photo_ids=[photo_id])
    event_id = await conn.fetchval("delete from photo where id = $1 returning event_id", photo_id)
    if event_id is None:
        raise NotFound
    return Deleted(
        EventId(event_id), [EngineFaceId(row["engine_face_id"]) for row in faces], staged
    )


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
        faces=row["faces"],
        placeholder=row["placeholder"],
        match=match,
        face_box=None
        if match is None or row["box_left"] is None
        else Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"]),
    )
