"""The pump and the workers of a process: an asyncio.Queue passes claimed jobs to coroutines.

How many jobs run at a time is the pump's decision alone: a worker without a job costs nothing, so
there are never fewer of them than were ever asked for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg

from findme import db, logs, queue
from findme.db import Pool
from findme.jobs.engine_watch import EngineWatch
from findme.jobs.heartbeat import Heartbeat
from findme.jobs.job_runner import JobRunner, Listener
from findme.jobs.job_type import JobType
from findme.models import Job, JobId, JobKind
from findme.queue import PUT_BACK

log = logging.getLogger(__name__)

#: Seconds between looks at the table if nothing wakes the pump.
POLL_SECONDS = 1.0
#: Seconds that running jobs get to end when the service stops.
GRACE_SECONDS = 30.0


class WorkQueue:
    """The pump and the workers of this process."""

    def __init__(
        self,
        pool: Pool,
        types: Mapping[JobKind, JobType],
        *,
        workers: int,
        replica_id: int,
        ping_engine: Callable[[], Awaitable[None]],
    ) -> None:
        self._pool = pool
        self._types = types
        self.engine = EngineWatch(ping_engine, self.wake)
        self._heartbeat = Heartbeat(pool, replica_id, self.engine, self.wake)
        self._runner = JobRunner(pool, types, self.engine)
        self._workers = workers
        #: Under which this process claims jobs (table `replica`).
        self.replica_id = replica_id
        self._paused = False
        self._claimed: asyncio.Queue[Job] = asyncio.Queue()
        self._wakeup = asyncio.Event()
        self._more_workers = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: dict[int, tuple[Job, datetime]] = {}
        self._held: set[JobId] = set()
        #: Whether a claim may have been committed although its answer was lost.
        self._unsure = False

    @property
    def active(self) -> Mapping[int, tuple[Job, datetime]]:
        """The jobs that run, by worker number, with the time at which each began."""
        return self._running

    @property
    def workers(self) -> int:
        """How many jobs may run at a time."""
        return self._workers

    @property
    def paused(self) -> bool:
        """Whether no further job is started; those that run go on."""
        return self._paused

    @property
    def engine_answers(self) -> bool:
        """False during an outage of the face engine: parked jobs wait, others go on."""
        return self.engine.answers

    def configure(self, *, paused: bool, workers: int) -> None:
        """Pause or resume, with so many jobs at a time; running jobs are left alone."""
        if paused != self._paused:
            log.info("[PhotoQueue] %s", "Paused" if paused else "Resumed")
        if workers != self._workers:
            log.info("[PhotoQueue] Workers: %d (before: %d)", workers, self._workers)
        self._paused, self._workers = paused, workers
        self._more_workers.set()
        self.wake()

    def listen(self, listener: Listener) -> None:
        """Call *listener* after each run of a job."""
        self._runner.listen(listener)

    def wake(self) -> None:
        """Look at the table now: something was enqueued."""
        self._wakeup.set()

    def note_outage(self) -> None:
        """Hold parked jobs back until the engine answers again."""
        self.engine.note_outage()

    def loops(self) -> dict[str, Any]:
        """Return the coroutines that make the queue run, by task name."""
        return {
            "queue-pump": self._pump(),
            "queue-heartbeat": self._heartbeat.run(),
            "queue-engine-watch": self.engine.run(),
            "queue-workers": self._spawn_workers(),
        }

    async def stop(self, *, grace: float = GRACE_SECONDS) -> None:
        """Stop claiming, wait up to *grace* seconds for running jobs, and put the rest back.

        The wait ends earlier if the face engine or the database does not answer any more. Jobs that
        resume are not waited for: a re-index takes many minutes.
        """
        self._stopping.set()
        self._wakeup.set()
        waiting = [self._claimed.get_nowait() for _ in range(self._claimed.qsize())]
        silent = asyncio.create_task(self.engine.is_silent(), name="queue-engine-silent")
        deadline = asyncio.get_running_loop().time() + grace
        while self._must_end() and asyncio.get_running_loop().time() < deadline:
            if self._pool.is_closing() or (silent.done() and silent.result()):
                break
            await asyncio.sleep(0.05)
        silent.cancel()
        left = [*waiting, *(job for job, _ in self._running.values())]
        if not left:
            return
        try:
            async with db.acquire(self._pool) as conn:
                for job in left:
                    await queue.record_outcome(conn, job, PUT_BACK)
        except db.CONNECTION_ERRORS as error:
            log.warning("[PhotoQueue] %d jobs are left to the next start: %s", len(left), error)
        else:
            log.info("[PhotoQueue] %d jobs put back", len(left))

    def _must_end(self) -> bool:
        return any(not self._types[job.kind].resumable for job, _ in self._running.values())

    # Without loops --------------------------------------------------------------------------------

    async def run_until_idle(self) -> None:
        """Run due jobs, and those that they enqueue, until none is due."""
        while await self.run_due():
            pass

    async def run_due(self) -> int:
        """Claim due jobs, parked ones too, one for each worker; run them and return how many."""
        async with db.acquire(self._pool) as conn:
            jobs = await queue.claim(conn, self.replica_id, self._workers)
        async with asyncio.TaskGroup() as group:
            for number, job in enumerate(jobs):
                group.create_task(self.run_job(f"PhotoWorker-{number}", job))
        return len(jobs)

    async def run_job(self, name: str, job: Job) -> None:
        """Run one claimed job as the worker *name*, and record its outcome."""
        await self._runner.run(name, job)

    # Loops ----------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        """Claim due jobs, never more than there are workers without a job."""
        while not self._stopping.is_set():
            self._wakeup.clear()
            free = 0 if self._paused else self._workers - len(self._held)
            jobs = await self._claim(free) if free > 0 else []
            for job in jobs:
                self._held.add(job.id)
                self._claimed.put_nowait(job)
            if len(jobs) < free or free <= 0:
                await self._wait_for_wakeup(POLL_SECONDS)
        await asyncio.Event().wait()

    async def _claim(self, limit: int) -> list[Job]:
        try:
            async with db.acquire(self._pool) as conn:
                if self._unsure:
                    async with conn.transaction():
                        await queue.requeue_unheld(conn, self.replica_id, self._held)
                    self._unsure = False
                return await queue.claim(conn, self.replica_id, limit, parked=self.engine_answers)
        except db.CONNECTION_ERRORS as error:
            self._unsure = True
            log.warning("[PhotoQueue] The database does not answer: %s", error)
            return []
        except asyncpg.ForeignKeyViolationError:
            log.warning("[PhotoQueue] This service counted as vanished; it registers again")
            return []

    async def _wait_for_wakeup(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wakeup.wait()
        except TimeoutError:
            pass

    async def _spawn_workers(self) -> None:
        """Run the workers; spawn more of them when more are asked for."""
        async with asyncio.TaskGroup() as group:
            begun = 0
            while True:
                self._more_workers.clear()
                for number in range(begun, self._workers):
                    group.create_task(self._work(number), name=f"PhotoWorker-{number}")
                begun = max(begun, self._workers)
                await self._more_workers.wait()

    async def _work(self, number: int) -> None:
        name = f"PhotoWorker-{number}"
        while True:
            job = await self._claimed.get()
            self._running[number] = (job, datetime.now(UTC))
            try:
                with logs.within(job_id=job.id, event_id=job.event_id):
                    log.info("[%s] Processing job %s: %s", name, job.id, job.label)
                    await self.run_job(name, job)
            finally:
                del self._running[number]
                self._held.discard(job.id)
                self._wakeup.set()
