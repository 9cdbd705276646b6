"""The durable queue: the job table is the truth, asyncio.Queue hands work to the workers.

A job may run twice (a worker can vanish after the work and before the note of it), so handlers are
written such that twice equals once; and whoever finishes a job shows the lease it was claimed with.
"""

import asyncio
import logging
import os
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

from findme import db
from findme.db import Connection, Pool, Record
from findme.errors import BadImage, EngineRefused, EngineUnavailable, FindMeError, NotFound
from findme.models import EventId, Job, JobId, JobKind, PhotoId, SelfieId

log = logging.getLogger(__name__)

Handler = Callable[[Job], Awaitable[None]]

MAX_ATTEMPTS = 3
#: Seconds before the second and the third attempt; half as much again is added at random.
RETRY_DELAYS = (5.0, 30.0)
#: Seconds between questions to an engine that does not answer.
PARK_SECONDS = 2.0
#: A job that took so many processes down with it is not given to another.
MAX_INTERRUPTIONS = 20
#: Seconds between looks at the table where nothing wakes the pump.
POLL_SECONDS = 1.0
#: Seconds between two signs of life, and without one until a replica's jobs are taken from it.
BEAT_SECONDS = 3.0
DEAD_SECONDS = 20.0
#: Seconds that running jobs get to end when the service stops.
GRACE_SECONDS = 30.0

#: Waiting people go before waiting pictures; a sweep is claimed when its time has come.
PRIORITY = {
    JobKind.INDEX_SELFIE: 0,
    JobKind.MATCH_SELFIE: 0,
    JobKind.FORGET_FACES: 0,
    JobKind.DELETE_COLLECTION: 0,
    JobKind.MATCH_EVENT: 1,
    JobKind.REINDEX_EVENT: 1,
    JobKind.INDEX_PHOTO: 2,
    JobKind.GROUP_FACES: 3,
}


class LeaseLost(FindMeError):
    """The job was given to another worker meanwhile."""


async def enqueue(
    conn: Connection,
    kind: JobKind,
    *,
    label: str,
    event_id: EventId | None = None,
    photo_id: PhotoId | None = None,
    selfie_id: SelfieId | None = None,
    payload: object = None,
    delay: float = 0.0,
    parked: bool = False,
) -> JobId:
    """Add a job in the caller's transaction, due after *delay* seconds.

    A *parked* job waits for the face engine to answer.
    """
    return JobId(
        await conn.fetchval(
            """
            insert into job
                (kind, event_id, photo_id, selfie_id, payload, label, priority, run_at, parked)
            values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8), $9)
            returning id""",
            kind,
            event_id,
            photo_id,
            selfie_id,
            None if payload is None else orjson.dumps(payload).decode(),
            label,
            PRIORITY[kind],
            delay,
            parked,
        )
    )


async def enqueue_match(
    conn: Connection, event_id: EventId, *, idle: float, deadline: float
) -> None:
    """Ask for a sweep of the event: *idle* seconds after the last call, *deadline* after the first.

    There is one waiting sweep an event; asking again moves it, never past its deadline.
    """
    await conn.execute(
        """
        insert into job (kind, event_id, label, priority, run_at)
        values ('match_event', $1, 'match', $4, now() + make_interval(secs => $2))
        on conflict (event_id) where kind = 'match_event' and state = 'queued'
        do update set run_at = least(job.created_at + make_interval(secs => $3), excluded.run_at)
        """,
        event_id,
        idle,
        deadline,
        PRIORITY[JobKind.MATCH_EVENT],
    )


async def enqueue_reindex(conn: Connection, event_id: EventId) -> JobId:
    """Ask for a re-index of the event; one that waits or runs already will do."""
    await conn.execute(
        """
        insert into job (kind, event_id, label, priority)
        values ('reindex_event', $1, 're-index', $2)
        on conflict (event_id) where kind = 'reindex_event' and state in ('queued', 'running')
        do nothing""",
        event_id,
        PRIORITY[JobKind.REINDEX_EVENT],
    )
    return JobId(
        await conn.fetchval(
            "select max(id) from job where event_id = $1 and kind = 'reindex_event'", event_id
        )
    )


async def waiting_photos(conn: Connection) -> int:
    """Return how many photos wait for a worker (what PHOTO_QUEUE_MAX_SIZE bounds)."""
    count: int = await conn.fetchval(
        "select count(*) from job where state = 'queued' and kind = 'index_photo'"
    )
    return count


