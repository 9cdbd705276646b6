"""What a re-index has found so far, and the switch to it.

The second collection is filled beside the first, which goes on being used; each answer is kept, so
that an interrupted re-index goes on where it stopped. The switch keeps the rows of faces that are
seen again: what guests and admins said of them holds.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import asyncpg
import orjson

from findme import db, queue
from findme.db import Connection, Pool
from findme.errors import CollectionRebuilding, NotFound
from findme.faces import stored_faces
from findme.faces.sweep_requests import enqueue_sweep
from findme.models import Box, EngineFaceId, Event, EventId, JobId, JobKind, PhotoId, SelfieId
from findme.queue import Dedupe
from findme.recognition.types import IndexedFace, IndexResult, UnindexedFace
from findme.rekognition import CollectionMissing

#: The kinds of jobs that wait if the event's collection is missing.
_WAIT_FOR_COLLECTION = (JobKind.INDEX_PHOTO, JobKind.INDEX_SELFIE, JobKind.MATCH_SELFIE)


async def request_reindex(conn: Connection, event_id: EventId) -> JobId:
    """Queue a re-index of the event; return the one that waits or runs, if there is one."""
    return await queue.enqueue(
        conn,
        JobKind.REINDEX_EVENT,
        label="re-index",
        event_id=event_id,
        dedupe=Dedupe(f"{JobKind.REINDEX_EVENT}:{event_id}", while_running=True),
    )


@dataclass(frozen=True, slots=True)
class Missing:
    """What the second collection lacks still."""

    photos: Sequence[PhotoId]
    selfies: Sequence[SelfieId]


@asynccontextmanager
async def rebuilt_if_missing(pool: Pool, event: Event) -> AsyncIterator[None]:
    """Ask for a re-index where the engine does not have the event's collection (any more).

    As after a restore, or a change of the engine. CollectionRebuilding then, and NotFound where the
    event was deleted, since its collection goes with it.
    """
    try:
        yield
    except CollectionMissing as problem:
        async with db.transaction(pool) as conn:
            named = await conn.fetchval(
                "select collection_id from event where id = $1 for key share", event.id
            )
            if named is None:
                raise NotFound from problem
            # another one by now: a re-index was faster than we
            if named == event.collection_id:
                await request_reindex(conn, event.id)
        raise CollectionRebuilding from problem


async def begin(conn: Connection, event_id: EventId, collection_id: str) -> str:
    """Give the event a second collection, if it has none yet; return its name."""
    name: str | None = await conn.fetchval(
        """
        update event set next_collection_id = coalesce(next_collection_id, $2)
         where id = $1 returning next_collection_id""",
        event_id,
        collection_id,
    )
    if name is None:
        raise NotFound
    return name


async def missing(
    conn: Connection, event_id: EventId, collection_id: str, *, limit: int
) -> Missing:
    """Return up to *limit* photos and selfies that are in the first collection only."""
    photos = await conn.fetch(
        """
        select id from photo where event_id = $1 and state = 'indexed'
           and not exists (select from reindexed
                            where reindexed.collection_id = $2 and photo_id = photo.id)
         order by id limit $3""",
        event_id,
        collection_id,
        limit,
    )
    selfies = await conn.fetch(
        """
        select selfie_id as id from reference where event_id = $1 and kind = 'selfie'
           and not exists (select from reindexed where reindexed.collection_id = $2
                              and reindexed.selfie_id = reference.selfie_id)
         order by id limit $3""",
        event_id,
        collection_id,
        limit,
    )
    return Missing([row["id"] for row in photos], [row["id"] for row in selfies])


async def keep(
    conn: Connection,
    event_id: EventId,
    collection_id: str,
    result: IndexResult,
    *,
    photo_id: PhotoId | None = None,
    selfie_id: SelfieId | None = None,
) -> bool:
    """Keep an answer of the engine; False where the photo or selfie is gone."""
    try:
        async with conn.transaction():
            await conn.execute(
                """
                insert into reindexed (event_id, collection_id, photo_id, selfie_id, result)
                values ($1, $2, $3, $4, $5) on conflict do nothing""",
                event_id,
                collection_id,
                photo_id,
                selfie_id,
                orjson.dumps(asdict(result)).decode(),
            )
    except asyncpg.ForeignKeyViolationError:
        return False
    return True


async def vectors_of(
    conn: Connection, *, photo_ids: Sequence[PhotoId] = (), selfie_ids: Sequence[SelfieId] = ()
) -> dict[str, list[EngineFaceId]]:
    """Return what second collections hold of photos and selfies that are about to go."""
    rows = await conn.fetch(
        """
        select collection_id, result from reindexed
         where photo_id = any($1) or selfie_id = any($2)""",
        list(photo_ids),
        list(selfie_ids),
    )
    vectors: dict[str, list[EngineFaceId]] = {}
    for row in rows:
        faces = _result(row["result"]).faces
        vectors.setdefault(row["collection_id"], []).extend(face.engine_face_id for face in faces)
    return vectors


async def switch(conn: Connection, event_id: EventId, collection_id: str, engine: str) -> bool:
    """Make the second collection the event's, in the caller's transaction.

    False where something is missing in it by now. Matches stay until the sweep that this asks for
    has found them again; the first collection is deleted by a job.
    """
    old = await conn.fetchval(
        "select collection_id from event where id = $1 and next_collection_id = $2 for update",
        event_id,
        collection_id,
    )
    if old is None:
        raise NotFound
    left = await missing(conn, event_id, collection_id, limit=1)
    if left.photos or left.selfies:
        return False
    rows = await conn.fetch(
        "select photo_id, selfie_id, result from reindexed where collection_id = $1", collection_id
    )
    for row in rows:
        result = _result(row["result"])
        if row["photo_id"] is not None:
            await stored_faces.merge(conn, event_id, row["photo_id"], result)
        elif result.faces:
            await conn.execute(
                "update reference set engine_face_id = $2 where selfie_id = $1",
                row["selfie_id"],
                result.faces[0].engine_face_id,
            )
        else:
            # the new engine sees nobody on this selfie: nothing can be searched from it
            await conn.execute("delete from reference where selfie_id = $1", row["selfie_id"])
    await conn.execute("update face set covered_upto = 0 where event_id = $1", event_id)
    await conn.execute("update reference set covered_upto = 0 where event_id = $1", event_id)
    await conn.execute("delete from reindexed where event_id = $1", event_id)
    await conn.execute(
        """
        update event set collection_id = $2, next_collection_id = null, collection_ready = true,
                         generation = generation + 1, engine = $3
         where id = $1""",
        event_id,
        collection_id,
        engine,
    )
    await queue.enqueue(conn, JobKind.DELETE_COLLECTION, label=old, payload={"collection_id": old})
    await enqueue_sweep(conn, event_id, delay=0, latest=0)
    await queue.make_due(conn, event_id, _WAIT_FOR_COLLECTION)
    return True


def _result(text: str) -> IndexResult:
    data: dict[str, list[dict[str, Any]]] = orjson.loads(text)
    return IndexResult(
        faces=[IndexedFace(**{**face, "box": Box(**face["box"])}) for face in data["faces"]],
        unindexed=[
            UnindexedFace(**{**face, "box": Box(**face["box"])}) for face in data["unindexed"]
        ],
    )
