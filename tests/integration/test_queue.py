"""The durable queue as a table: claims, leases, retries, take-overs, sweeps."""

import asyncio
import errno
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from findme import db, queue
from findme.db import Connection, Pool, Record
from findme.errors import BadImage, EngineRefused, EngineUnavailable, NotFound
from findme.faces.reindex_state import request_reindex
from findme.faces.sweep_requests import enqueue_sweep
from findme.jobs import job_runner, outcome, worker_registry
from findme.models import EventId, Job, JobId, JobKind
from findme.operations import job_retry
from findme.queue import Dedupe, LeaseLost
from tests.support.helpers import add_gala
from tests.support.scripted_worker import Bench, add_job, bench, row_of

__all__ = ["bench"]


async def test_two_workers_never_get_the_same_job(pool: Pool, bench: Bench) -> None:
    for _ in range(40):
        await add_job(pool)

    async def take() -> list[Job]:
        taken: list[Job] = []
        async with db.acquire(pool) as conn:
            while jobs := await queue.claim(conn, bench.replica_id, 3):
                taken += jobs
        return taken

    taken = await asyncio.gather(*(take() for _ in range(6)))
    ids = [job.id for jobs in taken for job in jobs]
    assert len(ids) == len(set(ids)) == 40


async def test_people_who_wait_go_before_pictures_that_wait(pool: Pool, bench: Bench) -> None:
    photo = await add_job(pool)
    selfie = await add_job(pool, JobKind.INDEX_SELFIE)
    assert [job.id for job in await bench.claim(5)] == [selfie, photo]


async def test_a_job_that_is_not_due_is_left_alone(pool: Pool, bench: Bench) -> None:
    await add_job(pool, delay=60.0)
    assert await bench.claim() == []


async def test_a_job_finished_by_an_old_lease_is_not_finished(pool: Pool, bench: Bench) -> None:
    job_id = await add_job(pool)
    (old,) = await bench.claim()
    assert await bench.vanish() == 1
    (new,) = await bench.claim()
    assert (new.id, new.lease) == (old.id, old.lease + 1)
    async with db.acquire(pool) as conn:
        with pytest.raises(LeaseLost):
            await queue.complete(conn, old)
        assert (await row_of(pool, job_id))["state"] == "running"
        await queue.complete(conn, new)
    assert (await row_of(pool, job_id))["state"] == "done"


async def test_a_result_and_its_note_are_one_transaction(pool: Pool, bench: Bench) -> None:
    await add_job(pool)
    (job,) = await bench.claim()
    async with db.acquire(pool) as conn:
        transaction = conn.transaction()
        await transaction.start()
        await queue.complete(conn, job)
        await transaction.rollback()
    assert (await row_of(pool, job.id))["state"] == "running"


async def test_a_failure_is_tried_three_times_with_growing_delay(pool: Pool, bench: Bench) -> None:
    bench.outcomes = [ValueError("odd"), ValueError("odd"), ValueError("still odd")]
    job_id = await add_job(pool)
    delays: list[timedelta] = []
    for _ in range(2):
        await bench.run_due()
        row = await row_of(pool, job_id)
        assert (row["state"], row["error"]) == ("queued", "Unexpected error: odd")
        delays.append(row["wait"])
        await pool.execute("update job set run_at = now() where id = $1", job_id)
    await bench.run_due()
    row = await row_of(pool, job_id)
    assert (row["state"], row["error"], row["attempts"]) == (
        "failed",
        "Unexpected error: still odd",
        outcome.MAX_ATTEMPTS,
    )
    assert row["finished_at"] is not None
    least = [timedelta(seconds=seconds - 1) for seconds in outcome.RETRY_DELAYS]
    assert delays[0] > least[0]
    assert delays[1] > least[1] > 2 * delays[0]


@pytest.mark.parametrize(
    "problem",
    [BadImage("It is damaged."), EngineRefused("It is refused."), NotFound("It is gone.")],
)
async def test_a_permanent_error_fails_at_once_with_its_sentence(
    pool: Pool, bench: Bench, problem: Exception
) -> None:
    bench.outcomes = [problem]
    job_id = await add_job(pool)
    await bench.run_due()
    row = await row_of(pool, job_id)
    assert (row["state"], row["error"], row["attempts"]) == ("failed", str(problem), 1)


async def test_an_outage_of_the_engine_parks_jobs_and_is_no_attempt(
    pool: Pool, bench: Bench
) -> None:
    bench.outcomes = [EngineUnavailable(), EngineUnavailable()]
    parked, other = await add_job(pool), await add_job(pool)
    await bench.run_due(limit=1)
    row = await row_of(pool, parked)
    assert (row["state"], row["attempts"], row["parked"]) == ("queued", 0, True)
    assert not bench.work.engine_answers
    async with db.acquire(pool) as conn:
        others = await queue.claim(conn, bench.replica_id, 5, parked=bench.work.engine_answers)
        assert [job.id for job in others] == [other]
        again = await queue.claim(conn, bench.replica_id, 5)
    assert [(job.id, job.attempts) for job in again] == [(parked, 1)]


