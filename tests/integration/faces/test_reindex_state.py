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
from findme.rekognition import CollectionMissing
from findme.settings import Settings
from tests.conftest import application
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
def gate(endpoint: Scripted) -> asyncio.Event:
    """The re-index indexes no photo before this is set; other pictures pass."""
    may_go_on = asyncio.Event()
    may_go_on.set()

    async def hold(operation: str) -> None:
        if operation == "IndexFaces":
            await may_go_on.wait()

    endpoint.before = hold
    return may_go_on


async def reindex(crowd: Crowd) -> None:
    answer = await crowd.app.client.post(
        f"/api/admin/events/{crowd.event_id}/reindex", headers=crowd.app.admin
    )
    assert answer.status == 202


async def all_found(crowd: Crowd, endpoint: Scripted) -> None:
    """All jobs are done, each pair is found, one collection is left, and nothing has failed."""
    await until_idle(crowd.app)
    assert await matched(crowd.app.resources.pool) == exhaustive(endpoint)
    assert len(endpoint.collections) == 1
    rows = await crowd.app.resources.pool.fetch(
        "select kind, label, error from job where state = 'failed'"
    )
    assert [dict(row) for row in rows] == []


async def outdated(crowd: Crowd) -> reindex_state.Outdated:
    async with db.acquire(crowd.app.resources.pool) as conn:
        return await reindex_state.outdated(conn, EventId(int(crowd.event_id)), limit=100)


async def lose(crowd: Crowd, endpoint: Scripted) -> None:
    """The engine has no collection any more."""
    endpoint.collections.clear()


async def upgrade(crowd: Crowd, endpoint: Scripted) -> None:
    """The engine has a new face model."""
    endpoint.face_model = "8.0"


BREAKS = pytest.mark.parametrize("change", [lose, upgrade])
Change = Callable[[Crowd, Scripted], Awaitable[None]]


@BREAKS
async def test_who_joins_then_is_in_at_once_and_finds_the_photos_as_they_come(
    crowd: Crowd, endpoint: Scripted, change: Change
) -> None:
    await change(crowd, endpoint)

    assert await crowd.join(2) == "accepted"

    assert (await crowd.stats())["queue"]["engine_answers"] is True
    await all_found(crowd, endpoint)
    assert await crowd.mine(1) == await crowd.mine(2) == set(crowd.photos)


@BREAKS
async def test_a_photo_that_comes_then_is_found_by_those_who_were_there(
    crowd: Crowd, endpoint: Scripted, change: Change
) -> None:
    await change(crowd, endpoint)

    await crowd.upload(1)

    await all_found(crowd, endpoint)
    assert await crowd.mine(1) == set(crowd.photos)
    assert await crowd.app.resources.pool.fetchval("select max(attempts) from job") == 1


async def test_a_sweep_that_meets_a_lost_collection_leaves_its_work_to_the_one_after(
    crowd: Crowd, endpoint: Scripted
) -> None:
    await lose(crowd, endpoint)
    async with db.transaction(crowd.app.resources.pool) as conn:
        await conn.execute("update reference set covered_upto = 0")
        await conn.execute("update face set covered_upto = 0")
        await request_sweep(conn, EventId(int(crowd.event_id)), crowd.app.resources.settings)

    await all_found(crowd, endpoint)
    assert await crowd.mine(1) == set(crowd.photos)


async def test_one_re_index_is_enough_for_all_who_notice(crowd: Crowd, endpoint: Scripted) -> None:
    await lose(crowd, endpoint)

    await asyncio.gather(*(crowd.join(person) for person in (2, 3, 4)))

    await all_found(crowd, endpoint)
    assert (
        await crowd.app.resources.pool.fetchval(
            "select count(*) from job where kind = 'reindex_event'"
        )
        == 1
    )


async def test_guests_keep_their_photos_while_nothing_is_indexed_again_yet(
    crowd: Crowd, endpoint: Scripted, gate: asyncio.Event
) -> None:
    gate.clear()
    await reindex(crowd)

    assert await crowd.mine(1) == set(crowd.photos)
    assert len((await outdated(crowd)).photos) == 1

    gate.set()
    await all_found(crowd, endpoint)
    assert await crowd.mine(1) == set(crowd.photos)
    assert (await outdated(crowd)) == reindex_state.Outdated([], [])


