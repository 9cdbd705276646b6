"""Whose faces an event keeps as vectors, and how it gives up those of strangers."""

from datetime import datetime

from findme.db import Connection
from findme.errors import Conflict
from findme.models import EngineFaceId, EventId, KeptFaces


class FacesDecided(Conflict):
    """This event keeps guests' faces only, and has photos: their other faces were never kept."""

    code = "faces_decided"


async def change(conn: Connection, event_id: EventId, wanted: KeptFaces) -> list[EngineFaceId]:
    """Keep these faces from now on; return the vectors for the caller to have deleted.

    The faces of photos become places alone. Guests' references stay, those taken from photos, too.
    FacesDecided if strangers' faces were to be kept in an event that has photos without them.
    """
    # waits for every transaction that stores an answer of the engine (events.lock), and those that
    # come later find the change
    before = await conn.fetchval("select kept_faces from event where id = $1 for update", event_id)
    if before is None or before == wanted:
        return []
    if wanted is KeptFaces.ALL and await conn.fetchval(
        "select exists (select from photo where event_id = $1)", event_id
    ):
        raise FacesDecided
    await conn.execute("update event set kept_faces = $2 where id = $1", event_id, wanted)
    if wanted is KeptFaces.ALL:
        return []
    rows = await conn.fetch(
        """
        select engine_face_id from face join event on event.id = face.event_id
         where event_id = $1 and face.generation = event.generation
           and engine_face_id is not null
           and not exists (select from reference where reference.event_id = $1
                              and reference.engine_face_id = face.engine_face_id)""",
        event_id,
    )
    await conn.execute(
        "update face set engine_face_id = null where event_id = $1 and engine_face_id is not null",
        event_id,
    )
    return [EngineFaceId(row["engine_face_id"]) for row in rows]


async def list_closed(conn: Connection) -> list[EventId]:
    """Return the events whose matching is closed and done, and that keep strangers' vectors yet."""
    rows = await conn.fetch(
        """
        select id from event join matching_close on event_id = id
         where kept_faces = 'all' and matching_close.closes_at < now()
           and exists (select from face where face.event_id = event.id
                          and engine_face_id is not null)
           and not exists (select from job
                            where job.event_id = event.id and state in ('queued', 'running')
                              and job.kind in ('index_photo', 'index_selfie', 'match_selfie',
                                               'match_event', 'reindex_event', 'group_faces'))
         order by id"""
    )
    return [EventId(row["id"]) for row in rows]


async def matching_closes(conn: Connection, event_id: EventId) -> datetime | None:
    """Return when an event's matching closes; None if the event is gone."""
    closes_at: datetime | None = await conn.fetchval(
        "select closes_at from matching_close where event_id = $1", event_id
    )
    return closes_at
