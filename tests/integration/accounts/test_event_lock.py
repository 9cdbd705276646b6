"""Whatever arrives at the same moment: one collection, and each selfie indexed once."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db, queue, rekognition
from findme.models import Job, JobKind
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.event_builder import EventBuilder
from tests.support.scripted_engine import Scripted
from tests.support.scripted_guests import exhaustive, flush, matched, run_due

GUESTS = 50


@pytest.fixture
async def full_house(
    aiohttp_client: AiohttpClient,
    settings: Settings,
    database: str,
    endpoint: Scripted,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[EventBuilder]:
    """Fifty guests who joined while the engine was away, and six photos; the engine is back."""
    monkeypatch.setattr(rekognition, "RETRIES", 0)
    monkeypatch.setattr(rekognition, "OUTAGE_SECONDS", 0.0)
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        builder = await EventBuilder.create(app)
        await endpoint.down()
        assert [await builder.join(person) for person in range(GUESTS)] == ["pending"] * GUESTS
        for number in range(6):
            await builder.upload(number, number + 1)
        await endpoint.up()
        yield builder


async def claim(app: App) -> list[Job]:
    async with db.acquire(app.resources.pool) as conn:
        return await queue.claim(conn, app.queue.replica_id, 1000)


@pytest.mark.parametrize("kind", [JobKind.INDEX_PHOTO, JobKind.INDEX_SELFIE])
async def test_three_workers_at_once_index_fifty_selfies_once(
    full_house: EventBuilder, endpoint: Scripted, caplog: pytest.LogCaptureFixture, kind: JobKind
) -> None:
    """The second and third wait, find it done, and make no call."""
    caplog.set_level(logging.INFO)
    app = full_house.app
    jobs = await claim(app)
    at_once = [job for job in jobs if job.kind is kind][:3]

    await asyncio.gather(
        *(app.queue.run_job(f"PhotoWorker-{n}", job) for n, job in enumerate(at_once))
    )

    indexed = [face for face in endpoint.faces.values() if face.external_id.startswith("g:")]
    photos = 3 if kind is JobKind.INDEX_PHOTO else 0
    assert len(indexed) == GUESTS
    assert endpoint.calls["IndexFaces"] == GUESTS + photos
    assert endpoint.calls["CreateCollection"] == 1
    messages = [record.getMessage() for record in caplog.records]
    event = full_house.event_id
    assert messages.count(f"[AWS] Indexing {GUESTS} users for event {event}") == 1
    assert messages.count(f"[AWS] Event {event} users already indexed (cached)") == 2
    if kind is JobKind.INDEX_PHOTO:
        for n, job in enumerate(at_once):
            assert f"[PhotoWorker-{n}] Job {job.id} completed: {job.label}" in messages

    for job in jobs:
        if job not in at_once:
            await app.queue.run_job("PhotoWorker-0", job)
    await run_due(app)
    await flush(app)
    assert await matched(app.resources.pool) == exhaustive(endpoint)
    assert endpoint.calls["IndexFaces"] == GUESTS + 6


async def test_the_queue_itself_indexes_fifty_selfies_once(
    full_house: EventBuilder, endpoint: Scripted
) -> None:
    """With three real workers that start at the same moment."""
    app = full_house.app
    loops = asyncio.gather(*app.queue.loops().values())

    async def pending() -> int:
        count: int = await app.resources.pool.fetchval(
            "select count(*) from job where state <> 'done'"
        )
        return count

    async with asyncio.timeout(60):
        while await pending():
            await asyncio.sleep(0.1)
            assert not loops.done()
    loops.cancel()
    await asyncio.wait([loops])

    assert endpoint.calls["IndexFaces"] == GUESTS + 6
    assert endpoint.calls["CreateCollection"] == 1
    assert await matched(app.resources.pool) == exhaustive(endpoint)


async def test_a_guest_who_joins_meanwhile_is_indexed_once(
    full_house: EventBuilder, endpoint: Scripted
) -> None:
    """A join request and a worker never index the same selfie."""
    app = full_house.app
    jobs = await claim(app)
    photo_job = next(job for job in jobs if job.kind is JobKind.INDEX_PHOTO)
    endpoint.latency = 0.02

    await asyncio.gather(app.queue.run_job("PhotoWorker-0", photo_job), full_house.join(GUESTS))

    assert endpoint.calls["IndexFaces"] == GUESTS + 2
    assert endpoint.calls["CreateCollection"] == 1
