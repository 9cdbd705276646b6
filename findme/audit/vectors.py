"""The engine's vectors against the rows that know them.

Between the engine's answer and the commit, a running service has a vector that no row knows, or
the reverse. So what differs is asked for again, and only what differs twice is found.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from findme.audit.finding import Finding
from findme.db import Connection

if TYPE_CHECKING:
    from types_aiobotocore_rekognition import RekognitionClient

#: The vectors of each collection.
Held = Mapping[str, Set[str]]
#: Returns what the engine holds.
AskEngine = Callable[[], Awaitable[Held]]

#: Seconds until what differs is asked for again.
AGAIN_SECONDS = 3.0
#: Collections of ours; others on an AWS account are nobody's business.
PREFIX = "findme-"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database knows."""

    #: The vectors of each event's collection.
    wanted: Held
    #: Vectors and collections that jobs have still to delete.
    leaving: Held
    #: Collections that are being filled again: the engine has not all of their vectors yet.
    filling: Set[str]


async def compare(
    conn: Connection, ask: AskEngine, *, seconds: float | None = None
) -> set[Finding]:
    """Return the vectors and collections that only one side knows."""
    first = await _differences(conn, ask)
    if not first:
        return first
    await asyncio.sleep(AGAIN_SECONDS if seconds is None else seconds)
    return first & await _differences(conn, ask)


async def _differences(conn: Connection, ask: AskEngine) -> set[Finding]:
    held = await ask()
    known = await _read_known(conn)
    found = set()
    for collection, vectors in held.items():
        if collection in known.wanted:
            extra = vectors - known.wanted[collection] - known.leaving.get(collection, set())
            found |= {Finding("vector of nobody", f"{each} in {collection}") for each in extra}
        elif collection not in known.leaving and collection.startswith(PREFIX):
            number = f"{collection}, {len(vectors)} vectors"
            found.add(Finding("collection of no event", number))
    for collection, vectors in known.wanted.items():
        if collection not in known.filling:
            missing = vectors - held.get(collection, set())
            found |= {Finding("vector that is missing", f"{v} in {collection}") for v in missing}
    return found


async def _read_known(conn: Connection) -> _Known:
    rows = await conn.fetch(
        """
        select collection_id,
               array(select engine_face_id from face
                      where event_id = event.id and face.generation = event.generation
                        and engine_face_id is not null
                     union
                     select engine_face_id from reference
                      where event_id = event.id and reference.generation = event.generation)
                   as vectors,
               exists (select from job where event_id = event.id and state in ('queued', 'running')
                          and kind in ('reindex_event', 'index_photo', 'index_selfie')) as filling
          from event"""
    )
    leaving = await conn.fetch(
        """
        select payload->>'collection_id' as collection_id,
               array(select jsonb_array_elements_text(payload->'face_ids')) as vectors
          from job where kind in ('forget_faces', 'delete_collection') and state <> 'done'"""
    )
    gone: dict[str, set[str]] = {}
    for row in leaving:
        gone.setdefault(row["collection_id"], set()).update(row["vectors"])
    return _Known(
        wanted={row["collection_id"]: set(row["vectors"]) for row in rows},
        leaving=gone,
        filling={row["collection_id"] for row in rows if row["filling"]},
    )


async def held_by_client(client: "RekognitionClient") -> Held:
    """Return what an engine behind Rekognition's protocol holds, of our collections."""
    names = [
        name
        async for page in client.get_paginator("list_collections").paginate()
        for name in page["CollectionIds"]
        if name.startswith(PREFIX)
    ]
    return {name: await _vectors_of(client, name) for name in names}


async def _vectors_of(client: "RekognitionClient", collection: str) -> set[str]:
    try:
        pages = client.get_paginator("list_faces").paginate(CollectionId=collection)
        return {face["FaceId"] async for page in pages for face in page["Faces"]}
    except client.exceptions.ResourceNotFoundException:  # deleted meanwhile
        return set()


async def held_by_file(data_dir: Path) -> Held:
    """Return what the embedded engine has stored, which may run meanwhile."""
    return await asyncio.to_thread(_read_store, data_dir / "faces" / "faces.sqlite3")


def _read_store(path: Path) -> Held:
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path, timeout=30)) as store:
        store.execute("pragma query_only = on")
        held: dict[str, set[str]] = {
            name: set() for (name,) in store.execute("select name from collection")
        }
        for name, face_id in store.execute(
            "select name, face_id from face join collection on collection.id = face.collection"
        ):
            held[name].add(face_id)
    return held
