"""The jobs of photos: their renditions, the faces on them, and a sweep for these faces."""

from collections.abc import Mapping

from findme import db, queue
from findme.accounts import guests
from findme.cache import Cache
from findme.db import Pool
from findme.errors import CollectionSwitched, NotFound
from findme.faces import references, reindex_state
from findme.faces.sweep_requests import request_sweep
from findme.gallery import events, photos
from findme.gallery.photos import Photo
from findme.indexing.photo_preparation import PhotoPreparation
from findme.indexing.selfie_indexing import SelfieIndexing
from findme.indexing.vector_deletion import VectorDeletion
from findme.jobs.job_type import JobType
from findme.models import Job, JobKind
from findme.recognition.types import IndexResult, QualityFilter
from findme.settings import Settings


class PhotoJobs:
    """Handles INDEX_PHOTO."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        cache: Cache,
        *,
        preparation: PhotoPreparation,
        selfies: SelfieIndexing,
        vectors: VectorDeletion,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._cache = cache
        self._preparation = preparation
        self._selfies = selfies
        self._vectors = vectors

    def types(self) -> Mapping[JobKind, JobType]:
        """Return what each kind of job registers."""
        return {
            JobKind.INDEX_PHOTO: JobType(
                self.index_photo, on_failure=self.mark_failed, on_retry=photos.reset_failed
            )
        }

    async def index_photo(self, job: Job) -> None:
        """Make a photo's thumbnail and preview, index its faces, and request a sweep."""
        assert job.photo_id is not None
        async with db.acquire(self._pool) as conn:
            photo = await photos.get(conn, job.photo_id)
        analysis = await self._preparation.prepare(photo)
        await self._index(job, photo, analysis)
        await self._cache.forget_event(photo.event_id)

    async def mark_failed(self, job: Job, error: str) -> None:
        """Mark the photo of a job that failed for good, so that nobody waits for it any more."""
        assert job.event_id is not None
        assert job.photo_id is not None
        async with db.acquire(self._pool) as conn:
            await photos.mark_failed(conn, job.photo_id, error)
        await self._cache.forget_event(job.event_id)

    async def _index(self, job: Job, photo: Photo, analysis: bytes) -> None:
        event = await self._selfies.ensure_indexed(photo.event_id)
        quality = QualityFilter.NONE if job.thorough else QualityFilter.AUTO
        result = IndexResult([], [])
        try:
            async with reindex_state.restart_if_missing(self._pool, event):
                result = await self._preparation.index_faces_adaptively(
                    event, photo, analysis, quality
                )
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id)
                merged = await photos.save_faces(conn, photo, event, result)
                # an earlier, more thorough run found these: no row refers to their vectors now
                await guests.forget_faces(conn, event.id, merged.dropped)
                if merged.new and await references.any_of(conn, photo.event_id):
                    await request_sweep(conn, photo.event_id, self._settings)
                await queue.complete(conn, job)
        except CollectionSwitched:
            # if only the choice of faces has changed, the collection is there and holds these
            await self._vectors.discard_vectors(event, result.vectors)
            await self._index(job, photo, analysis)
        except NotFound:
            # the photo was deleted meanwhile: no row refers to these vectors
            await self._vectors.discard_vectors(event, result.vectors)
