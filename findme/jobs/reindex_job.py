"""The re-index job: a second collection beside the first, then the switch.

P photos and G guests cost P + G calls of IndexFaces, the sweep after the switch, and the two calls
that make and delete a collection.
"""

import asyncio
import logging
from collections.abc import Mapping

from findme import db, queue
from findme.cache import Cache
from findme.db import Pool
from findme.errors import BadImage, EngineRefused, NotFound
from findme.faces import reindex_state
from findme.gallery import events, photos
from findme.indexing.photo_preparation import PhotoPreparation
from findme.indexing.selfie_indexing import SelfieIndexing
from findme.jobs.job_type import JobType
from findme.media import storage
from findme.models import Event, EventId, Job, JobKind, PhotoId, SelfieId
from findme.recognition.types import IndexResult, QualityFilter
from findme.rekognition import Rekognition

log = logging.getLogger(__name__)

#: Pictures at a time: as many as the threads for pixels prepare, and one on the wire.
AT_A_TIME = 3
#: Pictures between two looks at what is missing.
BATCH = 60


class ReindexJob:
    """Handles REINDEX_EVENT."""

    def __init__(
        self,
        pool: Pool,
        faces: Rekognition,
        cache: Cache,
        *,
        preparation: PhotoPreparation,
        selfies: SelfieIndexing,
    ) -> None:
        self._pool = pool
        self._faces = faces
        self._cache = cache
        self._preparation = preparation
        self._selfies = selfies

    def types(self) -> Mapping[JobKind, JobType]:
        """Return what each kind of job registers."""
        return {JobKind.REINDEX_EVENT: JobType(self.reindex_event)}

    async def reindex_event(self, job: Job) -> None:
        """Fill a new collection from the stored pictures, and switch to it."""
        assert job.event_id is not None
        async with db.transaction(self._pool) as conn:
            name = await reindex_state.begin(conn, job.event_id, events.new_collection_id())
            event = await events.get(conn, job.event_id)
        await self._faces.create_collection(name)
        while True:
            await self.fill(event, name)
            async with self._selfies.lock(event.id), db.transaction(self._pool) as conn:
                if await reindex_state.switch(conn, event.id, name, self._faces.name):
                    await queue.complete(conn, job)
                    break
        log.info("[Reindex] Event %s is switched to collection %s", event.id, name)
        await self._cache.forget_event(event.id)

    async def fill(self, event: Event, name: str) -> None:
        """Index into the collection *name* what it lacks of the event's photos and selfies."""
        slots = asyncio.Semaphore(AT_A_TIME)

        async def one(photo_id: PhotoId | None, selfie_id: SelfieId | None) -> None:
            async with slots:
                if photo_id is not None:
                    result = await self._index_photo(name, photo_id)
                else:
                    assert selfie_id is not None
                    result = await self._index_selfie(name, selfie_id)
                await self._keep(event.id, name, result, photo_id, selfie_id)

        while True:
            async with db.acquire(self._pool) as conn:
                left = await reindex_state.missing(conn, event.id, name, limit=BATCH)
            if not left.photos and not left.selfies:
                return
            try:
                async with asyncio.TaskGroup() as group:
                    for photo_id in left.photos:
                        group.create_task(one(photo_id, None))
                    for selfie_id in left.selfies:
                        group.create_task(one(None, selfie_id))
            except BaseExceptionGroup as problems:
                raise problems.exceptions[0] from problems

    async def _index_photo(self, name: str, photo_id: PhotoId) -> IndexResult:
        try:
            async with db.acquire(self._pool) as conn:
                photo = await photos.get(conn, photo_id)
            analysis = await self._preparation.prepare(photo)
            return await self._preparation.index_faces_adaptively(
                name, photo, analysis, QualityFilter.AUTO
            )
        except (BadImage, EngineRefused) as problem:
            # it was indexed once: what this engine refuses has no faces for it
            log.warning("[Reindex] Photo %s has no faces now: %s", photo_id, problem)
        except NotFound:
            log.info("[Reindex] Photo %s was deleted meanwhile", photo_id)
        return IndexResult([], [])

    async def _index_selfie(self, name: str, selfie_id: SelfieId) -> IndexResult:
        async with db.acquire(self._pool) as conn:
            image = await storage.find_selfie_image(conn, selfie_id)
            guest_id = await conn.fetchval("select guest_id from selfie where id = $1", selfie_id)
        if image is None:
            return IndexResult([], [])
        jpeg = await storage.read_bytes(self._pool, image.id)
        try:
            return await self._faces.index_faces(
                name,
                jpeg,
                f"g:{guest_id}:{selfie_id}",
                quality=QualityFilter.LOW,
                max_faces=1,
            )
        except EngineRefused as problem:
            log.warning("[Reindex] Selfie %s has no face now: %s", selfie_id, problem)
            return IndexResult([], [])

    async def _keep(
        self,
        event_id: EventId,
        name: str,
        result: IndexResult,
        photo_id: PhotoId | None,
        selfie_id: SelfieId | None,
    ) -> None:
        async with db.acquire(self._pool) as conn:
            kept = await reindex_state.keep(
                conn, event_id, name, result, photo_id=photo_id, selfie_id=selfie_id
            )
        if not kept:
            # deleted meanwhile: nobody else knows of these vectors
            await self._faces.delete_faces(name, [face.engine_face_id for face in result.faces])
