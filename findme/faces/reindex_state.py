"""How far a re-index of an event has come: an event's collections are counted by generations.

A re-index gives the event a new, empty collection with the next generation. Photos, faces and
references carry the generation of the collection that holds their vectors. Those of an earlier
generation are outdated: the re-index indexes them again, one after the other, while new photos and
selfies go straight into the new collection. A match stays until both of its ends are compared
again, so guests see their photos throughout; the row of a face that is found again is kept, with
the verdicts of guests and the edits of admins.
"""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from findme import db, queue
from findme.db import Connection, Pool
from findme.errors import CollectionRebuilding, CollectionSwitched, NotFound
from findme.models import EngineFaceId, Event, EventId, JobId, JobKind, PhotoId, SelfieId
from findme.queue import Dedupe
from findme.recognition.refusals import CollectionMissing, CollectionOutdated

#: Any fixed number: the advisory lock under which the next event is chosen.
NEXT_LOCK = 7_402_113


@dataclass(frozen=True, slots=True)
class Outdated:
    """The photos and selfies outside an event's present collection, the newest first."""

    photos: Sequence[PhotoId]
    selfies: Sequence[SelfieId]


@dataclass(frozen=True, slots=True)
class ReindexProgress:
    """The number of an event's indexed photos in its present collection, and of all of them."""

    id: EventId
    name: str
    done: int
    total: int


def new_collection_id() -> str:
    """Return a name for a collection: opaque, since a cloud's bills and logs may show it."""
    return f"findme-{uuid.uuid4().hex}"


async def give_new_collection(conn: Connection, event_id: EventId) -> str:
    """Give the event a new collection, which the first call that needs it creates; return the old.

    Then all vectors of the event are outdated. NotFound if the event is gone.
    """
    old: str | None = await conn.fetchval(
        "select collection_id from event where id = $1 for update", event_id
    )
    if old is None:
        raise NotFound
    await conn.execute(
        """
        update event set collection_id = $2, collection_ready = false, engine = null,
                         face_model = null, generation = generation + 1
         where id = $1""",
        event_id,
        new_collection_id(),
    )
    return old


async def begin(conn: Connection, event_id: EventId) -> None:
    """Give the event a new collection and have a job delete the old; NotFound if it is gone."""
    old = await give_new_collection(conn, event_id)
    # the job outlives the event, so it has the event in its payload; erasure receipts read it there
    await queue.enqueue(
        conn,
        JobKind.DELETE_COLLECTION,
        label=old,
        payload={"collection_id": old, "event_id": str(event_id)},
    )


async def request_reindex(conn: Connection, event_id: EventId) -> JobId:
    """Begin a re-index of the event and queue its job, unless one is under way."""
    # the row's lock prevents that another transaction begins one after the check
    await conn.execute("select from event where id = $1 for update", event_id)
    if not await queue.is_pending(conn, _dedupe(event_id).key):
        await begin(conn, event_id)
    return await _enqueue(conn, event_id)


async def enqueue_after_restore(conn: Connection, event_id: EventId) -> None:
    """Give a restored event a new collection and queue the job that fills it.

    The caller decides about the old collection: it may be in use elsewhere.
    """
    await give_new_collection(conn, event_id)
    await _enqueue(conn, event_id)


async def _enqueue(conn: Connection, event_id: EventId) -> JobId:
    return await queue.enqueue(
        conn, JobKind.REINDEX_EVENT, label="re-index", event_id=event_id, dedupe=_dedupe(event_id)
    )


def _dedupe(event_id: EventId) -> Dedupe:
    return Dedupe(f"{JobKind.REINDEX_EVENT}:{event_id}", while_running=True)


async def check_current(conn: Connection, reference_id: int) -> None:
    """Raise CollectionRebuilding if a reference's vector is not in the present collection yet."""
    outdated = await conn.fetchval(
        """
        select reference.generation < event.generation
          from reference join event on event.id = event_id where reference.id = $1""",
        reference_id,
    )
    if outdated:
        raise CollectionRebuilding


@asynccontextmanager
async def restart_if_missing(pool: Pool, event: Event) -> AsyncIterator[None]:
    """Begin a re-index if the engine lacks the event's collection, or it is of another model.

    This happens after a restore, and after an upgrade of the face model. CollectionSwitched then:
    the caller's work continues in the new collection. NotFound if the event was deleted.
    """
    try:
        yield
    except (CollectionMissing, CollectionOutdated) as problem:
        async with db.transaction(pool) as conn:
            named = await conn.fetchval(
                "select collection_id from event where id = $1 for update", event.id
            )
            if named is None:
                raise NotFound from problem
            # the name has changed: another transaction has begun a re-index already
            if named == event.collection_id:
                await begin(conn, event.id)
                await _enqueue(conn, event.id)
        raise CollectionSwitched from problem