async def test_the_loss_of_the_database_is_no_attempt(pool: Pool, bench: Bench) -> None:
    bench.outcomes = [ConnectionResetError("gone")]
    job_id = await add_job(pool)
    await bench.run_due()
    row = await row_of(pool, job_id)
    assert (row["state"], row["attempts"]) == ("queued", 0)


async def test_a_file_that_cannot_be_written_is_a_failure_that_counts(
    pool: Pool, bench: Bench, tmp_path: Path
) -> None:
    async def write(_job: Job) -> None:
        await asyncio.to_thread((tmp_path / "gone" / "original").write_bytes, b"photo")

    job_id = await add_job(pool)
    await bench.with_handler(write).run_due()
    row = await row_of(pool, job_id)
    assert (row["state"], row["attempts"]) == ("queued", 1)
    assert row["error"].startswith("Unexpected error: [Errno 2] No such file")


async def test_a_disk_without_room_is_waited_for(pool: Pool, bench: Bench) -> None:
    bench.outcomes = [OSError(errno.ENOSPC, "No space left on device", "original")]
    job_id = await add_job(pool)
    await bench.run_due()
    row = await row_of(pool, job_id)
    assert (row["state"], row["attempts"]) == ("queued", 0)


async def test_a_wrong_argument_to_the_database_is_a_failure_that_counts(
    pool: Pool, bench: Bench
) -> None:
    async def wrong(_job: Job) -> None:
        await pool.fetchval("select $1::int", "not a number")

    job_id = await add_job(pool)
    await bench.with_handler(wrong).run_due()
    row = await row_of(pool, job_id)
    assert (row["state"], row["attempts"]) == ("queued", 1)


async def test_a_failed_job_gets_a_fresh_start_and_no_other_does(pool: Pool, bench: Bench) -> None:
    bench.outcomes = [BadImage("Damaged.")]
    job_id = await add_job(pool)
    async with db.acquire(pool) as conn:
        with pytest.raises(NotFound):
            await job_retry.retry(conn, job_id, {})
        await bench.run_due()
        await job_retry.retry(conn, job_id, {})
    row = await row_of(pool, job_id)
    assert (row["state"], row["attempts"], row["error"]) == ("queued", 0, None)


async def test_jobs_of_a_vanished_replica_are_taken_over(pool: Pool, bench: Bench) -> None:
    theirs, ours = await add_job(pool), await add_job(pool)
    async with db.acquire(pool) as conn:
        gone = await silent_replica(conn)
        await queue.claim(conn, gone, 1)
        await age(conn, gone)
        await bench.claim()
        assert await worker_registry.take_over(conn) == 1
    assert (await row_of(pool, theirs))["state"] == "queued"
    assert (await row_of(pool, ours))["state"] == "running"
    (job,) = await bench.claim()
    assert (job.id, job.attempts) == (theirs, 1)


async def test_who_claims_a_job_has_not_vanished(pool: Pool, bench: Bench) -> None:
    """A service whose start takes long claims jobs before its first heartbeat."""
    job_id = await add_job(pool)
    async with db.acquire(pool) as conn:
        late = await silent_replica(conn)
        await queue.claim(conn, late, 1)
        assert await worker_registry.take_over(conn) == 0
        assert (await row_of(pool, job_id))["state"] == "running"
        # a look at an empty table is no sign of life
        await age(conn, late)
        assert await queue.claim(conn, late, 1) == []
        assert await worker_registry.take_over(conn) == 1


async def silent_replica(conn: Connection) -> int:
    """Register a service that gave no heartbeat for longer than a living one."""
    replica_id: int = await conn.fetchval(
        "insert into replica (host, pid) values ('elsewhere', 1) returning id"
    )
    await age(conn, replica_id)
    return replica_id


async def age(conn: Connection, replica_id: int) -> None:
    await conn.execute(
        "update replica set seen_at = now() - make_interval(secs => $2) where id = $1",
        replica_id,
        worker_registry.DEAD_SECONDS + 1,
    )


async def test_jobs_of_a_replica_whose_row_is_gone_are_taken_over(pool: Pool, bench: Bench) -> None:
    job_id = await add_job(pool)
    await bench.claim()
    await pool.execute("delete from replica where id = $1", bench.replica_id)
    async with db.acquire(pool) as conn:
        assert await worker_registry.take_over(conn) == 0
        await pool.execute(
            "update job set started_at = now() - make_interval(secs => $1)",
            worker_registry.DEAD_SECONDS + 1,
        )
        assert await worker_registry.take_over(conn) == 1
    assert (await row_of(pool, job_id))["state"] == "queued"


