"""The face engine or the database goes away for a while: work waits, and nothing fails."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import rekognition
from findme.jobs import engine_watch
from findme.recognition import rate_limiter
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import selfie_form
from tests.support.scripted_engine import Fault, Scripted, picture
from tests.support.scripted_guests import exhaustive, matched, until, until_idle


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up a call after one attempt and half a second; ask the engine again soon."""
    monkeypatch.setattr(rekognition, "RETRIES", 0)
    monkeypatch.setattr(rekognition, "READ_SECONDS", 0.5)
    monkeypatch.setattr(rekognition, "OUTAGE_SECONDS", 0.1)
    monkeypatch.setattr(engine_watch, "PARK_SECONDS", 0.2)
    monkeypatch.setattr(rate_limiter, "FLOOR", 20.0)


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """An event of an application whose queue is at work."""
    async with application(
        aiohttp_client, settings, database, endpoint_url=endpoint.url, run_queue=True
    ) as app:
        yield await EventBuilder.create(app)


async def nothing_failed(app: App) -> None:
    rows = await app.resources.pool.fetch(
        """
        select 'job' as what, error from job where state = 'failed' or attempts > 1
        union all select 'photo', error from photo where state = 'failed'"""
    )
    assert [dict(row) for row in rows] == []


async def waiting(builder: EventBuilder) -> int:
    return int((await builder.queue_stats())["queue"]["waiting_for_engine"])


async def all_found(builder: EventBuilder, endpoint: Scripted) -> None:
    """All is indexed and matched, and nothing was counted as a failure on the way."""
    await until_idle(builder.app)
    assert await matched(builder.app.resources.pool) == exhaustive(endpoint)
    assert {face.external_id for face in endpoint.faces.values()} >= {
        f"p:{photo}" for photo in builder.photos
    }
    await nothing_failed(builder.app)


