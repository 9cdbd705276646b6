"""The job after deletions: no file of the database keeps what was deleted."""

from collections.abc import Mapping

from findme.accounts import selfie_pictures
from findme.db import Pool
from findme.jobs.job_type import JobType
from findme.models import Job, JobKind
from findme.privacy import raw_traces
from findme.settings import Settings


class TraceJobs:
    """Handles REMOVE_TRACES, which a trigger enqueues with each deletion (migrations/0021)."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._embedded = settings.database_url is None
        self._pool = pool

    def types(self) -> Mapping[JobKind, JobType]:
        """Return what the kind of job registers."""
        return {JobKind.REMOVE_TRACES: JobType(self.remove_traces)}

    async def remove_traces(self, job: Job) -> None:
        """Remove the traces of all deletions that are committed, or of dropped selfies alone."""
        if job.payload == selfie_pictures.ONLY_SELFIES:
            await raw_traces.remove_of_selfies(self._pool, embedded=self._embedded)
            return
        await raw_traces.remove(self._pool, embedded=self._embedded)