async def test_a_job_that_takes_every_process_down_is_given_up(pool: Pool, bench: Bench) -> None:
    job_id = await add_job(pool)
    for _ in range(job_runner.MAX_INTERRUPTIONS):
        (job,) = await bench.claim()
        assert job.attempts == 1
        await bench.vanish()
    assert (await row_of(pool, job_id))["state"] == "queued"
    await bench.claim()
    await bench.vanish()
    await bench.run_due()
    assert bench.done == []
    row = await row_of(pool, job_id)
    assert (row["state"], row["error"]) == (
        "failed",
        "The service was interrupted each time this job ran.",
    )


async def make_event(pool: Pool) -> EventId:
    async with db.transaction(pool) as conn:
        return (await add_gala(conn)).id


async def sweeps(pool: Pool) -> list[Record]:
    return await pool.fetch(
        "select state, run_at - created_at as wait from job where kind = 'match_event' order by id"
    )


async def test_an_event_has_one_waiting_sweep_that_moves_until_its_deadline(pool: Pool) -> None:
    event_id = await make_event(pool)
    async with db.acquire(pool) as conn:
        await enqueue_sweep(conn, event_id, delay=5, latest=30)
        (first,) = await sweeps(pool)
        await enqueue_sweep(conn, event_id, delay=20, latest=30)
        (moved,) = await sweeps(pool)
        await enqueue_sweep(conn, event_id, delay=60, latest=30)
        (bounded,) = await sweeps(pool)
    assert first["wait"] == timedelta(seconds=5)
    assert timedelta(seconds=20) <= moved["wait"] < timedelta(seconds=30)
    assert bounded["wait"] == timedelta(seconds=30)


async def test_what_comes_during_a_sweep_asks_for_another(pool: Pool, bench: Bench) -> None:
    event_id = await make_event(pool)
    async with db.acquire(pool) as conn:
        await enqueue_sweep(conn, event_id, delay=0, latest=30)
        await bench.claim()
        await enqueue_sweep(conn, event_id, delay=0, latest=30)
    assert [row["state"] for row in await sweeps(pool)] == ["running", "queued"]


async def test_a_sweep_that_has_to_wait_is_not_asked_for_twice(pool: Pool, bench: Bench) -> None:
    """It goes back to the queue, where the next one stands already."""
    event_id = await make_event(pool)
    async with db.acquire(pool) as conn:
        await enqueue_sweep(conn, event_id, delay=0, latest=30)
        (job,) = await bench.claim()
        await enqueue_sweep(conn, event_id, delay=0, latest=30)
    bench.outcomes = [EngineUnavailable()]
    await bench.run(job)
    assert [row["state"] for row in await sweeps(pool)] == ["done", "queued"]


async def test_a_vanished_sweep_with_a_successor_is_taken_over(pool: Pool, bench: Bench) -> None:
    event_id = await make_event(pool)
    async with db.acquire(pool) as conn:
        await enqueue_sweep(conn, event_id, delay=0, latest=30)
        await bench.claim()
        await enqueue_sweep(conn, event_id, delay=0, latest=30)
    await bench.vanish()
    assert [row["state"] for row in await sweeps(pool)] == ["done", "queued"]


async def test_of_two_vanished_sweeps_one_is_put_back(pool: Pool, bench: Bench) -> None:
    event_id = await make_event(pool)
    async with db.acquire(pool) as conn:
        for _ in range(2):
            await enqueue_sweep(conn, event_id, delay=0, latest=30)
            await bench.claim()
    await bench.vanish()
    assert sorted(row["state"] for row in await sweeps(pool)) == ["done", "queued"]


async def test_a_failed_sweep_with_a_successor_needs_no_fresh_start(
    pool: Pool, bench: Bench
) -> None:
    event_id = await make_event(pool)
    bench.outcomes = [BadImage("Odd.")]
    async with db.acquire(pool) as conn:
        await enqueue_sweep(conn, event_id, delay=0, latest=30)
        (job,) = await bench.claim()
        await bench.run(job)
        await enqueue_sweep(conn, event_id, delay=0, latest=30)
        await job_retry.retry(conn, job.id, {})
    assert [row["state"] for row in await sweeps(pool)] == ["done", "queued"]