async def test_the_dashboard_shows_how_far_a_re_index_has_come(
    crowd: Crowd, endpoint: Scripted, gate: asyncio.Event
) -> None:
    other = await open_crowd(crowd.app)
    await other.join(5)
    await until_idle(crowd.app)
    await upgrade(crowd, endpoint)
    gate.clear()
    await reindex(crowd)

    async def shown() -> bool:
        answer = await crowd.app.client.get("/api/admin/desk", headers=crowd.app.admin)
        found: dict[str, object] = (await answer.json())["reindex"]
        return found == {
            "events": [{"id": crowd.event_id, "name": "Gala", "done": 0, "total": 1}],
            "waiting": 1,
        }

    await until(shown)
    answer = await crowd.app.client.get(
        "/admin", headers={**crowd.app.admin, "Accept": "text/html", "Accept-Language": "en"}
    )
    assert "Face index of Gala" in await answer.text()

    gate.set()
    await until_idle(crowd.app)


async def test_who_comes_after_a_re_index_is_found_like_anybody(
    crowd: Crowd, endpoint: Scripted
) -> None:
    await reindex(crowd)
    await until_idle(crowd.app)

    await crowd.join(2)
    await crowd.upload(2, 3)

    await all_found(crowd, endpoint)
    assert await crowd.mine(2) == set(crowd.photos)
    assert (await outdated(crowd)) == reindex_state.Outdated([], [])


async def test_a_guest_who_leaves_during_a_re_index_leaves_no_vector(
    crowd: Crowd, endpoint: Scripted, gate: asyncio.Event
) -> None:
    await crowd.join(2)
    await until_idle(crowd.app)
    gate.clear()
    await reindex(crowd)

    async def asked() -> bool:
        return len(endpoint.collections) == 1 and not any(endpoint.collections.values())

    await until(asked)
    answer = await crowd.app.client.delete(
        "/api/me", headers={"Authorization": f"Bearer {crowd.guests[1]}"}
    )
    assert answer.status == 204
    gate.set()

    await all_found(crowd, endpoint)
    of_guests = {face.person for face in endpoint.faces.values() if face.external_id[0] == "g"}
    assert of_guests == {2}


async def test_a_re_index_that_loses_its_collection_starts_over(
    crowd: Crowd, endpoint: Scripted, gate: asyncio.Event
) -> None:
    gate.clear()
    await reindex(crowd)

    async def asked() -> bool:
        return len(endpoint.collections) == 1 and not any(endpoint.collections.values())

    await until(asked)
    await lose(crowd, endpoint)
    gate.set()

    await all_found(crowd, endpoint)
    assert await crowd.mine(1) == set(crowd.photos)


async def test_an_upgrade_re_indexes_one_event_after_the_other_the_newest_first(
    crowd: Crowd, endpoint: Scripted
) -> None:
    resources = crowd.app.resources
    other = await open_crowd(crowd.app)
    await other.join(5)
    await other.upload(5)
    await until_idle(crowd.app)
    await upgrade(crowd, endpoint)
    assert await resources.faces.face_model() == "8.0"

    async with db.transaction(resources.pool) as conn:
        first = await reindex_state.enqueue_next(conn, resources.faces.name, "8.0")
        assert await reindex_state.enqueue_next(conn, resources.faces.name, "8.0") is None
    crowd.app.queue.wake()

    assert first == EventId(int(other.event_id))
    await until_idle(crowd.app)
    assert {endpoint.models[name] for name in endpoint.collections} == {"8.0"}
    rows = await resources.pool.fetch(
        "select event_id from job where kind = 'reindex_event' order by started_at"
    )
    assert [str(row["event_id"]) for row in rows] == [other.event_id, crowd.event_id]
    assert await crowd.mine(1) == set(crowd.photos)
    assert await other.mine(5) == set(other.photos)


async def test_nobody_starts_over_for_a_collection_that_was_left_meanwhile(crowd: Crowd) -> None:
    pool = crowd.app.resources.pool
    async with db.acquire(pool) as conn:
        event = await events.get(conn, EventId(int(crowd.event_id)))
    await reindex(crowd)
    await until_idle(crowd.app)

    with pytest.raises(CollectionSwitched):
        async with reindex_state.restart_if_missing(pool, event):
            raise CollectionMissing

    assert await pool.fetchval("select count(*) from job where kind = 'reindex_event'") == 1
