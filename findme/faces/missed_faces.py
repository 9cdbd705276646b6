"""Missed faces: faces that the engine saw and did not keep, the reasons, and a thorough retry."""

from dataclasses import dataclass

from findme import queue
from findme.db import Connection, Record
from findme.errors import Conflict, NotFound
from findme.models import EventId, JobId, JobKind, PhotoId


@dataclass(frozen=True, slots=True)
class Sum:
    """An event's missed faces; one face may have several reasons."""

    faces: int
    photos: int
    by_reason: dict[str, int]


async def sum_of(conn: Connection, event_id: EventId) -> Sum:
    """Return how many faces of an event were missed, and why."""
    rows = await conn.fetch(
        """
        select reason, count(*) as faces
          from photo join missed_face on missed_face.photo_id = photo.id
               cross join unnest(reasons) as reason
         where event_id = $1 group by reason order by faces desc, reason""",
        event_id,
    )
    whole = await conn.fetchrow(
        """
        select count(*) as faces, count(distinct photo_id) as photos
          from photo join missed_face on missed_face.photo_id = photo.id where event_id = $1""",
        event_id,
    )
    assert whole is not None
    return Sum(whole["faces"], whole["photos"], {row["reason"]: row["faces"] for row in rows})


async def list_of_photos(conn: Connection, photo_ids: list[PhotoId]) -> dict[PhotoId, list[Record]]:
    """Return the missed faces of photos: box, confidence (0..100) and reasons of each."""
    rows = await conn.fetch(
        """
        select photo_id, box_left, box_top, box_width, box_height, confidence, reasons
          from missed_face where photo_id = any($1) order by id""",
        photo_ids,
    )
    found: dict[PhotoId, list[Record]] = {photo_id: [] for photo_id in photo_ids}
    for row in rows:
        found[row["photo_id"]].append(row)
    return found


async def list_photos(
    conn: Connection, event_id: EventId, *, before: PhotoId | None, limit: int
) -> list[Record]:
    """Return the photos of an event with missed faces: id and filename, newest first."""
    return await conn.fetch(
        """
        select id, filename from photo
         where event_id = $1 and ($2::bigint is null or id < $2)
           and exists (select from missed_face where photo_id = photo.id)
         order by id desc limit $3""",
        event_id,
        before,
        limit,
    )


async def try_again(
    conn: Connection, photo_id: PhotoId, *, thorough: bool
) -> tuple[JobId, EventId]:
    """Enqueue another indexing of a photo; *thorough*: of every face, however bad.

    Return the job and the photo's event. NotFound if there is no such photo, Conflict if it is
    being processed.
    """
    # the event before its photo (see events.lock)
    await conn.execute(
        "select from event where id = (select event_id from photo where id = $1) for key share",
        photo_id,
    )
    photo = await conn.fetchrow(
        "select event_id, filename from photo where id = $1 for update", photo_id
    )
    if photo is None:
        raise NotFound
    if await conn.fetchval(
        """
        select exists (select from job where photo_id = $1 and kind = 'index_photo'
                          and state in ('queued', 'running'))""",
        photo_id,
    ):
        raise Conflict("This photo is being worked on.")
    event_id = EventId(photo["event_id"])
    job_id = await queue.enqueue(
        conn,
        JobKind.INDEX_PHOTO,
        label=photo["filename"],
        event_id=event_id,
        photo_id=photo_id,
        payload={"thorough": True} if thorough else None,
    )
    return job_id, event_id