async def test_photos_are_shown_while_the_engine_is_away_and_matched_when_it_is_back(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    assert await builder.join(1) == "accepted"
    await endpoint.down()
    photos = {await builder.upload(1, number) for number in range(2, 8)}
    assert await builder.join(2) == "pending"

    async def all_wait() -> bool:
        # and the selfie
        return await waiting(builder) == len(photos) + 1

    await until(all_wait)
    assert await builder.all_photos(1) == photos
    thumb = await builder.app.client.get(
        f"/api/photo/{builder.photos[0]}?size=thumb",
        headers={"Authorization": f"Bearer {builder.tokens[1]}"},
    )
    assert thumb.status == 200
    assert (await builder.app.client.get("/readyz")).status == 503
    assert (await builder.app.client.get("/healthz")).status == 200
    assert (await builder.queue_stats())["queue"]["engine_answers"] is False
    await nothing_failed(builder.app)

    await endpoint.up()

    await all_found(builder, endpoint)
    assert await builder.guest_photos(1) == photos
    assert await builder.guest_photos(2) == {builder.photos[0]}
    assert (await builder.app.client.get("/readyz")).status == 200


@pytest.mark.parametrize(
    "fault", [Fault.THROTTLE, Fault.SLOW_DOWN, Fault.ERROR, Fault.UNAVAILABLE, Fault.STALL]
)
async def test_an_engine_that_answers_badly_for_a_while_fails_no_photo(
    builder: EventBuilder, endpoint: Scripted, fault: Fault
) -> None:
    assert await builder.join(1) == "accepted"
    bad = True
    endpoint.script = lambda operation: (
        fault if bad and operation in ("IndexFaces", "SearchFaces") else None
    )
    photos = {await builder.upload(1, number) for number in range(2, 6)}
    assert await builder.join(2) == "pending"

    async def met() -> bool:
        return await waiting(builder) > 0 and endpoint.calls["IndexFaces"] >= 4

    await until(met)
    await nothing_failed(builder.app)
    bad = False

    await all_found(builder, endpoint)
    assert await builder.guest_photos(1) == photos


async def test_a_sweep_that_meets_an_outage_while_photos_come_in_is_made_up_for(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    """The event has the failed sweep and the one that the new photos ask for; one does for both."""
    assert await builder.join(1) == "accepted"
    searching, bad = asyncio.Event(), True

    def script(operation: str) -> Fault | None:
        if operation == "SearchFaces" and bad:
            searching.set()
            return Fault.STALL
        return None

    endpoint.script = script
    await builder.upload(1, 2)
    await asyncio.wait_for(searching.wait(), 30)
    await builder.upload(1, 3)

    async def met() -> bool:
        return await waiting(builder) > 0

    await until(met)
    bad = False

    await all_found(builder, endpoint)
    assert await builder.guest_photos(1) == set(builder.photos)


async def test_answers_that_get_lost_double_nothing(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    """The engine did the work, the connection broke: asked again, it adds nothing."""
    seen: set[str] = set()

    def script(operation: str) -> Fault | None:
        lost = operation not in seen
        seen.add(operation)
        return Fault.LOST if lost else None

    endpoint.script = script
    await builder.join(1)
    for number in range(2, 5):
        await builder.upload(1, number)

    await all_found(builder, endpoint)
    rows = await builder.app.resources.pool.fetch(
        "select photo_id, count(*) as faces from face group by photo_id"
    )
    assert [row["faces"] for row in rows] == [2, 2, 2]


async def test_a_database_that_cuts_all_connections_loses_nothing(
    builder: EventBuilder, endpoint: Scripted, database: str
) -> None:
    """As a restart of an external PostgreSQL looks from here, in the middle of the work."""
    assert await builder.join(1) == "accepted"
    endpoint.latency = 0.05
    for number in range(2, 22):
        await builder.upload(1, number)
    other = await asyncpg.connect(database)

    async def left() -> int:
        count: int = await other.fetchval("select count(*) from job where state <> 'done'")
        return count

    for _ in range(5):
        calls = endpoint.calls.total()
        await other.execute(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()"""
        )

        async def goes_on(calls: int = calls) -> bool:
            return endpoint.calls.total() > calls or await left() == 0

        await until(goes_on)

    async def all_done() -> bool:
        return await left() == 0

    await until(all_done)
    await other.close()
    await all_found(builder, endpoint)


async def test_a_photo_deleted_while_it_is_indexed_leaves_no_vector(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    """And neither does a guest who leaves while a sweep searches for them; no job fails of it."""
    assert await builder.join(1) == "accepted"
    assert await builder.join(2) == "accepted"
    await builder.upload(1, 2)
    await until_idle(builder.app)
    client = builder.app.client

    async def interfere(operation: str) -> None:
        if operation == "SearchFaces" and 1 in builder.tokens:
            token = builder.tokens.pop(1)
            answer = await client.delete("/api/me", headers={"Authorization": f"Bearer {token}"})
            assert answer.status == 204
        if operation == "IndexFaces" and len(builder.photos) == 3:
            photo, _ = builder.filenames.popitem()
            answer = await client.delete(f"/api/admin/photos/{photo}", headers=builder.app.admin)
            assert answer.status == 204

    endpoint.after = interfere
    for _ in range(3):
        await builder.upload(1, 2, 3)

    await all_found(builder, endpoint)
    of = {
        face.external_id.split(":")[0] + face.external_id.split(":")[1]
        for face in endpoint.faces.values()
    }
    assert of == {*(f"p{photo}" for photo in builder.photos), "g2"}


async def test_a_selfie_that_waited_is_compared_with_the_others_as_well(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.join(1)
    await until_idle(builder.app)
    endpoint.script = lambda _operation: Fault.UNAVAILABLE
    answer = await builder.call(
        "POST",
        f"/api/me/events/{builder.event_id}/selfies",
        builder.headers(1),
        data=selfie_form(picture(2, serial=7)),
    )
    assert (await answer.json())["selfie"]["status"] == "pending"

    endpoint.script = lambda _operation: None
    await until_idle(builder.app)

    rows = await builder.pool.fetch("select state, problem from selfie order by id")
    assert [tuple(row) for row in rows] == [("accepted", None), ("refused", "not_alike")]
    assert [face.person for face in endpoint.faces.values()] == [1]