async def claim(conn: Connection, replica_id: int, limit: int, *, parked: bool = True) -> list[Job]:
    """Take up to *limit* due jobs, parked ones too or not; two callers never get the same one."""
    rows = await conn.fetch(
        """
        with due as (select id from job where state = 'queued' and run_at <= now()
                       and ($3 or not parked)
                     order by priority, id limit $2 for update skip locked)
        update job set state = 'running', attempts = attempts + 1, lease = lease + 1,
                       parked = false, replica_id = $1, started_at = now()
          from due where job.id = due.id
        returning job.*""",
        replica_id,
        limit,
        parked,
    )
    return [_job(row) for row in sorted(rows, key=lambda row: (row["priority"], row["id"]))]


async def claim_forgetting(pool: Pool, event_id: EventId) -> list[Job]:
    """Take an event's waiting FORGET_FACES for the request that just asked for them.

    Its process need not be a worker, so the claim names no replica: should the process vanish, the
    next sweep of `take_over` puts them back.
    """
    rows = await pool.fetch(
        """
        with waiting as (select id from job where state = 'queued' and kind = 'forget_faces'
                          and event_id = $1 for update skip locked)
        update job set state = 'running', attempts = attempts + 1, lease = lease + 1,
                       parked = false, started_at = now()
          from waiting where job.id = waiting.id
        returning job.*""",
        event_id,
    )
    return [_job(row) for row in rows]


async def put_back(pool: Pool, job: Job) -> None:
    """Give a job back that found no engine."""
    async with db.acquire(pool) as conn:
        await _settle(conn, job, "queued", counted=False, parked=True)


async def put_back_unheld(conn: Connection, replica_id: int, held: Collection[JobId]) -> int:
    """Give back what a replica claimed and never heard of; return how many jobs."""
    rows = await conn.fetch(
        """
        select * from job
         where state = 'running' and replica_id = $1 and id <> all($2::bigint[])""",
        replica_id,
        list(held),
    )
    for row in rows:
        await _settle(conn, _job(row), "queued", counted=False)
    return len(rows)


def _job(row: Record) -> Job:
    return Job(
        id=JobId(row["id"]),
        kind=JobKind(row["kind"]),
        event_id=row["event_id"],
        photo_id=row["photo_id"],
        selfie_id=row["selfie_id"],
        payload=None if row["payload"] is None else orjson.loads(row["payload"]),
        label=row["label"],
        attempts=row["attempts"] - row["interruptions"],
        lease=row["lease"],
    )


async def finish(conn: Connection, job: Job) -> None:
    """Note in the caller's transaction that the job is done; LeaseLost where it is not ours."""
    if not await _settle(conn, job, "done"):
        raise LeaseLost


async def _settle(
    conn: Connection,
    job: Job,
    state: str,
    *,
    error: str | None = None,
    delay: float = 0.0,
    counted: bool = True,
    parked: bool = False,
) -> bool:
    """Write what became of a running job; False where the lease is another's by now."""
    while True:
        if state == "queued" and await _superseded(conn, job.id):
            state, error, parked = "done", None, False
        try:
            async with conn.transaction():
                answer = await conn.execute(
                    """
                    update job set state = $3, error = $4, replica_id = null,
                           run_at = now() + make_interval(secs => $5),
                           attempts = attempts - case when $6 then 0 else 1 end, parked = $7,
                           finished_at = case when $3 in ('done', 'failed') then now() end
                     where id = $1 and lease = $2 and state = 'running'""",
                    job.id,
                    job.lease,
                    state,
                    error,
                    delay,
                    counted,
                    parked,
                )
        except asyncpg.UniqueViolationError:
            continue  # another sweep of the event was asked for at this moment
        return answer == "UPDATE 1"


async def _superseded(conn: Connection, job_id: JobId) -> bool:
    """Whether another sweep of the job's event waits: it does all that this one would."""
    waits: bool = await conn.fetchval(
        """
        select exists (
            select from job join job as other on other.event_id = job.event_id
             where job.id = $1 and job.kind = 'match_event' and other.kind = 'match_event'
               and other.state = 'queued' and other.id <> job.id)""",
        job_id,
    )
    return waits


async def retry(conn: Connection, job_id: JobId) -> None:
    """Give a failed job a fresh start; NotFound where there is no such failed job."""
    state = "done" if await _superseded(conn, job_id) else "queued"
    answer = await conn.execute(
        """
        update job set state = $2, attempts = 0, interruptions = 0, error = null,
               run_at = now(), finished_at = case when $2 = 'done' then now() end
         where id = $1 and state = 'failed'""",
        job_id,
        state,
    )
    if answer != "UPDATE 1":
        raise NotFound("There is no failed job with this id.")


