"""A further selfie shows its guest: several selfies of several people would open photos of all."""

from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import selfie_form
from tests.support.scripted_engine import Scripted, picture

ME, AGED, OTHER = 1, 2, 3


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """A guest, and a photo each of them, of them years ago, and of somebody else."""
    endpoint.alike = {frozenset({ME, AGED}): 82.0}
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        opened = await EventBuilder.create(app)
        await opened.join(ME)
        for person in (ME, AGED, OTHER):
            await opened.upload(person)
        await app.drain()
        yield opened


async def add(builder: EventBuilder, *people: int) -> tuple[int, str | None]:
    """Send a further selfie; return status and code."""
    return await send(builder, "POST", "selfies", picture(*people, serial=77))


async def send(
    builder: EventBuilder, method: str, what: str, selfie: bytes
) -> tuple[int, str | None]:
    path = f"/api/me/events/{builder.event_id}/{what}"
    answer = await builder.call(method, path, builder.headers(ME), data=selfie_form(selfie))
    body = await answer.json()
    await builder.app.drain()
    return answer.status, body.get("code")


async def vectors(builder: EventBuilder, endpoint: Scripted) -> list[int]:
    """Return whom the engine's vectors of selfies show."""
    return sorted(
        face.person for face in endpoint.faces.values() if face.external_id.startswith("g:")
    )


async def test_a_selfie_of_somebody_else_is_refused_and_leaves_nothing(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    before = await builder.guest_photos(ME)

    assert await add(builder, OTHER) == (422, "not_alike")

    assert await builder.guest_photos(ME) == before
    assert await vectors(builder, endpoint) == [ME]
    assert await builder.pool.fetchval("select count(*) from selfie") == 1


async def test_a_selfie_that_resembles_another_one_is_added(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    _, aged, others = builder.photos
    assert aged not in await builder.guest_photos(ME)

    assert await add(builder, AGED) == (201, None)

    assert aged in await builder.guest_photos(ME)
    assert others not in await builder.guest_photos(ME)


async def test_the_face_in_the_background_vouches_for_nobody(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    """The engine names the most similar face; the selfie shows the largest one."""
    endpoint.widths = {ME: 0.3}

    assert await add(builder, OTHER, ME) == (422, "not_alike")


async def test_a_selfie_that_replaces_the_others_may_show_anybody_and_ends_what_was_theirs(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    mine, _, others = builder.photos
    answer = await builder.call("POST", f"/api/photos/{mine}/me", builder.headers(ME), json={})
    assert answer.status == 204
    await builder.app.drain()
    await builder.set_columns(gallery="own")

    assert await send(builder, "PUT", "selfie", picture(OTHER, serial=78)) == (200, None)

    assert await builder.guest_photos(ME) == {others}
    assert await vectors(builder, endpoint) == [OTHER]
    kinds = await builder.pool.fetch("select distinct kind from reference")
    assert [row["kind"] for row in kinds] == ["selfie"]
