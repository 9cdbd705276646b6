"""Selfies become vectors in the event's collection: in a guest's request, or later in a job."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from weakref import WeakValueDictionary

from findme import db
from findme.accounts import selfie_likeness, selfie_pictures, selfies
from findme.accounts.selfies import JudgedSelfie, PendingSelfie
from findme.db import Connection, Pool
from findme.errors import CollectionSwitched, EngineRefused, NotFound, SelfieRefused
from findme.faces import references, reindex_state
from findme.gallery import events
from findme.indexing.vector_deletion import VectorDeletion
from findme.media import storage
from findme.models import Event, EventId, SelfieId
from findme.rekognition import Rekognition

log = logging.getLogger(__name__)


class SelfieIndexing:
    """Creates the collections of events, and indexes the selfies of their guests."""

    def __init__(self, pool: Pool, faces: Rekognition, vectors: VectorDeletion) -> None:
        self._pool = pool
        self._faces = faces
        self._vectors = vectors
        self._locks: WeakValueDictionary[EventId, asyncio.Lock] = WeakValueDictionary()

    def lock(self, event_id: EventId) -> asyncio.Lock:
        """Return the lock under which the collection is created, filled or switched."""
        return self._locks.setdefault(event_id, asyncio.Lock())

    async def index_selfie_now(
        self, event_id: EventId, selfie: PendingSelfie, jpeg: bytes
    ) -> Sequence[str]:
        """Index and judge a selfie while its guest waits; return what would make it find more.

        SelfieRefused if the picture is unusable, or shows somebody else than the guest's selfies
        that it would stand beside. EngineUnavailable leaves the selfie to the
        workers. NotFound if the event was deleted meanwhile.
        """
        event = await self.event_with_collection(event_id)
        try:
            async with reindex_state.restart_if_missing(self._pool, event):
                result = await self._faces.index_faces(
                    event.collection_id,
                    jpeg,
                    selfie.external_id,
                    quality=self._faces.selfie_filter,
                    max_faces=1,
                )
        except CollectionSwitched:
            return await self.index_selfie_now(event_id, selfie, jpeg)
        indexed = result.vectors
        try:
            judged = selfies.judge(result)
            accepted = await self._accept(event, selfie, judged, jpeg)
        except (SelfieRefused, EngineRefused):
            await self._vectors.discard_vectors(event, indexed)
            raise
        except CollectionSwitched:
            return await self.index_selfie_now(event_id, selfie, jpeg)
        if not accepted:
            await self._vectors.discard_vectors(event, indexed)
        return judged.advice

    async def _accept(
        self, event: Event, selfie: PendingSelfie, judged: JudgedSelfie, jpeg: bytes
    ) -> bool:
        """Accept a selfie that resembles one that vouches for it, or has none beside it.

        Otherwise four selfies of four people would open the photos of all. False if the guest is
        gone; SelfieRefused (`not_alike`).
        """
        compared: set[SelfieId] = set()
        alike: Collection[SelfieId] | None = None
        while True:
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id)
                beside = await selfie_likeness.list_vouching(conn, event, selfie, judged)
                left = [other for other in beside if other not in compared]
                if not beside:
                    return await self._store(conn, event, selfie, judged)
                if not left:
                    raise selfie_likeness.not_alike(event)
                image = await storage.find_selfie_image(conn, left[0])
            compared.add(left[0])
            if image is None:
                # its picture was dropped, or it is gone itself
                if alike is None:
                    alike = await self._find_alike(event, selfie, judged)
                if left[0] not in alike:
                    continue
            else:
                other = await storage.read_bytes(self._pool, image.id)
                if await self._faces.similarity(other, jpeg) < event.thresholds.maybe:
                    continue
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id)
                # removed or replaced while they were compared: it vouches for nobody any more
                vouching = await selfie_likeness.list_vouching(conn, event, selfie, judged)
                if left[0] in vouching:
                    return await self._store(conn, event, selfie, judged)

    async def _store(
        self, conn: Connection, event: Event, selfie: PendingSelfie, judged: JudgedSelfie
    ) -> bool:
        accepted = await selfies.accept(conn, event.id, event.collection_id, selfie, judged)
        await selfie_pictures.drop(conn, event.id)
        return accepted

    async def _find_alike(
        self, event: Event, selfie: PendingSelfie, judged: JudgedSelfie
    ) -> Collection[SelfieId]:
        """Return the guest's selfies whose vectors resemble this one's: one search tells of all."""
        vector = judged.face.engine_face_id
        assert vector is not None  # IndexFaces keeps the faces that it returns
        similar = await self._faces.search_faces(
            event.collection_id, vector, threshold=event.thresholds.maybe
        )
        async with db.acquire(self._pool) as conn:
            return await references.list_selfies(
                conn, selfie.guest_id, [vector, *(found.engine_face_id for found in similar)]
            )

    async def ensure_indexed(self, event_id: EventId) -> Event:
        """Return the event once its collection exists and its guests' selfies are indexed.

        A second caller waits for the event's lock, finds everything done, and makes no call.
        """
        async with self.lock(event_id):
            event = await self._ensure_collection(event_id)
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

    async def _ensure_collection(self, event_id: EventId) -> Event:
        """Return the event after its collection was created; the caller holds the event's lock."""
        async with db.acquire(self._pool) as conn:
            event = await events.get(conn, event_id)
        if not event.collection_ready:
            face_model = await self._faces.create_collection(event.collection_id)
            try:
                async with db.acquire(self._pool) as conn:
                    await events.mark_collection_ready(
                        conn, event, engine=self._faces.name, face_model=face_model
                    )
            except NotFound:
                # the event was deleted, and its collection before we created this one
                await self._faces.delete_collection(event.collection_id)
                raise
        return event

    async def event_with_collection(self, event_id: EventId) -> Event:
        """Return the event once its collection exists; NotFound if the event is gone."""
        async with db.acquire(self._pool) as conn:
            event = await events.get(conn, event_id)
        if event.collection_ready:
            return event
        async with self.lock(event_id):
            return await self._ensure_collection(event_id)

    async def _index_pending(self, event: Event, selfie: PendingSelfie) -> None:
        async with db.acquire(self._pool) as conn:
            image = await storage.find_selfie_image(conn, selfie.id)
        if image is None:
            return
        jpeg = await storage.read_bytes(self._pool, image.id)
        try:
            await self.index_selfie_now(event.id, selfie, jpeg)
        except (SelfieRefused, EngineRefused) as problem:
            code = problem.code if isinstance(problem, SelfieRefused) else "invalid_image"
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id)
                await selfies.refuse(conn, selfie, code)
        except BaseException:
            async with db.acquire(self._pool) as conn:
                await selfies.leave_to_workers(conn, selfie)
            raise