async def take_over(conn: Connection, *, everyone: bool = False) -> int:
    """Put the jobs of vanished replicas back and return how many there were.

    A replica has vanished when it gave no sign of life for DEAD_SECONDS; with *everyone* all that
    run are put back (for the one service on an embedded database, which knows it is alone).
    """
    while True:
        try:
            async with conn.transaction():
                taken = await _put_back_abandoned(conn, everyone)
            break
        except asyncpg.UniqueViolationError:
            continue  # a sweep of an event was asked for at this moment
    await conn.execute(
        "delete from replica where $1 or seen_at < now() - make_interval(secs => $2)",
        everyone,
        DEAD_SECONDS * 10,
    )
    return taken


async def _put_back_abandoned(conn: Connection, everyone: bool) -> int:
    """Put abandoned jobs back; of an event's sweeps only one, since one may wait at a time."""
    rows = await conn.fetch(
        """
        with abandoned as (
            select id, interruptions >= $3 as hopeless,
                   kind = 'match_event' and (
                       row_number() over (partition by kind, event_id order by id) > 1
                       or exists (select from job as other
                                   where other.event_id = job.event_id
                                     and other.kind = 'match_event' and other.state = 'queued')
                   ) as superseded
              from job
             where state = 'running'
               and ($1 or (replica_id is null
                           and started_at < now() - make_interval(secs => $2)) or replica_id in (
                    select id from replica where seen_at < now() - make_interval(secs => $2))))
        update job set state = case when superseded then 'done'
                                    when hopeless then 'failed' else 'queued' end,
               error = case when hopeless and not superseded
                            then 'The service was interrupted each time this job ran.' end,
               finished_at = case when hopeless or superseded then now() end,
               interruptions = interruptions + 1, replica_id = null, run_at = now()
          from abandoned where job.id = abandoned.id and state = 'running'
        returning job.id""",
        everyone,
        DEAD_SECONDS,
        MAX_INTERRUPTIONS,
    )
    return len(rows)