async def outdated(conn: Connection, event_id: EventId, *, limit: int) -> Outdated:
    """Return up to *limit* photos and selfies whose vectors are of an earlier collection."""
    photos = await conn.fetch(
        """
        select photo.id from photo join event on event.id = event_id
         where event_id = $1 and photo.generation < event.generation
           and (state = 'indexed' or faces > 0)
         order by photo.id desc limit $2""",
        event_id,
        limit,
    )
    selfies = await conn.fetch(
        """
        select selfie_id from reference join event on event.id = event_id
         where event_id = $1 and kind = 'selfie' and reference.generation < event.generation
           -- without its picture it stays as it is, and its guest is asked for another one
           and exists (select from image where image.selfie_id = reference.selfie_id)
         order by selfie_id desc limit $2""",
        event_id,
        limit,
    )
    return Outdated(
        [PhotoId(row["id"]) for row in photos], [SelfieId(row["selfie_id"]) for row in selfies]
    )


async def renew_selfie(
    conn: Connection,
    event_id: EventId,
    collection_id: str,
    selfie_id: SelfieId,
    face: EngineFaceId | None,
) -> bool:
    """Give a selfie's reference its vector in the present collection; False if it is gone.

    Without a *face*, the present model finds none on the selfie, and the reference is deleted.
    CollectionSwitched if the event has switched to another collection since.
    """
    row = await conn.fetchrow(
        """
        update event set last_reference = last_reference + 1 where id = $1 and collection_id = $2
        returning last_reference, generation""",
        event_id,
        collection_id,
    )
    if row is None:
        raise CollectionSwitched
    if face is None:
        await conn.execute("delete from reference where selfie_id = $1", selfie_id)
        return True
    updated = await conn.execute(
        """
        update reference set engine_face_id = $2, number = $3, generation = $4, covered_upto = 0,
                             indexed_at = clock_timestamp()
         where selfie_id = $1""",
        selfie_id,
        face,
        row["last_reference"],
        row["generation"],
    )
    # the selfie's first search may have waited for this vector
    await queue.make_due(conn, event_id, [JobKind.MATCH_SELFIE])
    return bool(updated == "UPDATE 1")


async def enqueue_next(conn: Connection, engine: str, face_model: str | None) -> EventId | None:
    """Begin the re-index of the newest event of another engine or model; one at a time.

    Return the event, or None if a re-index is under way or no event needs one. Without a
    *face_model* the engines are compared alone.
    """
    await conn.execute("select pg_advisory_xact_lock($1)", NEXT_LOCK)
    event_id: int | None = await conn.fetchval(
        """
        select id from event
         where collection_ready
           and (engine is distinct from $1
                or $2::text is not null and face_model is distinct from $2)
           and not exists (select from job
                            where kind = 'reindex_event' and state in ('queued', 'running'))
         order by coalesce(starts_at, created_at) desc, id desc limit 1""",
        engine,
        face_model,
    )
    if event_id is None:
        return None
    await request_reindex(conn, EventId(event_id))
    return EventId(event_id)


async def count_waiting(conn: Connection) -> int:
    """Return how many events follow the one whose re-index by a new engine or model runs."""
    number: int = await conn.fetchval(
        """
        select count(*) from event
         where collection_ready
           and exists (select from job join event as ahead on ahead.id = job.event_id
                        where job.kind = 'reindex_event' and job.state in ('queued', 'running')
                          and ahead.id <> event.id and ahead.collection_ready
                          and (ahead.engine, ahead.face_model)
                              is distinct from (event.engine, event.face_model))"""
    )
    return number


async def list_progress(conn: Connection) -> list[ReindexProgress]:
    """Return the events that are being re-indexed, the newest first."""
    rows = await conn.fetch(
        """
        select event.id, event.name, count(*) as total,
               count(*) filter (where photo.generation = event.generation) as done
          from job join event on event.id = job.event_id
          left join photo on photo.event_id = event.id
                         and (photo.state = 'indexed' or photo.faces > 0)
         where job.kind = 'reindex_event' and job.state in ('queued', 'running')
         group by event.id order by event.id desc"""
    )
    return [
        ReindexProgress(EventId(row["id"]), row["name"], row["done"], row["total"]) for row in rows
    ]
