"""The jobs: what happens to a photo, a selfie, an event behind the requests.

Each handler may run twice; twice equals once. What needs the engine and finds none raises
EngineUnavailable, and the queue keeps the job until the engine answers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from weakref import WeakValueDictionary

from findme import db, queue
from findme.accounts import guests, selfies
from findme.accounts.selfies import PendingSelfie
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import (
    CollectionRebuilding,
    CollectionSwitched,
    EngineError,
    EngineRefused,
    NotFound,
    SelfieRefused,
)
from findme.faces import references, reindex_state
from findme.gallery import events, photos
from findme.gallery.photos import Photo
from findme.jobs.cluster_jobs import Grouping
from findme.jobs.image_jobs import Imaging
from findme.jobs.match_jobs import Sweeps
from findme.media import images, storage
from findme.models import EngineFaceId, Event, EventId, Job, JobKind
from findme.recognition.types import Hop, IndexedFace, IndexResult, QualityFilter
from findme.rekognition import Rekognition
from findme.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds that the engine has to forget vectors while somebody waits; else a worker sees to it.
FORGET_SECONDS = 10.0


class Pipeline:
    """What the handlers share: the pool, the engine, the cache, and a lock for each event."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        faces: Rekognition,
        cache: Cache,
        *,
        settle: float,
        hop: Hop | None = None,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._faces = faces
        self._cache = cache
        self._sweeps = Sweeps(settings, pool, faces, cache, settle=settle, hop=hop)
        self.grouping = Grouping(settings, pool, faces)
        self._locks: WeakValueDictionary[EventId, asyncio.Lock] = WeakValueDictionary()
        self.imaging = Imaging(settings, pool, cache)

    def handlers(self) -> Mapping[JobKind, Callable[[Job], Awaitable[None]]]:
        """Return what does each kind of job."""
        return {
            JobKind.INDEX_PHOTO: self.index_photo,
            JobKind.INDEX_SELFIE: self.index_selfie,
            JobKind.MATCH_SELFIE: self._sweeps.match_selfie,
            JobKind.MATCH_EVENT: self._sweeps.match_event,
            JobKind.FORGET_FACES: self.forget_faces,
            JobKind.DELETE_COLLECTION: self.delete_collection,
            JobKind.GROUP_FACES: self.grouping.go_on,
        }

    def given_up(self) -> Mapping[JobKind, Callable[[Job, str], Awaitable[None]]]:
        """Return what follows where a job of some kind has failed for good."""
        return {JobKind.INDEX_PHOTO: self.give_up_photo}

    async def ask_for_sweep(self, conn: Connection, event_id: EventId) -> None:
        """Ask in the caller's transaction for a sweep of the event, soon."""
        await self._sweeps.ask_for(conn, event_id)

    def lock(self, event_id: EventId) -> asyncio.Lock:
        """Return the lock under which the event's collection and guests are brought in."""
        return self._locks.setdefault(event_id, asyncio.Lock())

    # Photos ---------------------------------------------------------------------------------

    async def index_photo(self, job: Job) -> None:
        """Make a photo's small pictures, index its faces, and ask for a sweep."""
        assert job.photo_id is not None
        async with db.acquire(self._pool) as conn:
            photo = await photos.get(conn, job.photo_id)
        analysis = await self.imaging.prepare(photo)
        await self._index(job, photo, analysis)
        await self._cache.forget_event(photo.event_id)

    async def give_up_photo(self, job: Job, error: str) -> None:
        """Note that a photo's job has failed for good: nobody waits for the photo any more."""
        assert job.event_id is not None
        assert job.photo_id is not None
        async with db.acquire(self._pool) as conn:
            await photos.mark_failed(conn, job.photo_id, error)
        await self._cache.forget_event(job.event_id)

    async def _index(self, job: Job, photo: Photo, analysis: bytes) -> None:
        event = await self.ensure_indexed(photo.event_id)
        quality = QualityFilter.NONE if job.thorough else QualityFilter.AUTO
        async with reindex_state.rebuilt_if_missing(self._pool, event):
            result = await self.look(event.collection_id, photo, analysis, quality)
        try:
            async with db.transaction(self._pool) as conn:
                await events.hold(conn, event.id)
                merged = await photos.save_faces(conn, photo, event.collection_id, result)
                # seen by an earlier, more thorough look: nobody else knows of these vectors now
                await guests.forget_faces(conn, event.id, merged.dropped)
                if merged.new and await references.any_of(conn, photo.event_id):
                    await self.ask_for_sweep(conn, photo.event_id)
                await queue.finish(conn, job)
        except CollectionSwitched:
            await self._index(job, photo, analysis)
        except NotFound:
            # deleted meanwhile: nobody else knows of these vectors
            await self._let_go(event, [face.engine_face_id for face in result.faces])

    async def look(
        self, collection_id: str, photo: Photo, analysis: bytes, quality: QualityFilter
    ) -> IndexResult:
        """Index the faces of a photo, and where the embedded engine sees a crowd, from close by.

        AWS charges for each look, and takes no larger picture: there one has to do.
        """
        result = await self._faces.index_faces(
            collection_id, analysis, photo.external_id, quality=quality
        )
        boxes = [face.box for face in result.faces] + [face.box for face in result.unindexed]
        if not self._faces.embedded or not images.crowded(boxes, photo.width, photo.height):
            return result
        close = await self.imaging.closer(photo)
        closer = await self._faces.index_faces(
            collection_id, close, photo.external_id, quality=quality
        )
        seen = {face.engine_face_id for face in closer.faces}
        first = [face.engine_face_id for face in result.faces]
        await self._faces.delete_faces(collection_id, [face for face in first if face not in seen])
        return closer

    # Guests ---------------------------------------------------------------------------------

    async def ensure_indexed(self, event_id: EventId) -> Event:
        """Return the event once its collection and its guests' selfies are with the engine.

        Whoever comes second waits at the event's lock, finds it done, and makes no call.
        """
        async with self.lock(event_id):
            event = await self.ensure_collection(event_id)
            async with db.acquire(self._pool) as conn:
                pending = await selfies.claim_pending(conn, event_id)
            if not pending:
                log.info("[AWS] Event %s users already indexed (cached)", event_id)
                return event
            log.info("[AWS] Indexing %d users for event %s", len(pending), event_id)
            outcomes = await asyncio.gather(
                *(self._index_pending(event, selfie) for selfie in pending),
                return_exceptions=True,
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
            return event

    async def ensure_collection(self, event_id: EventId) -> Event:
        """Return the event, its collection made; the caller holds the event's lock."""
        async with db.acquire(self._pool) as conn:
            event = await events.get(conn, event_id)
        if not event.collection_ready:
            await self._faces.create_collection(event.collection_id)
            try:
                async with db.acquire(self._pool) as conn:
                    await events.mark_collection_ready(conn, event_id, self._faces.name)
            except NotFound:
                # deleted meanwhile, and its collection before this one was made
                await self._faces.delete_collection(event.collection_id)
                raise
        return event

    async def take_in(self, event_id: EventId, selfie: PendingSelfie, jpeg: bytes) -> None:
        """Have a selfie indexed and judged, for a guest who waits; SelfieRefused where it won't do.

        EngineUnavailable leaves it to the workers, CollectionRebuilding to a re-index before them;
        NotFound where the event was deleted meanwhile.
        """
        event = await self._event_with_collection(event_id)
        async with reindex_state.rebuilt_if_missing(self._pool, event):
            result = await self._faces.index_faces(
                event.collection_id,
                jpeg,
                selfie.external_id,
                quality=QualityFilter.LOW,
                max_faces=1,
            )
        indexed = [face.engine_face_id for face in result.faces]
        try:
            face: IndexedFace | None = selfies.judge(result)
        except SelfieRefused:
            await self._let_go(event, indexed)
            raise
        assert face is not None
        try:
            async with db.transaction(self._pool) as conn:
                await events.hold(conn, event_id)
                accepted = await selfies.accept(conn, event_id, event.collection_id, selfie, face)
        except CollectionSwitched:
            await self.take_in(event_id, selfie, jpeg)
            return
        if not accepted:
            await self._let_go(event, indexed)

    async def _event_with_collection(self, event_id: EventId) -> Event:
        async with db.acquire(self._pool) as conn:
            event = await events.get(conn, event_id)
        if event.collection_ready:
            return event
        async with self.lock(event_id):
            return await self.ensure_collection(event_id)

    async def _index_pending(self, event: Event, selfie: PendingSelfie) -> None:
        async with db.acquire(self._pool) as conn:
            image = await storage.find_selfie_image(conn, selfie.id)
        if image is None:
            return
        jpeg = await storage.read_bytes(self._pool, image.id)
        try:
            await self.take_in(event.id, selfie, jpeg)
        except (SelfieRefused, EngineRefused) as problem:
            code = problem.code if isinstance(problem, SelfieRefused) else "invalid_image"
            async with db.transaction(self._pool) as conn:
                await events.hold(conn, event.id)
                await selfies.refuse(conn, selfie, code)
        except CollectionRebuilding:
            # two selfies whose jobs made each other due would never rest
            async with db.acquire(self._pool) as conn:
                await selfies.release(conn, selfie)
            raise
        except BaseException:
            async with db.acquire(self._pool) as conn:
                await selfies.leave_to_workers(conn, selfie)
            raise

    async def index_selfie(self, job: Job) -> None:
        """Index what selfies of the event are pending."""
        assert job.event_id is not None
        assert job.selfie_id is not None
        await self.ensure_indexed(job.event_id)
        async with db.transaction(self._pool) as conn:
            if await selfies.is_pending(conn, job.selfie_id):
                # somebody else has it in hand, and may vanish with it: look again then
                await queue.enqueue(
                    conn,
                    JobKind.INDEX_SELFIE,
                    label=job.label,
                    event_id=job.event_id,
                    selfie_id=job.selfie_id,
                    delay=selfies.CLAIM_SECONDS,
                )
            await queue.finish(conn, job)

    # Forgetting -----------------------------------------------------------------------------

    async def _let_go(self, event: Event, faces: list[EngineFaceId]) -> None:
        """Have vectors removed that nothing here came to know, now or when the engine answers."""
        if not faces:
            return
        async with db.transaction(self._pool) as conn:
            await guests.forget_faces(conn, event.id, [], {event.collection_id: faces})
        await self.forget_now(event.id)

    async def forget_now(self, event_id: EventId) -> None:
        """Do an event's waiting FORGET_FACES at once; what the engine cannot take now, waits."""
        for job in await queue.claim_forgetting(self._pool, event_id):
            try:
                async with asyncio.timeout(FORGET_SECONDS):
                    await self.forget_faces(job)
            except (EngineError, TimeoutError):
                log.warning(
                    "[AWS] Event %s: vectors are forgotten as soon as the engine answers", event_id
                )
                await queue.put_back(self._pool, job)
            else:
                async with db.acquire(self._pool) as conn:
                    # taken over by now, another worker does it once more
                    await queue.settle(conn, job, "done")

    async def forget_faces(self, job: Job) -> None:
        """Remove vectors from the event's collection, but for those that are in use elsewhere."""
        payload = job.payload or {}
        face_ids = [EngineFaceId(face_id) for face_id in payload["face_ids"]]  # type: ignore[attr-defined]
        async with db.acquire(self._pool) as conn:
            used = await references.still_used(conn, face_ids)
        await self._faces.delete_faces(
            str(payload["collection_id"]), [face for face in face_ids if face not in used]
        )

    async def delete_collection(self, job: Job) -> None:
        """Remove the collection of an event that is gone."""
        await self._faces.delete_collection(str((job.payload or {})["collection_id"]))

    def close(self) -> None:
        """End the threads."""
        self.imaging.close()
