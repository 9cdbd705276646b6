"""A work queue over a fresh database whose handler does what the test says."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from findme import db, queue
from findme.db import Pool, Record
from findme.jobs import worker_registry
from findme.jobs.heartbeat import Heartbeat
from findme.jobs.job_type import Handler, JobType, OnFailure
from findme.jobs.worker import WorkQueue
from findme.models import Job, JobId, JobKind


@dataclass
class Bench:
    """A registered replica with its queue; jobs run one by one, by name, or in the loops."""

    pool: Pool
    replica_id: int
    #: What the next runs raise; afterwards all goes well.
    outcomes: list[Exception] = field(default_factory=list)
    done: list[Job] = field(default_factory=list)
    pings: list[Exception] = field(default_factory=list)
    engine_hangs: bool = False
    handler: Handler | None = None
    on_failure: OnFailure | None = None

    @property
    def heartbeat(self) -> Heartbeat:
        """The heartbeat of this replica, for which the engine answers as `work` says."""
        return Heartbeat(self.pool, self.replica_id, self.work.engine, self.work.wake)

    def __post_init__(self) -> None:
        self.ran = asyncio.Event()
        self.work = WorkQueue(
            self.pool,
            dict.fromkeys(JobKind, JobType(self._handle, on_failure=self._follow)),
            workers=3,
            replica_id=self.replica_id,
            ping_engine=self._ping,
        )

    def with_handler(self, handler: Handler) -> "Bench":
        """Do something of the test's own."""
        self.handler = handler
        return self

    async def _handle(self, job: Job) -> None:
        if self.handler is not None:
            await self.handler(job)
        elif self.outcomes:
            raise self.outcomes.pop(0)
        self.done.append(job)
        self.ran.set()

    async def _follow(self, job: Job, error: str) -> None:
        if self.on_failure is not None:
            await self.on_failure(job, error)

    async def _ping(self) -> None:
        if self.engine_hangs:
            await asyncio.Event().wait()
        if self.pings:
            raise self.pings.pop(0)

    async def claim(self, limit: int = 1) -> Sequence[Job]:
        """Claim due jobs as this replica."""
        async with db.acquire(self.pool) as conn:
            return await queue.claim(conn, self.replica_id, limit)

    async def vanish(self) -> int:
        """Be taken for dead for once; return how many jobs were put back."""
        async with db.acquire(self.pool) as conn:
            await conn.execute(
                "update replica set seen_at = now() - make_interval(secs => $1)",
                worker_registry.DEAD_SECONDS + 1,
            )
            taken = await worker_registry.take_over(conn)
            await conn.execute("update replica set seen_at = now()")
        return taken

    async def run(self, job: Job) -> None:
        """Run a claimed job as a worker does."""
        await self.work.run_job("PhotoWorker-0", job)

    async def run_due(self, limit: int = 10) -> None:
        """Claim what is due and run it."""
        for job in await self.claim(limit):
            await self.run(job)


@pytest.fixture
async def bench(pool: Pool) -> AsyncIterator[Bench]:
    """A bench on the test's database."""
    async with worker_registry.register_replica(pool) as replica_id:
        yield Bench(pool, replica_id)


async def add_job(pool: Pool, kind: JobKind = JobKind.INDEX_PHOTO, *, delay: float = 0.0) -> JobId:
    """Add a job without a subject."""
    async with db.acquire(pool) as conn:
        return await queue.enqueue(conn, kind, label="photo.jpg", delay=delay)


async def row_of(pool: Pool, job_id: JobId) -> Record:
    """Return a job's row, with `wait`: how long until it is due."""
    row = await pool.fetchrow("select *, run_at - now() as wait from job where id = $1", job_id)
    assert row is not None
    return row
