"""Deletes vectors at the engine: at once while somebody waits, by a worker otherwise."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from findme import db, queue
from findme.accounts import guests
from findme.db import Pool
from findme.errors import EngineError
from findme.faces import references
from findme.models import EngineFaceId, Event, EventId, Job, JobKind
from findme.rekognition import Rekognition

log = logging.getLogger(__name__)

#: Seconds that the engine has to delete vectors while somebody waits; a worker deletes the rest.
DELETE_SECONDS = 10.0


class VectorDeletion:
    """Deletes vectors from the collections of events."""

    def __init__(self, pool: Pool, faces: Rekognition) -> None:
        self._pool = pool
        self._faces = faces

    async def discard_vectors(self, event: Event, faces: Sequence[EngineFaceId]) -> None:
        """Delete vectors that no row refers to: now, or as soon as the engine answers."""
        if not faces:
            return
        async with db.transaction(self._pool) as conn:
            await guests.forget_faces(conn, event.id, faces, collection_id=event.collection_id)
        await self.delete_vectors_now(event.id)

    async def delete_vectors_now(self, event_id: EventId) -> None:
        """Run the event's waiting FORGET_FACES jobs; they stay queued if the engine fails."""
        async with db.acquire(self._pool) as conn:
            jobs = await queue.claim_for_request(conn, JobKind.FORGET_FACES, event_id)
        for job in jobs:
            outcome = queue.DONE
            try:
                async with asyncio.timeout(DELETE_SECONDS):
                    await self.delete_vectors_of(job)
            except (EngineError, TimeoutError):
                log.warning(
                    "[AWS] Event %s: the deletion of vectors waits for the engine", event_id
                )
                outcome = replace(queue.PUT_BACK, parked=True)
            async with db.acquire(self._pool) as conn:
                # if another worker has taken the job over, it deletes the same vectors again
                await queue.record_outcome(conn, job, outcome)

    async def delete_vectors_of(self, job: Job) -> None:
        """Delete the vectors that a FORGET_FACES job names; EngineError if the engine fails."""
        payload = job.payload or {}
        face_ids = payload["face_ids"]
        assert isinstance(face_ids, list)
        await self._delete_unused(str(payload["collection_id"]), face_ids)

    async def _delete_unused(self, collection_id: str, face_ids: Collection[EngineFaceId]) -> None:
        async with db.acquire(self._pool) as conn:
            used = await references.still_used(conn, list(face_ids))
        await self._faces.delete_faces(
            collection_id, [face_id for face_id in face_ids if face_id not in used]
        )
