"""The contact sheet: an event's photos in the views of the organiser, and the details of one.

No statement here touches the tables of pictures.
"""

from dataclasses import dataclass
from enum import StrEnum

from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import EventId, PhotoId

#: Jobs of a photo that are shown, the newest first.
MOST_JOBS = 10


class View(StrEnum):
    """A selection of an event's photos."""

    ALL = "all"
    WAITING = "waiting"
    SHOWN = "shown"
    HIDDEN = "hidden"
    FAILED = "failed"
    WORKING = "working"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class PhotoDetails:
    """A photo with its faces, missed faces, guests and jobs; the statements name the columns."""

    photo: Record
    faces: list[Record]
    missed: list[Record]
    guests: list[Record]
    jobs: list[Record]


async def list_view(
    conn: Connection, event_id: EventId, view: View, *, before: PhotoId | None, limit: int
) -> list[Record]:
    """Return the photos of a view, newest first, older than *before*."""
    return await conn.fetch(
        """
        select id, event_id, filename, width, height, taken_at, uploaded_at, credit, state, error,
               ready_at is not null as ready, review, visible, faces, placeholder,
               (select count(*) from photo_guest
                 where photo_id = photo.id and shelf is not null) as guests,
               (select count(*) from missed_face where photo_id = photo.id) as missed
          from photo
         where event_id = $1 and ($3::bigint is null or id < $3)
           and case $2::text when 'waiting' then review = 'waiting'
                             when 'shown' then visible
                             when 'hidden' then review = 'hidden'
                             when 'failed' then state = 'failed'
                             when 'working' then state in ('received', 'prepared')
                             when 'missed' then exists (
                                 select from missed_face where photo_id = photo.id)
                             else true end
         order by id desc limit $4""",
        event_id,
        view,
        before,
        limit,
    )


async def count_views(conn: Connection, event_id: EventId) -> dict[View, int]:
    """Return the number of photos in each view of an event."""
    row = await conn.fetchrow(
        """
        select count(*) as all, count(*) filter (where review = 'waiting') as waiting,
               count(*) filter (where visible) as shown,
               count(*) filter (where review = 'hidden') as hidden,
               count(*) filter (where state = 'failed') as failed,
               count(*) filter (where state in ('received', 'prepared')) as working,
               count(*) filter (where exists (
                   select from missed_face where photo_id = photo.id)) as missed
          from photo where event_id = $1""",
        event_id,
    )
    assert row is not None
    return {view: row[view] for view in View}


async def read_details(conn: Connection, photo_id: PhotoId) -> PhotoDetails:
    """Return a photo with its faces, the guests whom it shows or who rejected it, and its jobs.

    NotFound if there is none.
    """
    photo = await conn.fetchrow(
        """
        select id, event_id, filename, width, height, taken_at, uploaded_at, credit, state, error,
               ready_at is not null as ready, review, visible, faces, placeholder,
               (select count(*) from photo_guest
                 where photo_id = photo.id and shelf is not null) as guests,
               (select count(*) from missed_face where photo_id = photo.id) as missed
          from photo where id = $1""",
        photo_id,
    )
    if photo is None:
        raise NotFound
    faces = await conn.fetch(
        """
        select face.id, box_left, box_top, box_width, box_height, confidence,
               person.id as person_id, person.name as person_name
          from face left join person_face on person_face.face_id = face.id
               left join person on person.id = person_face.person_id
         where photo_id = $1 order by box_left, face.id""",
        photo_id,
    )
    missed = await conn.fetch(
        """
        select box_left, box_top, box_width, box_height, confidence, reasons
          from missed_face where photo_id = $1 order by box_left, id""",
        photo_id,
    )
    guests = await conn.fetch(
        """
        select account.id as user_id, account.name, similarity, says, shelf, face_id
          from photo_guest join guest on guest.id = guest_id
          join account on account.id = guest.account_id
         where photo_id = $1 and (shelf is not null or says is not null)
         order by similarity desc nulls last, account.id""",
        photo_id,
    )
    jobs = await conn.fetch(
        """
        select job.id, kind, job.state, attempts - interruptions as attempts, $2::text as filename,
               photo_id, event_id, error, created_at, started_at, finished_at,
               coalesce((payload->>'thorough')::boolean, false) as thorough
          from job where photo_id = $1 order by id desc limit $3""",
        photo_id,
        photo["filename"],
        MOST_JOBS,
    )
    return PhotoDetails(photo, faces, missed, guests, jobs)


async def only_of(conn: Connection, event_id: EventId, photo_ids: list[PhotoId]) -> list[PhotoId]:
    """Return those of the photos that belong to the event, the oldest first."""
    rows = await conn.fetch(
        "select id from photo where event_id = $1 and id = any($2) order by id", event_id, photo_ids
    )
    return [PhotoId(row["id"]) for row in rows]


async def beside(
    conn: Connection, event_id: EventId, photo_id: PhotoId
) -> tuple[PhotoId | None, PhotoId | None]:
    """Return the next newer and the next older photo of an event."""
    row = await conn.fetchrow(
        """
        select (select min(id) from photo where event_id = $1 and id > $2) as newer,
               (select max(id) from photo where event_id = $1 and id < $2) as older""",
        event_id,
        photo_id,
    )
    assert row is not None
    return row["newer"], row["older"]
