"""After a committed deletion of faces: stale lists go, and vectors if the engine answers."""

from collections.abc import Iterable

from findme.cache import Cache
from findme.indexing.vector_deletion import VectorDeletion
from findme.models import EventId


async def delete_now(cache: Cache, vectors: VectorDeletion, event_ids: Iterable[EventId]) -> None:
    """Invalidate the events' cached lists and run their waiting deletions of vectors.

    If the engine does not answer in time, the durable jobs delete the vectors later.
    """
    for event_id in event_ids:
        await cache.forget_event(event_id)
        await vectors.delete_vectors_now(event_id)
