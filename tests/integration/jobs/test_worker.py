"""The durable queue at work: pump, workers, heartbeat and engine watch, until they are stopped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from findme import db, queue
from findme.db import Pool
from findme.errors import EngineUnavailable
from findme.jobs import engine_watch, heartbeat, worker
from findme.models import Job, JobKind
from findme.server import run_together
from tests.support.scripted_worker import Bench, add_job, bench, row_of

__all__ = ["bench"]


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naps and beats of a moment."""
    for module, name in (
        (worker, "POLL_SECONDS"),
        (engine_watch, "PARK_SECONDS"),
        (heartbeat, "BEAT_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 0.02)


@asynccontextmanager
async def at_work(
    bench: Bench, *, grace: float = worker.GRACE_SECONDS
) -> AsyncIterator["asyncio.Task[None]"]:
    """Run the loops; what they raise is raised on the way out."""
    loops = asyncio.create_task(run_together(bench.work.loops()))
    try:
        yield loops
    finally:
        await bench.work.stop(grace=grace)
        loops.cancel()
        await asyncio.wait([loops])
    if not loops.cancelled():
        await loops


async def ended(pool: Pool, job_id: int, state: str = "done") -> None:
    """Wait until a job has that state."""
    async with asyncio.timeout(30):
        while await pool.fetchval("select state from job where id = $1", job_id) != state:
            pass  # each look is a round trip, in which the loops go on


async def test_what_is_enqueued_is_done(pool: Pool, bench: Bench) -> None:
    async with at_work(bench):
        jobs = [await add_job(pool) for _ in range(10)]
        bench.work.wake()
        for job_id in jobs:
            await ended(pool, job_id)
    assert sorted(job.id for job in bench.done) == jobs


async def test_no_more_jobs_are_claimed_than_there_are_workers(pool: Pool, bench: Bench) -> None:
    started, go = asyncio.Semaphore(0), asyncio.Event()

    async def hold(_job: Job) -> None:
        started.release()
        await go.wait()

    for _ in range(8):
        await add_job(pool)
    async with at_work(bench.with_handler(hold)):
        for _ in range(3):
            await started.acquire()
        assert len(bench.work.active) == 3
        assert await pool.fetchval("select count(*) from job where state = 'running'") == 3
        go.set()


async def test_a_stop_lets_running_jobs_end_and_takes_no_more(pool: Pool, bench: Bench) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def hold(_job: Job) -> None:
        started.set()
        await go.wait()

    running = await add_job(pool)
    async with at_work(bench.with_handler(hold)):
        await started.wait()
        stopping = asyncio.create_task(bench.work.stop())
        late = await add_job(pool)
        go.set()
        await stopping
        assert (await row_of(pool, running))["state"] == "done"
        assert (await row_of(pool, late))["state"] == "queued"


async def test_what_does_not_end_in_the_grace_time_is_put_back(pool: Pool, bench: Bench) -> None:
    started = asyncio.Event()

    async def hang(_job: Job) -> None:
        started.set()
        await asyncio.Event().wait()

    job_id = await add_job(pool)
    async with at_work(bench.with_handler(hang), grace=0.0):
        await started.wait()
        await bench.work.stop(grace=0.0)
        row = await row_of(pool, job_id)
    assert (row["state"], row["attempts"], row["replica_id"]) == ("queued", 0, None)


async def test_a_stop_does_not_wait_for_jobs_of_an_engine_that_hangs(
    pool: Pool, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()

    async def hang(_job: Job) -> None:
        started.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(engine_watch, "SILENCE_SECONDS", 0.02)
    bench.engine_hangs = True
    job_id = await add_job(pool)
    async with at_work(bench.with_handler(hang), grace=0.0):
        await started.wait()
        async with asyncio.timeout(60):
            await bench.work.stop(grace=3600.0)
        row = await row_of(pool, job_id)
    assert (row["state"], row["attempts"], row["replica_id"]) == ("queued", 0, None)


async def test_parked_jobs_go_on_when_the_engine_answers_again(pool: Pool, bench: Bench) -> None:
    bench.outcomes = [EngineUnavailable()]
    bench.pings = [EngineUnavailable(), EngineUnavailable()]
    async with at_work(bench):
        job_id = await add_job(pool)
        await ended(pool, job_id)
    assert (bench.pings, bench.work.engine_answers) == ([], True)
    assert [job.attempts for job in bench.done] == [1]


async def test_work_without_the_engine_goes_on_during_its_outage(pool: Pool, bench: Bench) -> None:
    outage = True

    async def handle(job: Job) -> None:
        if outage and job.kind is JobKind.INDEX_PHOTO:
            raise EngineUnavailable

    bench.pings = [EngineUnavailable()] * 100_000
    async with at_work(bench.with_handler(handle)):
        photo = await add_job(pool)
        await ended(pool, await add_job(pool, JobKind.MATCH_SELFIE))
        assert (await row_of(pool, photo))["state"] != "failed"
        outage = False
        bench.pings.clear()
        await ended(pool, photo)


async def test_connections_that_the_server_cuts_cost_no_job_and_no_loop(
    cluster: str, database: str, pool: Pool, bench: Bench
) -> None:
    """A restart of PostgreSQL: every connection ends in the middle of what it does."""
    name = await pool.fetchval("select current_database()")
    admin = await asyncpg.connect(cluster)
    blocker = await asyncpg.connect(database)
    async with at_work(bench) as loops:
        lock = blocker.transaction()
        await lock.start()
        await blocker.execute("lock table job in access exclusive mode")
        bench.work.wake()
        async with asyncio.timeout(30):
            while not await admin.fetchval(
                """
                select exists (select from pg_stat_activity
                                where datname = $1 and wait_event_type = 'Lock')""",
                name,
            ):
                pass  # until a loop waits for the table
        await admin.execute(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
             where datname = $1 and pid <> $2""",
            name,
            blocker.get_server_pid(),
        )
        await lock.rollback()
        async with db.acquire(pool) as conn:
            job_id = await queue.enqueue(conn, JobKind.INDEX_PHOTO, label="photo.jpg")
        await ended(pool, job_id)
        assert not loops.done()
    await admin.close()
    await blocker.close()


async def test_a_service_that_was_taken_for_vanished_comes_back(pool: Pool, bench: Bench) -> None:
    """A machine that slept for minutes: others removed its row from the table of replicas."""
    await pool.execute("delete from replica where id = $1", bench.replica_id)
    async with at_work(bench):
        await ended(pool, await add_job(pool))
    assert await pool.fetchval("select count(*) from replica where id = $1", bench.replica_id) == 1


async def test_jobs_of_a_service_that_vanished_are_done_by_this_one(
    pool: Pool, bench: Bench
) -> None:
    gone: int = await pool.fetchval(
        """
        insert into replica (host, pid, seen_at)
        values ('elsewhere', 1, now() - interval '1 minute') returning id"""
    )
    job_id = await add_job(pool)
    async with db.acquire(pool) as conn:
        await queue.claim(conn, gone, 1)
    async with at_work(bench):
        await ended(pool, job_id)


async def test_work_goes_on_although_the_clock_was_set_back(pool: Pool, bench: Bench) -> None:
    """What is stored lies an hour in the future: neither jobs nor takeovers wait for it."""
    waiting, running = await add_job(pool), await add_job(pool)
    later = await add_job(pool, delay=600.0)
    other: int = await pool.fetchval(
        "insert into replica (host, pid) values ('dead', 1) returning id"
    )
    async with db.acquire(pool) as conn:
        await conn.execute(
            "update job set state = 'running', replica_id = $2 where id = $1", running, other
        )
        for table, column in (("job", "created_at"), ("job", "run_at"), ("replica", "seen_at")):
            await conn.execute(f"update {table} set {column} = {column} + interval '1 hour'")

    await bench.heartbeat.beat()

    assert [job.id for job in await bench.claim(10)] == [waiting]
    wait = (await row_of(pool, later))["wait"].total_seconds()
    assert 500 < wait <= 600
    seen = await pool.fetchval("select max(seen_at) <= now() from replica where id = $1", other)
    assert seen
