"""The pump and the workers of a process: asyncio.Queue hands the job table's work to coroutines.

How many jobs run at a time is the pump's decision alone: a worker without a job costs nothing, so
there are never fewer of them than were ever asked for.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg

from findme import db, logs, queue
from findme.db import Pool
from findme.errors import (
    BadImage,
    CollectionRebuilding,
    DeliveryFailed,
    DeliveryRefused,
    EngineRefused,
    EngineUnavailable,
    NotFound,
)
from findme.jobs.engine_watch import EngineWatch
from findme.jobs.heartbeat import Heartbeat
from findme.models import Job, JobId, JobKind

log = logging.getLogger(__name__)

Handler = Callable[[Job], Awaitable[None]]
#: Does what follows a job that has failed for good, and why it has; twice equals once.
GivenUp = Callable[[Job, str], Awaitable[None]]
#: Told of each job that a worker lets go: what state it came to, after how many seconds.
Listener = Callable[[Job, str, float], None]

MAX_ATTEMPTS = 3
#: A job that took more processes down with it is not begun again.
MAX_INTERRUPTIONS = 20
#: Seconds before the second and the third attempt; half as much again is added at random.
RETRY_DELAYS = (5.0, 30.0)
#: The same for messages: mail servers that know no sender yet want him to come back in minutes.
DELIVERY_DELAYS = (60.0, 600.0)
#: Seconds until a job that lost the database is tried again.
DATABASE_DELAY = 2.0
#: Seconds that work waits for a re-index, whose switch ends the wait; each try renders photos anew.
REBUILD_SECONDS = 60.0
#: Seconds between looks at the table where nothing wakes the pump.
POLL_SECONDS = 1.0
#: Seconds that running jobs get to end when the service stops.
GRACE_SECONDS = 30.0


class WorkQueue:
    """The pump and the workers of this process."""

    def __init__(
        self,
        pool: Pool,
        handlers: Mapping[JobKind, Handler],
        *,
        workers: int,
        replica_id: int,
        ping_engine: Callable[[], Awaitable[None]],
        given_up: Mapping[JobKind, GivenUp],
    ) -> None:
        self._pool = pool
        self._handlers = handlers
        self._given_up = given_up
        self.engine = EngineWatch(ping_engine, self.wake)
        self._heartbeat = Heartbeat(pool, replica_id, self.engine, self.wake)
        self._workers = workers
        #: Under which this process claims jobs (table `replica`).
        self.replica_id = replica_id
        self._paused = False
        self._claimed: asyncio.Queue[Job] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._more_workers = asyncio.Event()
        self._listeners: list[Listener] = []
        self._stopping = asyncio.Event()
        self._running: dict[int, tuple[Job, datetime]] = {}
        self._held: set[JobId] = set()
        #: A claim may have been noted without our hearing of it.
        self._unsure = False

    @property
    def active(self) -> Mapping[int, tuple[Job, datetime]]:
        """The jobs in work by worker number, with the time each began."""
        return self._running

    @property
    def workers(self) -> int:
        """How many jobs may run at a time."""
        return self._workers

    @property
    def paused(self) -> bool:
        """Whether no job is begun; those that run end."""
        return self._paused

    def configure(self, *, paused: bool, workers: int) -> None:
        """Pause or go on, with so many jobs at a time; running jobs are left alone."""
        if paused != self._paused:
            log.info("[PhotoQueue] %s", "Paused" if paused else "Resumed")
        if workers != self._workers:
            log.info("[PhotoQueue] %d workers instead of %d", workers, self._workers)
        self._paused, self._workers = paused, workers
        self._more_workers.set()
        self.wake()

    def listen(self, listener: Listener) -> None:
        """Call *listener* for each job that a worker lets go."""
        self._listeners.append(listener)

    def wake(self) -> None:
        """Look at the table now: something was enqueued."""
        self._wake.set()

    @property
    def engine_answers(self) -> bool:
        """False during an outage of the face engine: parked jobs wait, others go on."""
        return self.engine.answers

    def note_outage(self) -> None:
        """Hold parked jobs back until the engine answers again."""
        self.engine.note_outage()

    def loops(self) -> dict[str, Any]:
        """Return the coroutines that make the queue run, by task name."""
        return {
            "queue-pump": self._pump(),
            "queue-heartbeat": self._heartbeat.run(),
            "queue-engine-watch": self.engine.run(),
            "queue-workers": self._staff(),
        }

    async def stop(self, *, grace: float = GRACE_SECONDS) -> None:
        """Stop claiming, wait up to *grace* seconds for running jobs, and put the rest back.

        Where the face engine or the database answers no more, waiting ends earlier.
        """
        self._stopping.set()
        self._wake.set()
        waiting = [self._claimed.get_nowait() for _ in range(self._claimed.qsize())]
        silent = asyncio.create_task(self.engine.is_silent(), name="queue-engine-silent")
        deadline = asyncio.get_running_loop().time() + grace
        while self._running and asyncio.get_running_loop().time() < deadline:
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
                    await queue.settle(conn, job, "queued", counted=False)
        except db.TROUBLE as error:
            log.warning("[PhotoQueue] %d jobs are left to the next start: %s", len(left), error)
        else:
            log.info("[PhotoQueue] %d jobs put back", len(left))

    async def _pump(self) -> None:
        """Claim due jobs, never more than there is room for."""
        while not self._stopping.is_set():
            self._wake.clear()
            free = 0 if self._paused else self._workers - len(self._held)
            jobs = await self._claim(free) if free > 0 else []
            for job in jobs:
                self._held.add(job.id)
                self._claimed.put_nowait(job)
            if len(jobs) < free or free <= 0:
                await self._nap(POLL_SECONDS)
        await asyncio.Event().wait()

    async def _staff(self) -> None:
        """Run the workers; more of them when more are asked for."""
        async with asyncio.TaskGroup() as group:
            begun = 0
            while True:
                self._more_workers.clear()
                for number in range(begun, self._workers):
                    group.create_task(self._work(number), name=f"PhotoWorker-{number}")
                begun = max(begun, self._workers)
                await self._more_workers.wait()

    async def _claim(self, limit: int) -> list[Job]:
        try:
            async with db.acquire(self._pool) as conn:
                if self._unsure:
                    await queue.put_back_unheld(conn, self.replica_id, self._held)
                    self._unsure = False
                return await queue.claim(conn, self.replica_id, limit, parked=self.engine_answers)
        except db.TROUBLE as error:
            self._unsure = True
            log.warning("[PhotoQueue] The database does not answer: %s", error)
            return []
        except asyncpg.ForeignKeyViolationError:
            log.warning("[PhotoQueue] This service was taken for vanished; it enters itself again")
            return []

    async def _nap(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

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
                self._wake.set()

    async def run_until_idle(self) -> None:
        """Run due jobs, and those that they enqueue, until none is due; needs no loop to run."""
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
        """Run one claimed job and record its outcome, however long the database is away."""
        state, error, delay, counted, parked = "done", None, 0.0, True, False
        begun = time.monotonic()
        try:
            await self._perform(job)
            log.info("[%s] Job %s completed: %s", name, job.id, job.label)
        except queue.LeaseLost:
            log.warning("[%s] Job %s was taken over by another worker", name, job.id)
            return
        except CollectionRebuilding as problem:
            state, error, delay, counted = "queued", str(problem), REBUILD_SECONDS, False
            log.warning("[%s] Job %s waits for a re-index: %s", name, job.id, problem)
        except EngineUnavailable as problem:
            state, error, counted, parked = "queued", str(problem), False, True
            self.note_outage()
            log.warning("[%s] Job %s waits for the face engine: %s", name, job.id, problem)
        except (BadImage, DeliveryRefused, EngineRefused, NotFound, queue.Interrupted) as problem:
            state, error = "failed", str(problem)
            log.warning("[%s] Job %s failed: %s", name, job.id, problem)
        except DeliveryFailed as problem:
            state, error = "failed" if job.attempts >= MAX_ATTEMPTS else "queued", str(problem)
            delay = 0.0 if state == "failed" else DELIVERY_DELAYS[job.attempts - 1]
            log.warning("[%s] Job %s: attempt %d failed: %s", name, job.id, job.attempts, problem)
        except Exception as problem:  # a job's bug is the job's failure, never the worker's end
            if db.is_trouble(problem):
                state, error, delay, counted = "queued", str(problem), DATABASE_DELAY, False
                log.warning("[%s] Job %s lost the database: %s", name, job.id, problem)
            elif await self._is_gone(job):
                log.info("[%s] Job %s ended with its event: %s", name, job.id, job.label)
                return
            else:
                error = f"Unexpected error: {problem or type(problem).__name__}"
                state = "failed" if job.attempts >= MAX_ATTEMPTS else "queued"
                if state == "queued":
                    delay = RETRY_DELAYS[job.attempts - 1] * random.uniform(1.0, 1.5)  # noqa: S311
                log.exception("[%s] Job %s: attempt %d failed", name, job.id, job.attempts)
        for listener in self._listeners:
            listener(job, state, time.monotonic() - begun)
        while True:
            try:
                if state == "failed" and error is not None and job.kind in self._given_up:
                    # before it is noted: should this process end here, both are done again
                    await self._give_up(job, error)
                async with db.acquire(self._pool) as conn:
                    await queue.settle(
                        conn, job, state, error=error, delay=delay, counted=counted, parked=parked
                    )
                return
            except db.TROUBLE as problem:
                log.warning("[%s] Job %s cannot be noted yet: %s", name, job.id, problem)
                await asyncio.sleep(POLL_SECONDS)

    async def _perform(self, job: Job) -> None:
        if job.interruptions > MAX_INTERRUPTIONS:
            raise queue.Interrupted
        await self._handlers[job.kind](job)

    async def _give_up(self, job: Job, error: str) -> None:
        try:
            await self._given_up[job.kind](job, error)
        except db.TROUBLE:
            raise
        except Exception:  # as with the job itself: not the worker's end
            log.exception("[PhotoQueue] Job %s has failed, and what follows as well", job.id)

    async def _is_gone(self, job: Job) -> bool:
        """Whether a job was deleted with its event while it ran: then nothing is left to do."""
        try:
            async with db.acquire(self._pool) as conn:
                return not await queue.is_there(conn, job.id)
        except db.TROUBLE:
            return False
