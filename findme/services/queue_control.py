"""An operator's control of the queue: pause, resume, set limits, retry jobs, reindex an event."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from findme import db
from findme.db import Pool, Record
from findme.faces import reindex_state
from findme.gallery import events
from findme.models import EventId, JobId, JobKind, UserId
from findme.operations import job_history, job_retry, runtime_control
from findme.operations.runtime_control import Control
from findme.privacy import audit_log
from findme.queue import OnRetry
from findme.rekognition import Rekognition
from findme.settings import Settings
from findme.workers import Workers


@dataclass(frozen=True, slots=True)
class QueueControl:
    """Changes the queue of all processes; this process follows at once, others within seconds."""

    settings: Settings
    pool: Pool
    faces: Rekognition
    workers: Workers
    #: Prepare the subjects of failed jobs for another run, by kind.
    on_retry: Mapping[JobKind, OnRetry]

    async def set_paused(self, actor: UserId, *, paused: bool) -> Control:
        """Pause or resume the jobs; those that run go on. Writes nothing if nothing changes."""
        async with db.transaction(self.pool) as conn:
            now = await runtime_control.get(conn, for_update=True)
            wanted = replace(now, paused=paused)
            if wanted != now:
                await runtime_control.put(conn, wanted)
                await audit_log.note(conn, actor, "queue.paused" if paused else "queue.resumed")
        self._follow(wanted)
        return wanted

    async def set_limits(self, actor: UserId, changes: Mapping[str, int | None]) -> Control:
        """Set `workers` and `concurrency` of each process; None: as its settings say."""
        async with db.transaction(self.pool) as conn:
            now = await runtime_control.get(conn, for_update=True)
            wanted = replace(
                now,
                workers=changes.get("workers", now.workers),
                concurrency=changes.get("concurrency", now.concurrency),
            )
            await runtime_control.put(conn, wanted)
            await audit_log.note(conn, actor, "queue.changed", detail=changes)
        self._follow(wanted)
        return wanted

    async def retry_job(self, actor: UserId, job_id: JobId) -> Record:
        """Retry a failed job, and return it; NotFound if no such job has failed."""
        async with db.transaction(self.pool) as conn:
            await job_retry.retry(conn, job_id, self.on_retry)
            await audit_log.note(conn, actor, "job.retried", subjects=[job_id])
            row = await job_history.find(conn, job_id)
        self.workers.wake()
        return row

    async def retry_failed(self, actor: UserId, event_id: EventId | None) -> int:
        """Retry all failed jobs of an event or (None) of all events; return their number.

        NotFound if there is no such event.
        """
        async with db.transaction(self.pool) as conn:
            if event_id is not None:
                await events.get(conn, event_id)
            retried = await job_retry.retry_failed(conn, event_id, self.on_retry)
            await audit_log.note(
                conn, actor, "jobs.retried", event_id=event_id, detail={"jobs": retried}
            )
        self.workers.wake()
        return retried

    async def reindex_event(self, actor: UserId, event_id: EventId) -> JobId:
        """Enqueue a job that rebuilds an event's collection from its stored pictures; return it.

        NotFound if there is no such event.
        """
        async with db.transaction(self.pool) as conn:
            event = await events.get(conn, event_id)
            job_id = await reindex_state.request_reindex(conn, event.id)
            await audit_log.note(conn, actor, "event.reindexed", event_id=event.id)
        self.workers.wake()
        return job_id

    def _follow(self, control: Control) -> None:
        runtime_control.apply(control, self.settings, self.workers, self.faces)
