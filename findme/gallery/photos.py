"""Photos: uploaded, prepared, indexed, reviewed, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from findme.db import Connection, Record
from findme.errors import CollectionSwitched, NotFound
from findme.faces import stored_faces
from findme.faces.stored_faces import Merged
from findme.models import (
    EngineFaceId,
    Event,
    EventId,
    JobId,
    PhotoId,
    PhotoState,
    Review,
    TokenId,
    UserId,
)
from findme.recognition.types import IndexResult


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPhoto:
    """An upload that becomes a photo."""

    #: SHA-256 of the bytes.
    digest: bytes
    filename: str
    #: Pixels, upright.
    width: int
    height: int
    taken_at: datetime | None = None
    #: The uploader: an upload token, or an account.
    upload_token_id: TokenId | None = None
    user_id: UserId | None = None
    #: The photographer's name.
    credit: str | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as the jobs see it."""

    id: PhotoId
    event_id: EventId
    filename: str
    state: PhotoState
    #: Pixels, upright.
    width: int
    height: int

    @property
    def external_id(self) -> str:
        """The ExternalImageId: fixed, so that a retry adds nothing; opaque, as it may be logged."""
        return f"p:{self.id}"


async def add(conn: Connection, event_id: EventId, photo: NewPhoto) -> PhotoId | None:
    """Add a photo; None if the event has these bytes already, NotFound if the event is deleted.

    If the event requires approval, the photo waits for it.
    """
    try:
        photo_id: int | None = await conn.fetchval(
            """
            insert into photo (event_id, digest, filename, width, height, taken_at,
                               upload_token_id, account_id, credit, review)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce((
                select 'waiting' from event where id = $1 and publish = 'after_approval'), 'shown'))
            on conflict (event_id, digest) do nothing returning id""",
            event_id,
            photo.digest,
            photo.filename,
            photo.width,
            photo.height,
            photo.taken_at,
            photo.upload_token_id,
            photo.user_id,
            photo.credit,
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


async def list_known(
    conn: Connection, event_id: EventId, digests: Sequence[bytes]
) -> dict[bytes, PhotoId]:
    """Return the photo ids of the hashes (SHA-256) that an event has already."""
    rows = await conn.fetch(
        "select digest, id from photo where event_id = $1 and digest = any($2::bytea[])",
        event_id,
        digests,
    )
    return {row["digest"]: PhotoId(row["id"]) for row in rows}


async def list_unseen(
    conn: Connection, event_id: EventId, digests: Sequence[bytes]
) -> dict[bytes, str | None]:
    """Return, for the hashes of photos without a picture, the error, or None while they wait."""
    rows = await conn.fetch(
        """
        select digest, case when state = 'failed' then coalesce(error, '') end as error
          from photo where event_id = $1 and digest = any($2::bytea[]) and ready_at is null
                       and state in ('received', 'failed')""",
        event_id,
        digests,
    )
    return {row["digest"]: row["error"] for row in rows}


async def get(conn: Connection, photo_id: PhotoId) -> Photo:
    """Return a photo; NotFound if there is none."""
    row = await conn.fetchrow(
        "select id, event_id, filename, state, width, height from photo where id = $1", photo_id
    )
    if row is None:
        raise NotFound
    return Photo(**{**row, "state": PhotoState(row["state"])})


async def mark_prepared(
    conn: Connection, photo_id: PhotoId, *, placeholder: str, width: int, height: int
) -> None:
    """Record that thumbnail and preview exist: guests may see the photo, unless it is held back."""
    await conn.execute(
        """
        update photo set ready_at = coalesce(ready_at, now()), placeholder = $2, width = $3,
                         height = $4,
                         state = case when state = 'indexed' then state else 'prepared' end
         where id = $1""",
        photo_id,
        placeholder,
        width,
        height,
    )


async def mark_failed(conn: Connection, photo_id: PhotoId, error: str) -> None:
    """Record why a photo cannot be processed; a photo that was indexed before keeps its faces."""
    await conn.execute(
        "update photo set state = 'failed', error = $2 where id = $1 and state <> 'indexed'",
        photo_id,
        error,
    )


async def reset_failed(conn: Connection, job_ids: Sequence[JobId]) -> None:
    """Set the photos that failed with these jobs back to the state in which they waited."""
    await conn.execute(
        """
        update photo set state = case when ready_at is null then 'received' else 'prepared' end,
                         error = null
         where state = 'failed' and id in (select photo_id from job where id = any($1))""",
        job_ids,
    )


async def save_faces(conn: Connection, photo: Photo, event: Event, result: IndexResult) -> Merged:
    """Store the faces that the engine found on a photo; idempotent.

    The caller deletes the dropped vectors. NotFound if the photo was deleted meanwhile,
    CollectionSwitched if the event has another collection since, or keeps other faces.
    """
    if not await conn.fetchval("select true from photo where id = $1 for key share", photo.id):
        raise NotFound
    # the lock under which the faces are numbered (see faces.merge)
    if not await conn.fetchval(
        """
        select true from event where id = $1 and collection_id = $2 and kept_faces = $3
           for no key update""",
        photo.event_id,
        event.collection_id,
        event.faces,
    ):
        raise CollectionSwitched
    return await stored_faces.merge(conn, photo.event_id, photo.id, result)


async def list_all(
    conn: Connection,
    event_id: EventId,
    *,
    before: PhotoId | None,
    limit: int,
    review: Review | None = None,
) -> list[Record]:
    """Return an event's photos in all states for the admin, or those of one review."""
    return await conn.fetch(
        """
        select id, event_id, filename, width, height, taken_at, uploaded_at, state, error,
               ready_at is not null as ready, review, faces, placeholder,
               (select count(*) from photo_guest
                 where photo_id = photo.id and shelf is not null) as guests
          from photo where event_id = $1 and ($2::bigint is null or id < $2)
                       and ($4::text is null or review = $4)
         order by id desc limit $3""",
        event_id,
        before,
        limit,
        review,
    )


async def count_all(conn: Connection, event_id: EventId, *, review: Review | None = None) -> int:
    """Return the number of an event's photos, or of those of one review."""
    number: int = await conn.fetchval(
        "select count(*) from photo where event_id = $1 and ($2::text is null or review = $2)",
        event_id,
        review,
    )
    return number


async def review(
    conn: Connection, photo_ids: Sequence[PhotoId], word: Review
) -> dict[PhotoId, EventId]:
    """Set the review of photos; return those that change, with their events.

    A photo that becomes visible is new to the guests from then on. NotFound, and nothing changes,
    if one of them does not exist.
    """
    await _lock_events(conn, photo_ids)
    # in the order of their ids, so that two transactions cannot deadlock
    found = await conn.fetch(
        "select id, event_id, review from photo where id = any($1) order by id for no key update",
        photo_ids,
    )
    if len(found) < len(set(photo_ids)):
        raise NotFound
    changed = {
        PhotoId(row["id"]): EventId(row["event_id"]) for row in found if row["review"] != word
    }
    await conn.execute(
        """
        update photo set review = $2,
                         approved_at = case when $2 = 'shown' then now() else approved_at end
         where id = any($1)""",
        list(changed),
        word,
    )
    return changed


async def only_visible(conn: Connection, photo_ids: Sequence[PhotoId]) -> list[PhotoId]:
    """Return those of the photos that guests can see, the oldest first."""
    rows = await conn.fetch(
        "select id from photo where id = any($1) and visible order by id", photo_ids
    )
    return [PhotoId(row["id"]) for row in rows]


@dataclass(frozen=True, slots=True)
class DeletedPhoto:
    """The vectors of a deleted photo, which are left in the engine."""

    event_id: EventId
    faces: Sequence[EngineFaceId]


async def delete(conn: Connection, photo_id: PhotoId) -> DeletedPhoto:
    """Delete a photo with its faces and matches; return the vectors to delete."""
    await _lock_events(conn, [photo_id])
    # waits for a transaction that stores its faces, so that none is left out below
    await conn.execute("select from photo where id = $1 for update", photo_id)
    rows = await conn.fetch(
        "select engine_face_id from face where photo_id = $1 and engine_face_id is not null",
        photo_id,
    )
    event_id = await conn.fetchval("delete from photo where id = $1 returning event_id", photo_id)
    if event_id is None:
        raise NotFound
    return DeletedPhoto(EventId(event_id), [EngineFaceId(row["engine_face_id"]) for row in rows])


async def _lock_events(conn: Connection, photo_ids: Sequence[PhotoId]) -> None:
    """Lock the events of those photos that exist for key share (see events.lock)."""
    await conn.execute(
        """
        select from event where id in (select event_id from photo where id = any($1))
         order by id for key share""",
        photo_ids,
    )
