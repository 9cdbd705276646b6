"""Requests of people who are no guests to be kept out of an event's gallery.

A request holds a selfie until it is compared with the photos that are there, and then goes. What
stays is a report of each photo, with no word of who asked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from findme import queue
from findme.db import Connection
from findme.gallery import photos
from findme.models import Box, EngineFaceId, EventId, FaceId, JobKind, PhotoId, Review
from findme.queue import Dedupe

#: Photos that one request takes out of the gallery at most, the most similar or newest ones.
MOST_PHOTOS = 100
#: Seconds until the selfie is removed from the database's files too.
TRACES_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class KeepOut:
    """A request whose selfie is not compared yet, or in part."""

    id: int
    event_id: EventId
    jpeg: bytes
    #: The last photo that it was compared with; they are taken from the newest on.
    down_to: PhotoId | None
    found: int


@dataclass(frozen=True, slots=True)
class PhotoFaces:
    """A photo and the places of its faces."""

    id: PhotoId
    faces: Sequence[tuple[FaceId, Box]]


async def add(conn: Connection, event_id: EventId, jpeg: bytes) -> None:
    """Store a request, and queue the job that compares its selfie."""
    request_id = await conn.fetchval(
        "insert into keep_out (event_id, jpeg) values ($1, $2) returning id", event_id, jpeg
    )
    await queue.enqueue(
        conn,
        JobKind.KEEP_OUT,
        label="keep out",
        event_id=event_id,
        payload={"request_id": request_id},
    )


async def find(conn: Connection, request_id: int) -> KeepOut | None:
    """Return a request; None if it is done."""
    row = await conn.fetchrow(
        "select id, event_id, jpeg, down_to, found from keep_out where id = $1", request_id
    )
    return None if row is None else KeepOut(**row)


async def remove(conn: Connection, request_id: int) -> None:
    """Delete a request with its selfie, and have a job remove its bytes from the files."""
    deleted = await conn.execute("delete from keep_out where id = $1", request_id)
    if deleted != "DELETE 0":
        await queue.enqueue(
            conn,
            JobKind.REMOVE_TRACES,
            label="remove traces",
            delay=TRACES_SECONDS,
            dedupe=Dedupe("remove_traces"),
        )


async def note_progress(conn: Connection, request_id: int, down_to: PhotoId, found: int) -> None:
    """Record down to which photo a request is compared, and how many more photos it found."""
    await conn.execute(
        "update keep_out set down_to = $2, found = found + $3 where id = $1",
        request_id,
        down_to,
        found,
    )


async def searchable(conn: Connection, event_id: EventId) -> bool:
    """Whether every face of the event's photos is a vector in its present collection."""
    whole: bool = await conn.fetchval(
        """
        select kept_faces = 'all' and collection_ready
               and not exists (select from face where event_id = event.id
                                  and (engine_face_id is null
                                       or face.generation < event.generation))
          from event where id = $1""",
        event_id,
    )
    return whole


async def faces_of(
    conn: Connection, event_id: EventId, vectors: Sequence[EngineFaceId]
) -> list[tuple[PhotoId, FaceId]]:
    """Return the faces of photos that have these vectors, in this order."""
    rows = await conn.fetch(
        """
        select photo_id, face.id from unnest($2::text[]) with ordinality as found (vector, place)
          join face on face.event_id = $1 and face.engine_face_id = found.vector
         order by place""",
        event_id,
        vectors,
    )
    return [(PhotoId(row["photo_id"]), FaceId(row["id"])) for row in rows]


async def next_photos(
    conn: Connection, event_id: EventId, before: PhotoId | None, *, limit: int
) -> list[PhotoFaces]:
    """Return the next photos that have faces, the newest first."""
    rows = await conn.fetch(
        """
        with chosen as (
            select id from photo
             where event_id = $1 and ($2::bigint is null or id < $2)
               and exists (select from face where photo_id = photo.id)
             order by id desc limit $3)
        select photo_id, face.id, box_left, box_top, box_width, box_height
          from chosen join face on photo_id = chosen.id order by photo_id desc, face.id""",
        event_id,
        before,
        limit,
    )
    found: dict[PhotoId, list[tuple[FaceId, Box]]] = {}
    for row in rows:
        box = Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"])
        found.setdefault(PhotoId(row["photo_id"]), []).append((FaceId(row["id"]), box))
    return [PhotoFaces(photo_id, faces) for photo_id, faces in found.items()]


async def hide(conn: Connection, faces: Collection[tuple[PhotoId, FaceId]], *, most: int) -> int:
    """Let up to *most* photos of these faces wait for the organiser, each with a report.

    Faces that are a guest's are not the asker's: they do not count. Photos that guests do not see
    anyway stay as they are. Return how many photos wait now.
    """
    guests_own = await conn.fetch(
        "select face_id from photo_guest where photo_id = any($1) and shelf = 'sure'",
        [photo_id for photo_id, _ in faces],
    )
    taken = {row["face_id"] for row in guests_own}
    wanted = list(dict.fromkeys(photo for photo, face in faces if face not in taken))
    shown = await conn.fetch(
        "select id from photo where id = any($1) and review = 'shown' order by id", wanted
    )
    seen = {row["id"] for row in shown}
    hidden = [photo_id for photo_id in wanted if photo_id in seen][:most]
    await photos.review(conn, hidden, Review.WAITING)
    await conn.execute(
        """
        insert into report (photo_id, reason)
        select id, 'keep_out' from unnest($1::bigint[]) as id
         where not exists (select from report where photo_id = id and reason = 'keep_out'
                              and settled_at is null)""",
        hidden,
    )
    return len(hidden)