@asynccontextmanager
async def register_replica(pool: Pool) -> AsyncIterator[int]:
    """Enter this process into the table of replicas; leave it on the way out."""
    replica_id: int = await pool.fetchval(
        "insert into replica (host, pid) values ($1, $2) returning id",
        socket.gethostname(),
        os.getpid(),
    )
    try:
        yield replica_id
    finally:
        # without a database the others find out by themselves
        with suppress(*db.TROUBLE):
            await pool.execute("delete from replica where id = $1", replica_id)


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
    ) -> None:
        self._pool = pool
        self._handlers = handlers
        self._ping_engine = ping_engine
        self._engine_answers = asyncio.Event()
        self._engine_answers.set()
        self._engine_out = asyncio.Event()
        self._workers = workers
        self._replica_id = replica_id
        self._claimed: asyncio.Queue[Job] = asyncio.Queue(maxsize=workers)
        self._idle = asyncio.Semaphore(workers)
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: dict[int, tuple[Job, datetime]] = {}
        self._held: set[JobId] = set()
        #: A claim may have been noted without our hearing of it.
        self._unsure = False

    @property
    def active(self) -> Mapping[int, tuple[Job, datetime]]:
        """The jobs in work by worker number, with the time each began."""
        return self._running

    def wake(self) -> None:
        """Look at the table now: something was enqueued."""
        self._wake.set()

    @property
    def engine_answers(self) -> bool:
        """False during an outage of the face engine: parked jobs wait, others go on."""
        return self._engine_answers.is_set()

    def note_outage(self) -> None:
        """Hold parked jobs back until the engine answers again."""
        if self._engine_answers.is_set():
            log.warning("[PhotoQueue] The face engine does not answer: its work waits")
        self._engine_answers.clear()
        self._engine_out.set()

    def loops(self) -> dict[str, Any]:
        """Return the coroutines that make the queue run, by task name."""
        workers = {f"PhotoWorker-{n}": self._work(n) for n in range(self._workers)}
        return {
            "queue-pump": self._pump(),
            "queue-heartbeat": self._beat(),
            "queue-engine-watch": self._await_engine(),
            **workers,
        }

    async def stop(self, *, grace: float = GRACE_SECONDS) -> None:
        """Stop claiming, wait up to *grace* seconds for running jobs, and put the rest back."""
        self._stopping.set()
        self._wake.set()
        waiting = [self._claimed.get_nowait() for _ in range(self._claimed.qsize())]
        deadline = asyncio.get_running_loop().time() + grace
        while self._running and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        left = [*waiting, *(job for job, _ in self._running.values())]
        if not left:
            return
        try:
            async with db.acquire(self._pool) as conn:
                for job in left:
                    await _settle(conn, job, "queued", counted=False)
        except db.TROUBLE as error:
            log.warning("[PhotoQueue] %d jobs are left to the next start: %s", len(left), error)
        else:
            log.info("[PhotoQueue] %d jobs put back", len(left))

    async def _pump(self) -> None:
        """Claim due jobs, never more than there are idle workers."""
        while not self._stopping.is_set():
            await self._idle.acquire()
            free = 1
            while free < self._workers and not self._idle.locked():
                await self._idle.acquire()
                free += 1
            jobs = [] if self._stopping.is_set() else await self._claim(free)
            for job in jobs:
                self._held.add(job.id)
                self._claimed.put_nowait(job)
            for _ in range(free - len(jobs)):
                self._idle.release()
            if len(jobs) < free:
                await self._nap(POLL_SECONDS)
        await asyncio.Event().wait()

    async def _claim(self, limit: int) -> list[Job]:
        self._wake.clear()
        try:
            async with db.acquire(self._pool) as conn:
                if self._unsure:
                    await put_back_unheld(conn, self._replica_id, self._held)
                    self._unsure = False
                return await claim(conn, self._replica_id, limit, parked=self.engine_answers)
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
                log.info("[%s] Processing job %s: %s", name, job.id, job.label)
                await self._run(name, job)
            finally:
                del self._running[number]
                self._held.discard(job.id)
                self._idle.release()
                self._wake.set()

    async def _run(self, name: str, job: Job) -> None:
        """Run one job and write down what became of it, however long the database is away."""
        state, error, delay, counted, parked = "done", None, 0.0, True, False
        try:
            await self._handlers[job.kind](job)
            log.info("[%s] Job %s completed: %s", name, job.id, job.label)
        except LeaseLost:
            log.warning("[%s] Job %s was taken over by another worker", name, job.id)
            return
        except EngineUnavailable as problem:
            state, error, counted, parked = "queued", str(problem), False, True
            self.note_outage()
            log.warning("[%s] Job %s waits for the face engine: %s", name, job.id, problem)
        except (BadImage, EngineRefused, NotFound) as problem:
            state, error = "failed", str(problem)
            log.warning("[%s] Job %s failed: %s", name, job.id, problem)
        except db.TROUBLE as problem:
            state, error, delay, counted = "queued", str(problem), PARK_SECONDS, False
            log.warning("[%s] Job %s lost the database: %s", name, job.id, problem)
        except Exception as problem:  # a job's bug is the job's failure, never the worker's end
            error = f"Unexpected error: {problem or type(problem).__name__}"
            state = "failed" if job.attempts >= MAX_ATTEMPTS else "queued"
            if state == "queued":
                delay = RETRY_DELAYS[job.attempts - 1] * random.uniform(1.0, 1.5)  # noqa: S311
            log.exception("[%s] Job %s: attempt %d failed", name, job.id, job.attempts)
        while True:
            try:
                async with db.acquire(self._pool) as conn:
                    await _settle(
                        conn,
                        job,
                        state,
                        error=error,
                        delay=delay,
                        counted=counted,
                        parked=parked,
                    )
                return
            except db.TROUBLE as problem:
                log.warning("[%s] Job %s cannot be noted yet: %s", name, job.id, problem)
                await asyncio.sleep(POLL_SECONDS)

    async def _await_engine(self) -> None:
        """In an outage, ask the engine until it answers; then let the parked jobs go on."""
        while True:
            await self._engine_out.wait()
            await asyncio.sleep(PARK_SECONDS)
            try:
                await self._ping_engine()
            except EngineUnavailable:
                continue
            self._engine_out.clear()
            self._engine_answers.set()
            log.info("[PhotoQueue] The face engine answers: its work goes on")
            self.wake()

    async def _beat(self) -> None:
        """Give signs of life, and take over the jobs of replicas that gave none."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with db.transaction(self._pool) as conn:
                    # entered anew where a long sleep of the machine made others remove it
                    await conn.execute(
                        """
                        insert into replica (id, host, pid) overriding system value
                        values ($1, $2, $3) on conflict (id) do update set seen_at = now()""",
                        self._replica_id,
                        socket.gethostname(),
                        os.getpid(),
                    )
                    if taken := await take_over(conn):
                        log.warning("[PhotoQueue] %d jobs of a vanished service put back", taken)
                        self._wake.set()
            except db.TROUBLE as error:
                log.warning("[PhotoQueue] No sign of life could be given: %s", error)
