"""All kinds of jobs, each with its handler and what follows a failure or precedes a retry."""

from collections.abc import Mapping

from findme.cache import Cache
from findme.db import Pool
from findme.indexing.box_comparison import BoxComparison
from findme.indexing.person_grouping import PersonGrouping
from findme.indexing.photo_preparation import PhotoPreparation
from findme.indexing.selfie_indexing import SelfieIndexing
from findme.indexing.vector_deletion import VectorDeletion
from findme.jobs.collection_jobs import CollectionJobs
from findme.jobs.delivery_jobs import DeliveryJobs
from findme.jobs.job_type import JobType
from findme.jobs.keep_out_job import KeepOutJob
from findme.jobs.match_jobs import MatchJobs
from findme.jobs.photo_jobs import PhotoJobs
from findme.jobs.reindex_job import ReindexJob
from findme.jobs.trace_jobs import TraceJobs
from findme.media.image_workers import ImageWorkers
from findme.media.photo_images import PhotoImages
from findme.models import JobKind
from findme.recognition.types import QueryExpansion
from findme.rekognition import Rekognition
from findme.settings import Settings


def make_job_types(
    settings: Settings,
    pool: Pool,
    faces: Rekognition,
    cache: Cache,
    *,
    image_workers: ImageWorkers,
    photo_images: PhotoImages,
    vectors: VectorDeletion,
    selfies: SelfieIndexing,
    grouping: PersonGrouping,
    settle: float,
    expansion: QueryExpansion | None,
) -> Mapping[JobKind, JobType]:
    """Return the type of each kind of job, over open resources.

    *settle* is the number of seconds after which a search surely finds a new vector.
    """
    preparation = PhotoPreparation(pool, faces, cache, image_workers, photo_images)
    photo = PhotoJobs(
        settings, pool, cache, preparation=preparation, selfies=selfies, vectors=vectors
    )
    collection = CollectionJobs(pool, faces, selfies, vectors)
    boxes = BoxComparison(pool, faces, photo_images, image_workers)
    match = MatchJobs(settings, pool, faces, cache, boxes, settle=settle, expansion=expansion)
    reindex = ReindexJob(settings, pool, faces, cache, preparation=preparation, selfies=selfies)
    return {
        **photo.types(),
        **collection.types(),
        **match.types(),
        **reindex.types(),
        JobKind.GROUP_FACES: JobType(grouping.group_faces),
        **KeepOutJob(pool, faces, cache, photo_images, image_workers).types(),
        **DeliveryJobs(settings, pool).types(),
        **TraceJobs(settings, pool).types(),
    }
