"""The jobs of an event's collection: selfies that wait for the engine, vectors that must go."""

from collections.abc import Mapping

from findme import db, queue
from findme.accounts import selfies
from findme.db import Pool
from findme.indexing.selfie_indexing import SelfieIndexing
from findme.indexing.vector_deletion import VectorDeletion
from findme.jobs.job_type import JobType
from findme.models import Job, JobKind
from findme.rekognition import Rekognition


class CollectionJobs:
    """Handles INDEX_SELFIE, FORGET_FACES and DELETE_COLLECTION."""

    def __init__(
        self, pool: Pool, faces: Rekognition, indexing: SelfieIndexing, vectors: VectorDeletion
    ) -> None:
        self._pool = pool
        self._faces = faces
        self._indexing = indexing
        self._vectors = vectors

    def types(self) -> Mapping[JobKind, JobType]:
        """Return what each kind of job registers."""
        return {
            JobKind.INDEX_SELFIE: JobType(self.index_selfie),
            JobKind.FORGET_FACES: JobType(self.forget_faces),
            JobKind.DELETE_COLLECTION: JobType(self.delete_collection),
        }

    async def index_selfie(self, job: Job) -> None:
        """Index the pending selfies of the event."""
        assert job.event_id is not None
        assert job.selfie_id is not None
        await self._indexing.ensure_indexed(job.event_id)
        async with db.transaction(self._pool) as conn:
            if await selfies.is_pending(conn, job.selfie_id):
                # another process has claimed it, and may die with it: check again after the claim
                await queue.enqueue(
                    conn,
                    JobKind.INDEX_SELFIE,
                    label=job.label,
                    event_id=job.event_id,
                    selfie_id=job.selfie_id,
                    delay=selfies.CLAIM_SECONDS,
                )
            await queue.complete(conn, job)

    async def forget_faces(self, job: Job) -> None:
        """Delete vectors from the event's collection, except those that a row still refers to."""
        await self._vectors.delete_vectors_of(job)

    async def delete_collection(self, job: Job) -> None:
        """Delete the collection of an event that was deleted or switched to another one."""
        await self._faces.delete_collection(str((job.payload or {})["collection_id"]))
