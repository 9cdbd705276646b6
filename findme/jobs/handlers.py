"""Which handler runs each kind of job, and what follows if a job has failed for good."""

from collections.abc import Mapping
from dataclasses import dataclass

from findme.cache import Cache
from findme.db import Pool
from findme.indexing.person_grouping import PersonGrouping
from findme.indexing.photo_preparation import PhotoPreparation
from findme.indexing.selfie_indexing import SelfieIndexing
from findme.indexing.vector_deletion import VectorDeletion
from findme.jobs.collection_jobs import CollectionJobs
from findme.jobs.delivery_jobs import Messages
from findme.jobs.match_jobs import MatchJobs
from findme.jobs.photo_jobs import PhotoJobs
from findme.jobs.reindex_job import ReindexJob
from findme.jobs.worker import GivenUp, Handler
from findme.media.image_threads import ImageThreads
from findme.models import JobKind
from findme.recognition.types import Hop
from findme.rekognition import Rekognition
from findme.settings import Settings


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers by kind of job."""

    run: Mapping[JobKind, Handler]
    on_failure: Mapping[JobKind, GivenUp]


def make_handlers(
    settings: Settings,
    pool: Pool,
    faces: Rekognition,
    cache: Cache,
    *,
    threads: ImageThreads,
    vectors: VectorDeletion,
    selfies: SelfieIndexing,
    grouping: PersonGrouping,
    settle: float,
    hop: Hop | None,
) -> Handlers:
    """Return the handlers over open resources.

    *settle* is the number of seconds after which a search surely finds a new vector.
    """
    preparation = PhotoPreparation(settings, pool, faces, cache, threads)
    photo = PhotoJobs(
        settings, pool, cache, preparation=preparation, selfies=selfies, vectors=vectors
    )
    collection = CollectionJobs(pool, faces, selfies, vectors)
    match = MatchJobs(settings, pool, faces, cache, settle=settle, hop=hop)
    reindex = ReindexJob(pool, faces, cache, preparation=preparation, selfies=selfies)
    return Handlers(
        run={
            JobKind.INDEX_PHOTO: photo.index_photo,
            JobKind.INDEX_SELFIE: collection.index_selfie,
            JobKind.FORGET_FACES: collection.forget_faces,
            JobKind.DELETE_COLLECTION: collection.delete_collection,
            JobKind.MATCH_SELFIE: match.match_selfie,
            JobKind.MATCH_EVENT: match.match_event,
            JobKind.REINDEX_EVENT: reindex.reindex_event,
            JobKind.GROUP_FACES: grouping.go_on,
            **Messages(settings, pool).handlers(),
        },
        on_failure={JobKind.INDEX_PHOTO: photo.mark_failed},
    )
