"""The job of somebody who is no guest and asks to be kept out: photos of them wait.

If every face of the event is a vector, one search tells of all. Otherwise the selfie is compared
with each photo, the newest first, some of them in a job.
"""

import logging
from collections.abc import Mapping

from findme import db, queue
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import (
    BadImage,
    CollectionRebuilding,
    CollectionSwitched,
    EngineRefused,
    NotFound,
)
from findme.faces import reindex_state
from findme.faces.stored_faces import SAME_FACE, overlap
from findme.gallery import events, keep_outs
from findme.gallery.keep_outs import MOST_PHOTOS, KeepOut, PhotoFaces
from findme.jobs.job_type import JobType
from findme.media.image_workers import ImageWorkers
from findme.media.photo_images import PhotoImages
from findme.models import Event, FaceId, Job, JobKind, PhotoId
from findme.rekognition import Rekognition

log = logging.getLogger(__name__)

#: Photos that one job compares.
PHOTOS_AT_ONCE = 10

Faces = list[tuple[PhotoId, FaceId]]


class KeepOutJob:
    """Handles KEEP_OUT."""

    def __init__(
        self,
        pool: Pool,
        faces: Rekognition,
        cache: Cache,
        images: PhotoImages,
        workers: ImageWorkers,
    ) -> None:
        self._pool = pool
        self._faces = faces
        self._cache = cache
        self._images = images
        self._workers = workers

    def types(self) -> Mapping[JobKind, JobType]:
        """Return what the kind of job registers."""
        return {JobKind.KEEP_OUT: JobType(self.keep_out, on_failure=self.give_up)}

    async def keep_out(self, job: Job) -> None:
        """Compare a selfie with the photos of its event, or with the next of them."""
        async with db.acquire(self._pool) as conn:
            asked = await keep_outs.find(conn, _request_of(job))
            if asked is None:
                return
            event = await events.get(conn, asked.event_id)
            searchable = await keep_outs.searchable(conn, event.id)
            photos = await keep_outs.next_photos(
                conn, event.id, asked.down_to, limit=PHOTOS_AT_ONCE
            )
        found: Faces = []
        if searchable and photos:
            found = await self._search(event, asked)
        elif photos:
            for photo in photos:
                found += await self._compare(event, asked, photo)
        ends = searchable or len(photos) < PHOTOS_AT_ONCE
        async with db.transaction(self._pool) as conn:
            await events.lock(conn, event.id)
            hidden = await keep_outs.hide(conn, found, most=MOST_PHOTOS - asked.found)
            if ends or asked.found + hidden >= MOST_PHOTOS:
                await keep_outs.remove(conn, asked.id)
            else:
                await keep_outs.note_progress(conn, asked.id, photos[-1].id, hidden)
                await self._go_on(conn, job)
            await queue.complete(conn, job)
        if hidden:
            log.info("[KeepOut] Event %s: %d photos wait for the organiser", event.id, hidden)
            await self._cache.forget_event(event.id)

    async def give_up(self, job: Job, error: str) -> None:
        """Delete the selfie of a request that failed for good."""
        log.error("[KeepOut] A request for event %s has failed: %s", job.event_id, error)
        async with db.transaction(self._pool) as conn:
            await keep_outs.remove(conn, _request_of(job))

    async def _go_on(self, conn: Connection, job: Job) -> None:
        await queue.enqueue(
            conn, JobKind.KEEP_OUT, label=job.label, event_id=job.event_id, payload=job.payload
        )

    async def _search(self, event: Event, asked: KeepOut) -> Faces:
        try:
            async with reindex_state.restart_if_missing(self._pool, event):
                searched = await self._faces.search_by_picture(
                    event.collection_id, asked.jpeg, threshold=event.thresholds.maybe
                )
        except CollectionSwitched as problem:
            raise CollectionRebuilding from problem
        if searched is None:
            return []
        async with db.acquire(self._pool) as conn:
            return await keep_outs.faces_of(
                conn, event.id, [item.engine_face_id for item in searched.similar]
            )

    async def _compare(self, event: Event, asked: KeepOut, photo: PhotoFaces) -> Faces:
        try:
            async with self._images.original(photo.id) as path:
                made = await self._workers.render(path)
            alike = await self._faces.compare(
                asked.jpeg, made.analysis, threshold=event.thresholds.maybe
            )
        except (BadImage, EngineRefused, NotFound) as problem:
            log.info("[KeepOut] Photo %s is not compared: %s", photo.id, problem)
            return []
        return [
            (photo.id, face_id)
            for face_id, box in photo.faces
            if any(overlap(box, face.box) >= SAME_FACE for face in alike)
        ]


def _request_of(job: Job) -> int:
    request_id = (job.payload or {})["request_id"]
    assert isinstance(request_id, int)
    return request_id
