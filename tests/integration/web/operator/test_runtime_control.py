"""The operator's hand on the queue: pause, resume, how many at a time, and the failed jobs."""

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp import ClientResponse

from findme import db, queue
from findme.db import Pool
from findme.errors import BadImage, EngineUnavailable
from findme.jobs import worker
from findme.jobs.outcome import outcome_of
from findme.models import Job, JobKind
from findme.operations import job_history, job_retry, runtime_control
from findme.recognition.rate_limiter import Slots
from findme.server import run_together
from tests.conftest import App
from tests.support.helpers import make_event, member, problem
from tests.support.no_engine_app import app, settings
from tests.support.scripted_worker import Bench, add_job, bench, row_of

__all__ = ["app", "bench", "settings"]

QUEUE = "/api/admin/queue"


async def stats(app: App) -> dict[str, object]:
    body = await (await app.client.get(f"{QUEUE}/stats", headers=app.admin)).json()
    return {**body["queue"], "limit": body["rekognition"]["limit"]}


def is_paused(app: App) -> bool:
    return app.queue.paused


async def test_pause_and_resume_are_told_and_kept(app: App) -> None:
    answer = await app.client.post(f"{QUEUE}/pause", headers=app.admin)
    assert await answer.json() == {"paused": True, "workers": 3, "concurrency": 10}
    assert is_paused(app)
    assert (await stats(app))["paused"] is True
    resources = app.resources
    app.queue.configure(paused=False, workers=3)
    # what another process, or this one after a restart, makes of it
    await runtime_control.follow(resources.pool, resources.settings, app.queue, resources.faces)
    assert is_paused(app)
    answer = await app.client.post(f"{QUEUE}/resume", headers=app.admin)
    assert (await answer.json())["paused"] is False
    assert not is_paused(app)
    assert (await stats(app))["paused"] is False


async def test_how_many_at_a_time_is_changed_and_given_back_to_the_settings(app: App) -> None:
    body = {"workers": 5, "concurrency": 2}
    answer = await app.client.patch(QUEUE, json=body, headers=app.admin)
    assert await answer.json() == {"paused": False, **body}
    assert (app.queue.workers, app.resources.faces.slots.limit) == (5, 2)
    told = await stats(app)
    assert (told["workers"], told["limit"]) == (5, 2)
    answer = await app.client.patch(QUEUE, json={"workers": None}, headers=app.admin)
    assert await answer.json() == {"paused": False, "workers": 3, "concurrency": 2}
    assert app.queue.workers == 3


NONSENSE: Sequence[dict[str, object]] = [
    {"workers": 0},
    {"workers": 65},
    {"workers": "3"},
    {"workers": True},
    {"concurrency": 1001},
    {"concurrency": 1.5},
    {"paused": True},
]


async def test_nonsense_changes_nothing(app: App) -> None:
    for body in NONSENSE:
        answer = await app.client.patch(QUEUE, json=body, headers=app.admin)
        assert await problem(answer) == (422, "invalid_request"), body
        assert app.queue.workers == 3, body


async def test_only_admins_steer(app: App) -> None:
    event = await make_event(app)
    guest = await member(app.resources.pool, event)

    async def calls(headers: dict[str, str]) -> list[ClientResponse]:
        return [
            await app.client.post(f"{QUEUE}/pause", headers=headers),
            await app.client.post(f"{QUEUE}/resume", headers=headers),
            await app.client.patch(QUEUE, json={"workers": 1}, headers=headers),
            await app.client.post(f"{QUEUE}/jobs/retry", json={"state": "failed"}, headers=headers),
        ]

    assert [answer.status for answer in await calls({})] == [401] * 4
    assert [answer.status for answer in await calls(guest.headers)] == [404] * 4
    assert (app.queue.paused, app.queue.workers) == (False, 3)


