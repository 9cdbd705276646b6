"""The queue is controlled without an HTTP request: this process follows, and the log names who."""

import json
from collections.abc import AsyncIterator

import pytest

from findme import db, rekognition
from findme.db import Pool
from findme.errors import NotFound
from findme.jobs.no_workers import NoWorkers
from findme.models import EventId, UserId
from findme.operations import runtime_control
from findme.rekognition import Rekognition
from findme.services.queue_control import QueueControl
from findme.settings import Settings
from tests.conftest import Engine


@pytest.fixture
async def faces(engine: Engine) -> AsyncIterator[Rekognition]:
    async with rekognition.open_client(
        limit=4,
        endpoint_url=engine.url,
        region=engine.region,
        access_key_id=engine.access_key_id,
        secret_access_key=engine.secret_access_key,
    ) as client:
        yield client


@pytest.fixture
def service(settings: Settings, pool: Pool, faces: Rekognition) -> QueueControl:
    """The control in a process without workers."""
    return QueueControl(settings, pool, faces, NoWorkers(), {})


async def noted(pool: Pool) -> list[tuple[str, object]]:
    rows = await pool.fetch("select action, detail from audit order by id")
    return [(row["action"], json.loads(row["detail"])) for row in rows]


async def test_limits_hold_at_once_and_a_pause_is_noted_once(
    pool: Pool, service: QueueControl, faces: Rekognition, admin_id: UserId
) -> None:
    await service.set_limits(admin_id, {"concurrency": 7})
    assert faces.slots.limit == 7
    await service.set_paused(admin_id, paused=True)
    await service.set_paused(admin_id, paused=True)
    await service.set_limits(admin_id, {"workers": 2, "concurrency": None})
    assert faces.slots.limit == service.settings.aws_concurrent_requests

    async with db.acquire(pool) as conn:
        assert await runtime_control.get(conn) == runtime_control.Control(True, 2, None)
    assert await noted(pool) == [
        ("queue.changed", {"concurrency": 7}),
        ("queue.paused", {}),
        ("queue.changed", {"workers": 2, "concurrency": None}),
    ]


async def test_failed_jobs_of_an_event_start_afresh(
    pool: Pool, service: QueueControl, admin_id: UserId
) -> None:
    events = [
        await pool.fetchval(
            "insert into event (code, name, collection_id) values ($1, $1, $1) returning id", name
        )
        for name in ("ours", "another")
    ]
    jobs = [
        await pool.fetchval(
            """
            insert into job (kind, event_id, state, attempts, label, error, priority)
            values ('delete_collection', $1, 'failed', 5, 'x', 'no', 1) returning id""",
            event_id,
        )
        for event_id in events
    ]
    assert await service.retry_failed(admin_id, EventId(events[0])) == 1
    assert (await service.retry_job(admin_id, jobs[1]))["state"] == "queued"
    with pytest.raises(NotFound):
        await service.retry_job(admin_id, jobs[1])
    with pytest.raises(NotFound):
        await service.retry_failed(admin_id, EventId(events[1] + 1))

    assert await noted(pool) == [("jobs.retried", {"jobs": 1}), ("job.retried", {})]


async def test_a_reindex_is_enqueued_for_an_event_that_is_there(
    pool: Pool, service: QueueControl, admin_id: UserId
) -> None:
    event_id = await pool.fetchval(
        "insert into event (code, name, collection_id) values ('a', 'a', 'a') returning id"
    )
    job_id = await service.reindex_event(admin_id, event_id)
    with pytest.raises(NotFound):
        await service.reindex_event(admin_id, EventId(event_id + 1))

    jobs = {row["kind"]: row["id"] for row in await pool.fetch("select id, kind from job")}
    assert jobs.keys() == {"delete_collection", "reindex_event"}
    assert jobs["reindex_event"] == job_id
    assert await noted(pool) == [("event.reindexed", {})]
