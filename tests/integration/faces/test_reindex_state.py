"""A re-index while the event goes on: after a lost collection, and after a new face model."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db
from findme.errors import CollectionSwitched
from findme.faces import reindex_state
from findme.faces.sweep_requests import request_sweep
from findme.gallery import events
from findme.models import EventId
from findme.recognition.refusals import CollectionMissing
from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.scripted_engine import Scripted
from tests.support.scripted_guests import exhaustive, matched, until, until_idle


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """One guest and their photo, of an application whose queue is at work."""
    async with application(
        aiohttp_client, settings, database, endpoint_url=endpoint.url, run_queue=True
    ) as app:
        opened = await EventBuilder.create(app)
        await opened.join(1)
        await opened.upload(1, 2)
        await until_idle(app)
        yield opened


@pytest.fixture
def gate(endpoint: Scripted) -> asyncio.Event:
    """The re-index indexes no photo before this is set; other pictures pass."""
    may_go_on = asyncio.Event()
    may_go_on.set()

    async def hold(operation: str) -> None:
        if operation == "IndexFaces":
            await may_go_on.wait()

    endpoint.before = hold
    return may_go_on


async def reindex(builder: EventBuilder) -> None:
    answer = await builder.app.client.post(
        f"/api/admin/events/{builder.event_id}/reindex", headers=builder.app.admin
    )
    assert answer.status == 202


async def all_found(builder: EventBuilder, endpoint: Scripted) -> None:
    """All jobs are done, each pair is found, one collection is left, and nothing has failed."""
    await until_idle(builder.app)
    assert await matched(builder.app.resources.pool) == exhaustive(endpoint)
    assert len(endpoint.collections) == 1
    rows = await builder.app.resources.pool.fetch(
        "select kind, label, error from job where state = 'failed'"
    )
    assert [dict(row) for row in rows] == []


async def outdated(builder: EventBuilder) -> reindex_state.Outdated:
    async with db.acquire(builder.app.resources.pool) as conn:
        return await reindex_state.outdated(conn, EventId(int(builder.event_id)), limit=100)


async def lose(builder: EventBuilder, endpoint: Scripted) -> None:
    """The engine has no collection any more."""
    endpoint.collections.clear()


async def upgrade(builder: EventBuilder, endpoint: Scripted) -> None:
    """The engine has a new face model."""
    endpoint.face_model = "8.0"


BREAKS = pytest.mark.parametrize("change", [lose, upgrade])
Change = Callable[[EventBuilder, Scripted], Awaitable[None]]


@BREAKS
async def test_who_joins_then_is_in_at_once_and_finds_the_photos_as_they_come(
    builder: EventBuilder, endpoint: Scripted, change: Change
) -> None:
    await change(builder, endpoint)

    assert await builder.join(2) == "accepted"

    assert (await builder.queue_stats())["queue"]["engine_answers"] is True
    await all_found(builder, endpoint)
    assert await builder.guest_photos(1) == await builder.guest_photos(2) == set(builder.photos)


@BREAKS
async def test_a_photo_that_comes_then_is_found_by_those_who_were_there(
    builder: EventBuilder, endpoint: Scripted, change: Change
) -> None:
    await change(builder, endpoint)

    await builder.upload(1)

    await all_found(builder, endpoint)
    assert await builder.guest_photos(1) == set(builder.photos)
    assert await builder.app.resources.pool.fetchval("select max(attempts) from job") == 1


async def test_a_sweep_that_meets_a_lost_collection_leaves_its_work_to_the_one_after(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await lose(builder, endpoint)
    async with db.transaction(builder.app.resources.pool) as conn:
        await conn.execute("update reference set covered_upto = 0")
        await conn.execute("update face set covered_upto = 0")
        await request_sweep(conn, EventId(int(builder.event_id)), builder.app.resources.settings)

    await all_found(builder, endpoint)
    assert await builder.guest_photos(1) == set(builder.photos)


async def test_one_re_index_is_enough_for_all_who_notice(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await lose(builder, endpoint)

    await asyncio.gather(*(builder.join(person) for person in (2, 3, 4)))

    await all_found(builder, endpoint)
    assert (
        await builder.app.resources.pool.fetchval(
            "select count(*) from job where kind = 'reindex_event'"
        )
        == 1
    )


async def test_guests_keep_their_photos_while_nothing_is_indexed_again_yet(
    builder: EventBuilder, endpoint: Scripted, gate: asyncio.Event
) -> None:
    gate.clear()
    await reindex(builder)

    assert await builder.guest_photos(1) == set(builder.photos)
    assert len((await outdated(builder)).photos) == 1

    gate.set()
    await all_found(builder, endpoint)
    assert await builder.guest_photos(1) == set(builder.photos)
    assert (await outdated(builder)) == reindex_state.Outdated([], [])


async def test_the_dashboard_shows_how_far_a_re_index_has_come(
    builder: EventBuilder, endpoint: Scripted, gate: asyncio.Event
) -> None:
    other = await EventBuilder.create(builder.app)
    await other.join(5)
    await until_idle(builder.app)
    await upgrade(builder, endpoint)
    gate.clear()
    await reindex(builder)

    async def shown() -> bool:
        answer = await builder.app.client.get("/api/admin/desk", headers=builder.app.admin)
        found: dict[str, object] = (await answer.json())["reindex"]
        return found == {
            "events": [{"id": builder.event_id, "name": "Gala", "done": 0, "total": 1}],
            "waiting": 1,
        }

    await until(shown)
    answer = await builder.app.client.get(
        "/admin", headers={**builder.app.admin, "Accept": "text/html", "Accept-Language": "en"}
    )
    assert "Face index of Gala" in await answer.text()

    gate.set()
    await until_idle(builder.app)


async def test_who_comes_after_a_re_index_is_found_like_anybody(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await reindex(builder)
    await until_idle(builder.app)

    await builder.join(2)
    await builder.upload(2, 3)

    await all_found(builder, endpoint)
    assert await builder.guest_photos(2) == set(builder.photos)
    assert (await outdated(builder)) == reindex_state.Outdated([], [])


async def test_a_guest_who_leaves_during_a_re_index_leaves_no_vector(
    builder: EventBuilder, endpoint: Scripted, gate: asyncio.Event
) -> None:
    await builder.join(2)
    await until_idle(builder.app)
    gate.clear()
    await reindex(builder)

    async def asked() -> bool:
        return len(endpoint.collections) == 1 and not any(endpoint.collections.values())

    await until(asked)
    answer = await builder.app.client.delete(
        "/api/me", headers={"Authorization": f"Bearer {builder.tokens[1]}"}
    )
    assert answer.status == 204
    gate.set()

    await all_found(builder, endpoint)
    of_guests = {face.person for face in endpoint.faces.values() if face.external_id[0] == "g"}
    assert of_guests == {2}


async def test_a_re_index_that_loses_its_collection_starts_over(
    builder: EventBuilder, endpoint: Scripted, gate: asyncio.Event
) -> None:
    gate.clear()
    await reindex(builder)

    async def asked() -> bool:
        return len(endpoint.collections) == 1 and not any(endpoint.collections.values())

    await until(asked)
    await lose(builder, endpoint)
    gate.set()

    await all_found(builder, endpoint)
    assert await builder.guest_photos(1) == set(builder.photos)


async def test_a_stop_does_not_wait_for_a_re_index_which_resumes_at_the_next_start(
    builder: EventBuilder, endpoint: Scripted, gate: asyncio.Event
) -> None:
    gate.clear()
    await reindex(builder)

    async def asked() -> bool:
        return len(endpoint.collections) == 1 and not any(endpoint.collections.values())

    await until(asked)
    async with asyncio.timeout(60):
        await builder.app.queue.stop(grace=3600.0)

    states = await builder.app.resources.pool.fetch(
        "select state, attempts from job where kind = 'reindex_event'"
    )
    assert [tuple(row) for row in states] == [("queued", 0)]
    assert await builder.guest_photos(1) == set(builder.photos)


async def test_an_upgrade_re_indexes_one_event_after_the_other_the_newest_first(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    resources = builder.app.resources
    other = await EventBuilder.create(builder.app)
    await other.join(5)
    await other.upload(5)
    await until_idle(builder.app)
    await upgrade(builder, endpoint)
    assert await resources.faces.face_model() == "8.0"

    async with db.transaction(resources.pool) as conn:
        first = await reindex_state.enqueue_next(conn, resources.faces.name, "8.0")
        assert await reindex_state.enqueue_next(conn, resources.faces.name, "8.0") is None
    builder.app.queue.wake()

    assert first == EventId(int(other.event_id))
    await until_idle(builder.app)
    assert {endpoint.models[name] for name in endpoint.collections} == {"8.0"}
    rows = await resources.pool.fetch(
        "select event_id from job where kind = 'reindex_event' order by started_at"
    )
    assert [str(row["event_id"]) for row in rows] == [other.event_id, builder.event_id]
    assert await builder.guest_photos(1) == set(builder.photos)
    assert await other.guest_photos(5) == set(other.photos)


async def test_nobody_starts_over_for_a_collection_that_was_left_meanwhile(
    builder: EventBuilder,
) -> None:
    pool = builder.app.resources.pool
    async with db.acquire(pool) as conn:
        event = await events.get(conn, EventId(int(builder.event_id)))
    await reindex(builder)
    await until_idle(builder.app)

    with pytest.raises(CollectionSwitched):
        async with reindex_state.restart_if_missing(pool, event):
            raise CollectionMissing

    assert await pool.fetchval("select count(*) from job where kind = 'reindex_event'") == 1
