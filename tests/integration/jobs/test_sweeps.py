"""A sweep that goes on for long: what it has found is not kept back until its end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.jobs import match_jobs
from findme.settings import Settings
from tests.support.scripted_engine import Face
from tests.support.scripted_event import ScriptedEvent, open_scripted_event
from tests.support.scripted_guests import exhaustive, matched


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    """The evening on a scripted engine."""
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        yield opened


async def test_a_guest_is_told_before_the_sweep_has_searched_for_all(
    builder: ScriptedEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_jobs, "TELLING", 0.0)
    searches, told = 0, asyncio.Event()

    def note(_event_id: object) -> None:
        if searches:
            told.set()

    async def hold(operation: str) -> None:
        """Answer the second search only when somebody has been told of the first."""
        nonlocal searches
        if operation == "SearchFaces":
            searches += 1
            if searches == 2:
                async with asyncio.timeout(30):
                    await told.wait()

    builder.app.resources.cache.listen(note)
    builder.endpoint.before = hold
    for _ in range(3):
        await builder.upload(1)
    await builder.app.drain()

    # one for each guest, fewer than for each photo, and none was asked for twice
    assert searches == 2
    assert len(await builder.get_json("/api/my-photos", builder.headers(1))) == 6


def lose(builder: ScriptedEvent, external_id: str) -> Face:
    """Let the engine lose a vector; return it."""
    (held,) = builder.endpoint.collections.values()
    (lost,) = (face for face in held.values() if face.external_id.startswith(external_id))
    return held.pop(lost.id)


async def failed_jobs(builder: ScriptedEvent) -> int:
    number: int = await builder.pool.fetchval("select count(*) from job where state = 'failed'")
    return number


async def test_a_selfie_that_the_engine_has_lost_holds_up_nobody_else(
    builder: ScriptedEvent,
) -> None:
    guest_id = await builder.pool.fetchval("select min(guest_id) from reference")
    lose(builder, f"g:{guest_id}:")
    photos = {await builder.upload(1, 2), await builder.upload(2, 3)}

    # which comes to an end: what is lost for good asks for no further sweep
    await builder.app.drain()

    assert await failed_jobs(builder) == 0
    assert await builder.guest_photos(2) >= photos


async def test_a_face_that_goes_during_a_sweep_leaves_its_pairs_open(
    builder: ScriptedEvent,
) -> None:
    lost: list[Face] = []
    photo_id = ""

    async def interfere(operation: str) -> None:
        if operation == "SearchFaces" and not lost:
            lost.append(lose(builder, f"p:{photo_id}"))

    builder.endpoint.before = interfere
    # fewer new faces than guests: the sweep searches from the face
    photo_id = await builder.upload(1)
    await builder.app.drain()
    assert await failed_jobs(builder) == 0
    assert photo_id not in await builder.guest_photos(1)

    (held,) = builder.endpoint.collections.values()
    held[lost[0].id] = lost[0]
    await builder.upload(2)
    await builder.app.drain()

    assert await matched(builder.pool) == exhaustive(builder.endpoint)
    assert photo_id in await builder.guest_photos(1)