async def test_a_paused_queue_begins_nothing_and_goes_on_when_resumed(
    pool: Pool, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    bench.work.configure(paused=True, workers=3)
    loops = asyncio.create_task(run_together(bench.work.loops()))
    job_id = await add_job(pool)
    bench.work.wake()
    for _ in range(20):  # each look is a round trip, in which the pump would have had its turn
        assert (await row_of(pool, job_id))["state"] == "queued"
    bench.work.configure(paused=False, workers=3)
    await asyncio.wait_for(bench.ran.wait(), 30)
    await bench.work.stop()
    loops.cancel()
    await asyncio.wait([loops])
    assert [job.id for job in bench.done] == [job_id]


async def test_more_and_fewer_workers_take_effect_while_jobs_run(pool: Pool, bench: Bench) -> None:
    running: list[Job] = []
    begun, go_on = asyncio.Condition(), asyncio.Semaphore(0)

    async def hold(job: Job) -> None:
        async with begun:
            running.append(job)
            begun.notify_all()
        await go_on.acquire()
        running.remove(job)

    async def reached(count: int) -> None:
        async with asyncio.timeout(30), begun:
            await begun.wait_for(lambda: len(running) == count)

    bench.with_handler(hold)
    for _ in range(10):
        await add_job(pool)
    loops = asyncio.create_task(run_together(bench.work.loops()))
    await reached(3)
    bench.work.configure(paused=False, workers=5)
    await reached(5)
    bench.work.configure(paused=False, workers=1)
    for _ in range(5):
        go_on.release()
    # of the five that wait, one alone is begun
    await reached(1)
    async with asyncio.timeout(30):
        while await pool.fetchval("select count(*) from job where state = 'done'") < 5:
            pass
    assert await pool.fetchval("select count(*) from job where state = 'running'") == 1
    for _ in range(10):
        go_on.release()
    async with asyncio.timeout(30):
        while len(bench.done) < 10:
            await pool.fetchval("select 1")
    await bench.work.stop()
    loops.cancel()
    await asyncio.wait([loops])


async def test_slots_follow_their_bound_while_calls_are_under_way() -> None:
    slots = Slots(1)
    await slots.acquire()
    waiting = [asyncio.create_task(slots.acquire()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    slots.resize(3)
    done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(left)) == (2, 1)
    slots.resize(1)
    slots.release()
    slots.release()
    await asyncio.sleep(0)
    assert not any(task.done() for task in left)
    slots.release()
    await asyncio.wait(left)
    assert all(task.done() for task in left)


async def fail(pool: Pool, kind: JobKind, event_id: int | None = None) -> int:
    """Add a job that failed."""
    job_id: int = await pool.fetchval(
        """
        insert into job (kind, event_id, label, priority, state, attempts, error, finished_at,
                         dedupe_key)
        values ($1, $2, 'x', 2, 'failed', 3, 'No.', now(), $3) returning id""",
        kind,
        event_id,
        None if kind is JobKind.INDEX_PHOTO else f"{kind}:{event_id}",
    )
    return job_id


async def test_all_failed_jobs_are_retried_of_one_event_or_of_all(app: App) -> None:
    pool = app.resources.pool
    first, second = await make_event(app), await make_event(app)
    for event in (first, first, second):
        await fail(pool, JobKind.INDEX_PHOTO, int(event["id"]))
    body: dict[str, str] = {"state": "failed", "event_id": first["id"]}
    answer = await app.client.post(f"{QUEUE}/jobs/retry", json=body, headers=app.admin)
    assert (answer.status, await answer.json()) == (202, {"retried": 2})
    assert await pool.fetchval("select count(*) from job where state = 'failed'") == 1
    answer = await app.client.post(
        f"{QUEUE}/jobs/retry", json={"state": "failed"}, headers=app.admin
    )
    assert await answer.json() == {"retried": 1}
    row = await pool.fetchrow("select state, attempts, error from job limit 1")
    assert row is not None
    assert tuple(row) == ("queued", 0, None)
    for wrong, status in (({}, 422), ({"state": "done"}, 422),
                          ({"state": "failed", "event_id": "999"}, 404)):  # fmt: skip
        answer = await app.client.post(f"{QUEUE}/jobs/retry", json=wrong, headers=app.admin)
        assert (await problem(answer))[0] == status


@pytest.mark.parametrize("kind", [JobKind.MATCH_EVENT, JobKind.REINDEX_EVENT])
async def test_of_an_events_failed_sweeps_one_does_what_all_would(app: App, kind: JobKind) -> None:
    pool = app.resources.pool
    event_id = int((await make_event(app))["id"])
    jobs = [await fail(pool, kind, event_id) for _ in range(3)]
    async with db.acquire(pool) as conn:
        assert await job_retry.retry_failed(conn, None, {}) == 3
    states = await pool.fetch("select state from job where id = any($1) order by id", jobs)
    assert [row["state"] for row in states] == ["queued", "done", "done"]
    # one by one they are told the same
    another = await fail(pool, kind, event_id)
    answer = await app.client.post(f"{QUEUE}/jobs/{another}/retry", headers=app.admin)
    assert (answer.status, (await answer.json())["state"]) == (202, "done")


async def test_a_job_has_its_history(app: App) -> None:
    pool = app.resources.pool
    async with db.acquire(pool) as conn:
        job_id = await queue.enqueue(conn, JobKind.INDEX_PHOTO, label="a.jpg")
        (job,) = await queue.claim(conn, app.queue.replica_id, 1)
        await queue.record_outcome(conn, job, outcome_of(EngineUnavailable("No engine."), job))
        (job,) = await queue.claim(conn, app.queue.replica_id, 1)
        await queue.record_outcome(conn, job, outcome_of(BadImage("Broken."), job))
        await job_retry.retry(conn, job_id, {})
    body = await (await app.client.get(f"{QUEUE}/jobs/{job_id}", headers=app.admin)).json()
    assert [(step["what"], step["detail"]) for step in body["history"]] == [
        ("queued", None),
        ("running", "attempt 1"),
        ("queued", "No engine."),
        ("running", "attempt 1"),
        ("failed", "Broken."),
        ("queued", "retried"),
    ]
    times = [step["at"] for step in body["history"]]
    assert times == sorted(times)


async def test_old_jobs_go_and_the_totals_stay(app: App) -> None:
    pool = app.resources.pool
    async with db.acquire(pool) as conn:
        for name in ("old.jpg", "new.jpg", "waits.jpg"):
            await queue.enqueue(conn, JobKind.INDEX_PHOTO, label=name)
        for job in await queue.claim(conn, app.queue.replica_id, 2):
            await queue.complete(conn, job)
        await conn.execute(
            "update job set finished_at = now() - $1::interval where label = 'old.jpg'",
            job_history.KEPT,
        )
        assert await job_history.prune(conn) == 1
        await job_history.fold_tally(conn)
        await job_history.fold_tally(conn)
        left = await conn.fetch("select label from job order by id")
        assert [row["label"] for row in left] == ["new.jpg", "waits.jpg"]
        assert await conn.fetchval("select count(*) from job_tally") == 1
        assert await conn.fetchval("select count(distinct job_id) from job_step") == 2
    told = await stats(app)
    assert (told["total_enqueued"], told["total_processed"]) == (3, 2)
    assert (told["current_queue_size"], told["total_failed"]) == (1, 0)


async def test_the_totals_are_right_whoever_counts_at_the_same_time(pool: Pool) -> None:
    async def add(count: int) -> None:
        for _ in range(count):
            await add_job(pool)

    async def fold(times: int) -> None:
        for _ in range(times):
            async with db.acquire(pool) as conn:
                await job_history.fold_tally(conn)

    await asyncio.gather(*(add(25) for _ in range(4)), fold(25), fold(25))
    assert await pool.fetchval("select sum(enqueued) from job_tally") == 100
    assert await pool.fetchval("select sum(done) from job_tally") == 0
