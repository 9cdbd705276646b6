"""Runs one claimed job: its handler, the record of its outcome, and what follows a failure."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from findme import db, queue
from findme.db import Pool
from findme.jobs.engine_watch import EngineWatch
from findme.jobs.job_type import JobType
from findme.jobs.outcome import Interrupted, outcome_of
from findme.models import Job, JobKind, JobState
from findme.queue import LeaseLost, Outcome

log = logging.getLogger(__name__)

#: Is called after each run: the job, the state that it came to, and the seconds that it took.
Listener = Callable[[Job, str, float], None]

#: A job whose process died more often is not run again.
MAX_INTERRUPTIONS = 20
#: Seconds between attempts to record an outcome while the database is away.
RECORD_SECONDS = 1.0


class JobRunner:
    """Runs jobs by the types of their kinds."""

    def __init__(self, pool: Pool, types: Mapping[JobKind, JobType], engine: EngineWatch) -> None:
        self._pool = pool
        self._types = types
        self._engine = engine
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call *listener* after each run."""
        self._listeners.append(listener)

    async def run(self, name: str, job: Job) -> None:
        """Run a job and record its outcome, however long the database is away."""
        begun = time.monotonic()
        error = await self._error_of(job)
        if isinstance(error, LeaseLost):
            log.warning("[%s] Job %s was taken over by another worker", name, job.id)
            return
        outcome = outcome_of(error, job)
        if outcome.unexpected and not await self._exists(job):
            log.info("[%s] Job %s ended with its event: %s", name, job.id, job.label)
            return
        _log_outcome(name, job, outcome, error)
        if outcome.parked:
            self._engine.note_outage()
        for listener in self._listeners:
            listener(job, outcome.state, time.monotonic() - begun)
        await self._record(name, job, outcome)

    async def _error_of(self, job: Job) -> Exception | None:
        """Run the handler and return what it raised, if anything."""
        if job.interruptions > MAX_INTERRUPTIONS:
            return Interrupted()
        try:
            await self._types[job.kind].handler(job)
        except Exception as error:  # noqa: BLE001  # an error ends the job, never the worker
            return error
        return None

    async def _exists(self, job: Job) -> bool:
        """Whether a job was not deleted with its event meanwhile."""
        try:
            async with db.acquire(self._pool) as conn:
                return await queue.exists(conn, job.id)
        except db.CONNECTION_ERRORS:
            return True

    async def _record(self, name: str, job: Job, outcome: Outcome) -> None:
        while True:
            try:
                # before the outcome is recorded: if this process dies here, both are repeated
                await self._follow_failure(job, outcome)
                async with db.acquire(self._pool) as conn:
                    await queue.record_outcome(conn, job, outcome)
            except db.CONNECTION_ERRORS as error:
                log.warning("[%s] Job %s cannot be recorded yet: %s", name, job.id, error)
                await asyncio.sleep(RECORD_SECONDS)
            else:
                return

    async def _follow_failure(self, job: Job, outcome: Outcome) -> None:
        on_failure = self._types[job.kind].on_failure
        if outcome.state is not JobState.FAILED or outcome.error is None or on_failure is None:
            return
        try:
            await on_failure(job, outcome.error)
        except db.CONNECTION_ERRORS:
            raise
        except Exception:  # like the job's own error, it must not end the worker
            log.exception("[PhotoQueue] Job %s has failed, and so has its follow-up", job.id)


def _log_outcome(name: str, job: Job, outcome: Outcome, error: Exception | None) -> None:
    if error is None:
        log.info("[%s] Job %s completed: %s", name, job.id, job.label)
    elif outcome.unexpected:
        log.error("[%s] Job %s %s", name, job.id, outcome.summary, exc_info=error)
    else:
        log.warning("[%s] Job %s %s: %s", name, job.id, outcome.summary, error)
