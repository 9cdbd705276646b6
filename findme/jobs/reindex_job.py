"""The re-index job: an event's photos and selfies are indexed again, into its present collection.

P photos and G guests cost P + G calls of IndexFaces, the sweep at the end, and the two calls that
make and delete a collection. Sweeps meanwhile, which cost nothing on the embedded engine, let
guests who join during the re-index see their photos come.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from findme import db, queue
from findme.accounts import guests, selfie_pictures
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import BadImage, CollectionSwitched, EngineRefused, NotFound
from findme.faces import reindex_state
from findme.faces.sweep_requests import enqueue_sweep, request_sweep
from findme.gallery import events, photos
from findme.indexing.photo_preparation import PhotoPreparation
from findme.indexing.selfie_indexing import SelfieIndexing
from findme.jobs.job_type import JobType
from findme.media import storage
from findme.messaging import notifications
from findme.models import Event, Job, JobKind, PhotoId, SelfieId
from findme.recognition.types import IndexResult, QualityFilter
from findme.rekognition import Rekognition
from findme.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Pictures at a time: as many as the children for photos prepare, and one on the wire.
AT_A_TIME = 3
#: Pictures between two looks at what is outdated.
BATCH = 30


class ReindexJob:
    """Handles REINDEX_EVENT."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        faces: Rekognition,
        cache: Cache,
        *,
        preparation: PhotoPreparation,
        selfies: SelfieIndexing,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._faces = faces
        self._cache = cache
        self._preparation = preparation
        self._selfies = selfies

    def types(self) -> Mapping[JobKind, JobType]:
        """Return what each kind of job registers."""
        return {
            JobKind.REINDEX_EVENT: JobType(
                self.reindex_event, on_failure=self.enqueue_next, resumable=True
            )
        }

    async def reindex_event(self, job: Job) -> None:
        """Index what is outdated, selfies first, until nothing is."""
        assert job.event_id is not None
        while True:
            try:
                event = await self._selfies.event_with_collection(job.event_id)
                async with reindex_state.restart_if_missing(self._pool, event):
                    await self._index_batch(event)
            except CollectionSwitched:
                log.info("[Reindex] Event %s has another collection; starting over", job.event_id)
                continue
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id)
                left = await reindex_state.outdated(conn, event.id, limit=1)
                if not left.photos and not left.selfies:
                    await enqueue_sweep(conn, event.id, delay=0, latest=0)
                    if notifications.mails(self._settings):
                        await selfie_pictures.ask_for_others(conn, event.id)
                    await queue.complete(conn, job)
                    await self._enqueue_next(conn, event)
                    break
                if self._faces.embedded:
                    await request_sweep(conn, event.id, self._settings)
            await self._cache.forget_event(event.id)
        log.info("[Reindex] Event %s is in collection %s", event.id, event.collection_id)
        await self._cache.forget_event(event.id)

    async def enqueue_next(self, job: Job, error: str) -> None:
        """Go on with the next event after the job of one has failed for good."""
        assert job.event_id is not None
        log.error("[Reindex] Event %s is left in part: %s", job.event_id, error)
        async with db.transaction(self._pool) as conn:
            await self._enqueue_next(conn, await events.get(conn, job.event_id))

    async def _enqueue_next(self, conn: Connection, event: Event) -> None:
        # on AWS a re-index costs money: only an admin asks for one
        face_model = None if self._faces.is_aws else event.face_model
        await reindex_state.enqueue_next(conn, self._faces.name, face_model)

    async def _index_batch(self, event: Event) -> None:
        async with db.acquire(self._pool) as conn:
            left = await reindex_state.outdated(conn, event.id, limit=BATCH)
        # photos are compared with guests: a photo without them would need a second search
        await self._each(left.selfies, lambda selfie_id: self._index_selfie(event, selfie_id))
        if not left.selfies:
            await self._each(left.photos, lambda photo_id: self._index_photo(event, photo_id))

    async def _each(self, ids: Sequence[T], index: Callable[[T], Awaitable[None]]) -> None:
        slots = asyncio.Semaphore(AT_A_TIME)

        async def one(item: T) -> None:
            async with slots:
                await index(item)

        try:
            async with asyncio.TaskGroup() as group:
                for item in ids:
                    group.create_task(one(item))
        except BaseExceptionGroup as problems:
            # the worker judges one cause: an outage fails all calls alike
            raise problems.exceptions[0] from problems

    async def _index_photo(self, event: Event, photo_id: PhotoId) -> None:
        result = IndexResult([], [])
        try:
            async with db.acquire(self._pool) as conn:
                photo = await photos.get(conn, photo_id)
            try:
                analysis = await self._preparation.prepare(photo)
                result = await self._preparation.index_faces_adaptively(
                    event, photo, analysis, QualityFilter.AUTO
                )
            except (BadImage, EngineRefused) as problem:
                # it was indexed once: if this engine refuses it, it has no faces for it
                log.warning("[Reindex] Photo %s has no faces now: %s", photo_id, problem)
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id)
                merged = await photos.save_faces(conn, photo, event, result)
                await guests.forget_faces(conn, event.id, merged.dropped)
        except NotFound:
            log.info("[Reindex] Photo %s was deleted meanwhile", photo_id)
            await self._discard(event, result)
        except CollectionSwitched:
            await self._discard(event, result)
            raise

    async def _index_selfie(self, event: Event, selfie_id: SelfieId) -> None:
        async with db.acquire(self._pool) as conn:
            image = await storage.find_selfie_image(conn, selfie_id)
            guest_id = await conn.fetchval("select guest_id from selfie where id = $1", selfie_id)
        result = IndexResult([], [])
        if image is not None:
            try:
                jpeg = await storage.read_bytes(self._pool, image.id)
                result = await self._faces.index_faces(
                    event.collection_id,
                    jpeg,
                    f"g:{guest_id}:{selfie_id}",
                    quality=self._faces.selfie_filter,
                    max_faces=1,
                )
            except NotFound:
                pass  # the selfie went while it was read: its reference did, too
            except EngineRefused as problem:
                log.warning("[Reindex] Selfie %s has no face now: %s", selfie_id, problem)
        face = result.vectors[0] if result.vectors else None
        async with db.transaction(self._pool) as conn:
            await events.lock(conn, event.id)
            renewed = await reindex_state.renew_selfie(
                conn, event.id, event.collection_id, selfie_id, face
            )
            await selfie_pictures.drop(conn, event.id)
        if not renewed:
            log.info("[Reindex] Selfie %s was deleted meanwhile", selfie_id)
            await self._discard(event, result)

    async def _discard(self, event: Event, result: IndexResult) -> None:
        # deleted meanwhile: nobody else knows of these vectors
        await self._faces.delete_faces(event.collection_id, result.vectors)
