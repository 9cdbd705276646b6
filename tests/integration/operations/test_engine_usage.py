"""The bill: what is written of the calls, what is shown of it, and what a spent budget does."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db
from findme.db import Pool
from findme.gallery import events
from findme.jobs import engine_watch
from findme.models import Event
from findme.operations import engine_usage
from findme.recognition.call_meter import Meter
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import add_gala
from tests.support.scripted_engine import Scripted
from tests.support.scripted_guests import exhaustive, flush, matched, run_due, until, until_idle


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """An event at an endpoint that stands for AWS; its jobs run when the test says so."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        yield await EventBuilder.create(app)


async def add_event(pool: Pool) -> Event:
    async with db.transaction(pool) as conn:
        return await add_gala(conn)


def metered(collection_id: str, calls: int, *, paid: bool = True) -> Meter:
    """Return a meter that counted calls nobody wrote down yet."""
    return Meter(paid=paid, unwritten=Counter({(collection_id, "IndexFaces"): calls}))


async def bill(pool: Pool, event: Event) -> list[tuple[dict[str, int], float]]:
    async with db.acquire(pool) as conn:
        return [
            (dict(month.calls), month.usd) for month in await engine_usage.of_event(conn, event.id)
        ]


async def get(app: App, path: str) -> Any:
    """Return an admin's JSON."""
    answer = await app.client.get(path, headers=app.admin)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_calls_add_up_over_time_and_services(pool: Pool) -> None:
    event = await add_event(pool)
    ours, theirs = metered(event.collection_id, 3), metered(event.collection_id, 4)

    await asyncio.gather(*(engine_usage.flush(pool, meter) for meter in (ours, theirs, ours)))
    await engine_usage.flush(pool, ours)

    assert await bill(pool, event) == [({"IndexFaces": 7}, 0.007)]
    assert ours.month_usd == 0.007
    assert not ours.unwritten


async def test_free_calls_are_counted_and_cost_nothing(pool: Pool) -> None:
    event = await add_event(pool)
    await engine_usage.flush(pool, metered(event.collection_id, 5, paid=False))
    await engine_usage.flush(pool, metered(event.collection_id, 2))

    assert await bill(pool, event) == [({"IndexFaces": 7}, 0.002)]


async def test_the_bill_outlives_its_event(pool: Pool) -> None:
    event = await add_event(pool)
    meter = metered(event.collection_id, 2)
    await engine_usage.flush(pool, meter)
    async with db.transaction(pool) as conn:
        await events.delete(conn, event.id)
    meter.unwritten[event.collection_id, "DeleteCollection"] += 1
    await engine_usage.flush(pool, meter)

    async with db.acquire(pool) as conn:
        month = await engine_usage.this_month(conn)
    assert month.calls == {"IndexFaces": 2, "DeleteCollection": 1}
    assert meter.month_usd == 0.002


async def test_a_new_month_begins_at_nothing(pool: Pool) -> None:
    event = await add_event(pool)
    meter = metered(event.collection_id, 2)
    meter.budget_usd = 0.002
    await engine_usage.flush(pool, meter)
    assert meter.month_usd == 0.002

    await pool.execute("update usage set month = month - interval '1 month'")
    await engine_usage.flush(pool, meter)

    assert (meter.month_usd, meter.paused) == (0.0, None)
    assert await bill(pool, event) == [({"IndexFaces": 2}, 0.002)]


async def test_what_could_not_be_written_is_written_later(database: str, pool: Pool) -> None:
    event = await add_event(pool)
    meter = metered(event.collection_id, 2)
    async with db.open_pool(database, min_size=1, max_size=1) as other:
        other.terminate()
        with pytest.raises(db.CONNECTION_ERRORS):
            await engine_usage.flush(other, meter)
    assert meter.unwritten.total() == 2

    await engine_usage.flush(pool, meter)

    assert await bill(pool, event) == [({"IndexFaces": 2}, 0.002)]


async def test_an_event_shows_its_calls_and_what_they_saved(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    for person in (1, 2):
        assert await builder.join(person) == "accepted"
    for people in ((1, 5), (2, 6), (1, 2)):
        await builder.upload(*people)
    await run_due(builder.app)
    await flush(builder.app)

    costs = await get(builder.app, f"/api/admin/events/{builder.event_id}/costs")

    assert costs["calls"] == {
        name: n for name, n in sorted(endpoint.calls.items()) if name != "ListCollections"
    }
    assert costs["usd"] == pytest.approx(0.001 * endpoint.paid)
    assert (costs["paid"], costs["photos"], costs["guests"]) == (True, 3, 2)
    assert costs["seed_usd"] == 0.0293
    assert costs["saved_usd"] == pytest.approx(costs["seed_usd"] - costs["usd"])
    assert [month["calls"] for month in costs["by_month"]] == [costs["calls"]]
    month = await get(builder.app, "/api/admin/costs")
    assert month["spent_usd"] == costs["usd"]
    assert month["month"] == costs["by_month"][0]["month"]
    assert (month["budget_usd"], month["paused"]) == (None, None)


async def test_costs_are_an_admins_alone(builder: EventBuilder) -> None:
    await builder.join(1)
    guest = {"Authorization": f"Bearer {builder.tokens[1]}"}
    for path in ("/api/admin/costs", f"/api/admin/events/{builder.event_id}/costs"):
        assert (await builder.app.client.get(path)).status == 401
        assert (await builder.app.client.get(path, headers=guest)).status == 404
    answer = await builder.app.client.get("/api/admin/events/999/costs", headers=builder.app.admin)
    assert answer.status == 404


async def test_over_the_budget_work_waits_visibly_and_goes_on_with_a_higher_one(
    aiohttp_client: AiohttpClient,
    settings: Settings,
    database: str,
    endpoint: Scripted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_watch, "PARK_SECONDS", 0.2)
    async with application(
        aiohttp_client, settings, database, endpoint_url=endpoint.url, run_queue=True
    ) as app:
        meter = app.resources.faces.meter
        meter.budget_usd = 0.003
        builder = await EventBuilder.create(app)
        assert [await builder.join(person) for person in (1, 2, 3)] == ["accepted"] * 3
        assert await builder.join(4) == "pending"
        for people in ((1, 4), (2, 3)):
            await builder.upload(*people)

        async def all_wait() -> bool:
            stats = await builder.queue_stats()
            return bool(stats["queue"]["waiting_for_engine"] >= 3)

        await until(all_wait)
        stats = (await builder.queue_stats())["rekognition"]
        assert (stats["paused"], stats["month_usd"], stats["budget_usd"]) == (
            "budget",
            0.003,
            0.003,
        )
        assert endpoint.paid == 3
        assert len(await builder.all_photos(1)) == 2
        assert (await app.client.get("/readyz")).status == 200
        assert (await get(app, "/api/admin/costs"))["paused"] == "budget"

        meter.budget_usd = 1.0
        await until_idle(app)

        assert await matched(app.resources.pool) == exhaustive(endpoint)
        assert await builder.guest_photos(4)
        assert (await builder.queue_stats())["rekognition"]["paused"] is None