async def test_claiming_reads_the_index_of_due_jobs(pool: Pool) -> None:
    await pool.execute("""
        insert into job (kind, label, priority, state, finished_at)
        select 'index_photo', 'old', 2, 'done', now() from generate_series(1, 20000)""")
    await pool.execute("""
        insert into job (kind, label, priority)
        select 'index_photo', 'new', 2 from generate_series(1, 2000)""")
    await pool.execute("vacuum analyze job")
    plan = await pool.fetch("""
        explain select id from job where state = 'queued' and run_at <= now()
                   and (true or not parked)
                 order by priority, id limit 3 for update skip locked""")
    text = "\n".join(row[0] for row in plan)
    assert "Index Scan using job_due on job" in text
    assert "Sort" not in text


async def test_a_key_is_free_again_once_its_job_runs(pool: Pool, bench: Bench) -> None:
    async with db.acquire(pool) as conn:
        first = await add_unique(conn)
        assert await add_unique(conn) == first
        await bench.claim()
        second = await add_unique(conn)
        assert second != first
        assert await add_unique(conn) == second


async def test_a_key_can_be_held_while_its_job_runs(pool: Pool, bench: Bench) -> None:
    async with db.acquire(pool) as conn:
        first = await add_unique(conn, while_running=True)
        (job,) = await bench.claim()
        assert await add_unique(conn, while_running=True) == first
        assert await queue.is_pending(conn, "the key")
        await queue.complete(conn, job)
        assert not await queue.is_pending(conn, "the key")
        assert await add_unique(conn, while_running=True) != first


async def test_a_reindex_that_waits_or_runs_is_returned(pool: Pool, bench: Bench) -> None:
    event_id, other = await make_event(pool), await make_event(pool)
    async with db.acquire(pool) as conn:
        first = await request_reindex(conn, event_id)
        assert await request_reindex(conn, event_id) == first
        assert await request_reindex(conn, other) != first
        await bench.claim(limit=1)
        assert await request_reindex(conn, event_id) == first


async def test_requests_at_the_same_moment_make_one_job(pool: Pool) -> None:
    async def ask() -> JobId:
        async with db.transaction(pool) as conn:
            return await add_unique(conn)

    assert len(set(await asyncio.gather(*(ask() for _ in range(8))))) == 1


async def test_a_job_is_put_back_while_its_successor_is_enqueued(pool: Pool, bench: Bench) -> None:
    """The other transaction holds the key without having committed it: then it must be awaited."""
    async with db.acquire(pool) as conn:
        await add_unique(conn)
    (job,) = await bench.claim()
    async with db.acquire(pool) as conn, db.acquire(pool) as other:
        transaction = other.transaction()
        await transaction.start()
        await add_unique(other)
        putting_back = asyncio.create_task(queue.record_outcome(conn, job, queue.PUT_BACK))
        async with asyncio.timeout(30):
            while not await pool.fetchval("""
                select exists (select from pg_stat_activity where wait_event_type = 'Lock'
                                  and datname = current_database())"""):
                pass  # until it waits for the other transaction
        await transaction.commit()
        assert await putting_back
    assert [row["state"] for row in await pool.fetch("select state from job order by id")] == [
        "done",
        "queued",
    ]


async def test_of_failed_jobs_with_one_key_one_starts_afresh(pool: Pool, bench: Bench) -> None:
    bench.outcomes = [BadImage("Odd.")] * 3
    async with db.acquire(pool) as conn:
        for _ in range(2):
            await add_unique(conn)
            await bench.run_due()
        await add_job(pool)
        await bench.run_due()
        prepared: list[list[JobId]] = []

        async def prepare(_conn: db.Connection, job_ids: Sequence[JobId]) -> None:
            prepared.append(list(job_ids))

        async with conn.transaction():
            on_retry = {JobKind.INDEX_PHOTO: prepare}
            assert await job_retry.retry_failed(conn, None, on_retry) == 3
    rows = await pool.fetch("select id, state, attempts from job order by id")
    assert [row["state"] for row in rows] == ["queued", "done", "queued"]
    assert prepared == [[rows[2]["id"]]]
    assert {row["attempts"] for row in rows if row["state"] == "queued"} == {0}


async def add_unique(conn: db.Connection, *, while_running: bool = False) -> JobId:
    return await queue.enqueue(
        conn,
        JobKind.MATCH_EVENT,
        label="match",
        dedupe=Dedupe("the key", while_running=while_running),
    )


async def test_looking_for_a_key_reads_its_index(pool: Pool) -> None:
    await pool.execute("""
        insert into job (kind, label, priority, dedupe_key)
        select 'match_event', 'match', 1, 'key ' || n from generate_series(1, 5000) as n""")
    await pool.execute("vacuum analyze job")
    plan = await pool.fetch("""
        explain select from job where dedupe_key = 'key 7'
                   and (state = 'queued' or state = 'running' and dedupe_running)""")
    assert "using job_dedupe on job" in "\n".join(row[0] for row in plan)
