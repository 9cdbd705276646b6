"""An event whose collection no engine has: a re-index brings it back, and all else waits for it.

As after a restore, or a change of the engine.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db
from findme.db import Pool
from findme.errors import CollectionRebuilding
from findme.faces import reindex_state
from findme.faces.sweep_requests import request_sweep
from findme.jobs import worker
from findme.models import EventId
from findme.rekognition import CollectionMissing
from findme.settings import Settings
from tests.conftest import application
from tests.support.helpers import add_gala
from tests.support.scripted_engine import Scripted
from tests.support.scripted_guests import Crowd, exhaustive, matched, open_crowd, until, until_idle


@pytest.fixture
async def crowd(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[Crowd]:
    """One guest and their photo, of an application whose queue is at work."""
    async with application(
        aiohttp_client, settings, database, endpoint_url=endpoint.url, run_queue=True
    ) as app:
        opened = await open_crowd(app)
        await opened.join(1)
        await opened.upload(1, 2)
        await until_idle(app)
        yield opened


@pytest.fixture
def reindex(crowd: Crowd, endpoint: Scripted, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Lose the event's collection; its re-index goes on once this is set, and ends all waiting."""
    monkeypatch.setattr(worker, "REBUILD_SECONDS", 3600.0)
    endpoint.collections.clear()
    may_go_on = asyncio.Event()

    async def hold(operation: str) -> None:
        if operation == "CreateCollection":
            await may_go_on.wait()

    endpoint.before = hold
    return may_go_on


async def waiting(crowd: Crowd) -> dict[str, int]:
    """Return how many jobs of each kind wait for the re-index."""
    rows = await crowd.app.resources.pool.fetch(
        """
        select kind, count(*) as jobs from job
         where state = 'queued' and not parked and run_at > now() + interval '10 minutes'
         group by kind"""
    )
    return {row["kind"]: row["jobs"] for row in rows}


async def all_found(crowd: Crowd, endpoint: Scripted) -> None:
    """All that waited was done once the collection was there, and nothing had failed on the way."""
    await until_idle(crowd.app)
    assert await matched(crowd.app.resources.pool) == exhaustive(endpoint)
    assert len(endpoint.collections) == 1
    rows = await crowd.app.resources.pool.fetch(
        "select label, error from job where state = 'failed' or attempts > 1"
    )
    assert [dict(row) for row in rows] == []


async def test_who_joins_before_the_reindex_is_in_and_found_after_it(
    crowd: Crowd, endpoint: Scripted, reindex: asyncio.Event
) -> None:
    assert await crowd.join(2) == "pending"
    assert (await crowd.stats())["queue"]["engine_answers"] is True

    reindex.set()

    # its job is due a minute and a half after the join: the switch makes it due at once
    await all_found(crowd, endpoint)
    assert await crowd.mine(2) == set(crowd.photos)


async def test_selfies_that_wait_for_a_reindex_do_not_wake_each_other(
    crowd: Crowd, endpoint: Scripted, reindex: asyncio.Event
) -> None:
    assert [await crowd.join(person) for person in (2, 3)] == ["pending", "pending"]
    await crowd.app.resources.pool.execute("update job set run_at = now() where state = 'queued'")

    async def both_wait() -> bool:
        return await waiting(crowd) == {"index_selfie": 2}

    await until(both_wait)
    reindex.set()
    await all_found(crowd, endpoint)


async def test_a_photo_that_comes_before_the_reindex_is_tried_once_and_no_outage(
    crowd: Crowd, endpoint: Scripted, reindex: asyncio.Event
) -> None:
    photo_id = await crowd.upload(1)

    async def it_waits() -> bool:
        return await waiting(crowd) == {"index_photo": 1}

    await until(it_waits)
    assert photo_id in await crowd.everyones(1)
    assert (await crowd.stats())["queue"]["engine_answers"] is True

    reindex.set()

    await all_found(crowd, endpoint)
    assert await crowd.mine(1) == set(crowd.photos)
    tries = await crowd.app.resources.pool.fetchval(
        """
        select count(*) from job join job_step on job_id = job.id
         where photo_id = $1 and what = 'running'""",
        int(photo_id),
    )
    assert tries == 2


async def test_a_sweep_asks_for_the_reindex_and_leaves_its_work_to_the_sweep_after_it(
    crowd: Crowd, endpoint: Scripted, reindex: asyncio.Event
) -> None:
    event_id = EventId(int(crowd.event_id))
    async with db.transaction(crowd.app.resources.pool) as conn:
        await conn.execute("update reference set covered_upto = 0")
        await conn.execute("update face set covered_upto = 0")
        await request_sweep(conn, event_id, crowd.app.resources.settings)

    async def it_waits() -> bool:
        return await waiting(crowd) == {"match_event": 1}

    await until(it_waits)
    reindex.set()
    await all_found(crowd, endpoint)
    assert await crowd.mine(1) == set(crowd.photos)


async def test_no_reindex_is_asked_for_twice(
    crowd: Crowd, endpoint: Scripted, reindex: asyncio.Event
) -> None:
    for person in (2, 3, 4):
        await crowd.join(person)
    reindex.set()
    await all_found(crowd, endpoint)
    assert (
        await crowd.app.resources.pool.fetchval(
            "select count(*) from job where kind = 'reindex_event'"
        )
        == 1
    )


async def test_a_collection_that_was_switched_meanwhile_needs_no_other_reindex(pool: Pool) -> None:
    async with db.acquire(pool) as conn:
        event = await add_gala(conn)
    with pytest.raises(CollectionRebuilding):
        async with reindex_state.rebuilt_if_missing(
            pool, replace(event, collection_id="the-old-one")
        ):
            raise CollectionMissing
    assert await pool.fetchval("select count(*) from job") == 0
