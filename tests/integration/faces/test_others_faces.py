"""A guest who claims somebody else's face settles that one photo at most, and opens no other."""

from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.models import EventId
from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.scripted_engine import Scripted

MINE, OTHERS = 1, 2


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """Two guests: a photo of both, and one of each alone."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        opened = await EventBuilder.create(app)
        await opened.join(MINE)
        await opened.join(OTHERS)
        await opened.upload(MINE, OTHERS)
        await opened.upload(MINE)
        await opened.upload(OTHERS)
        await app.drain()
        yield opened


async def face_of(builder: EventBuilder, person: int, photo_id: str) -> str:
    """Return the face on a photo that matches a guest: ids can be guessed by counting."""
    face_id = await builder.app.resources.pool.fetchval(
        """
        select face_id from match join guest on guest.id = guest_id
          join account on account.id = account_id
         where photo_id = $1 and account.name = $2""",
        int(photo_id),
        f"Person {person}",
    )
    return str(face_id)


async def claim(builder: EventBuilder, photo_id: str, **body: str) -> tuple[int, str | None]:
    answer = await builder.app.client.post(
        f"/api/photos/{photo_id}/me", json=body, headers=builder.headers(MINE)
    )
    code = None if answer.status == 204 else (await answer.json())["code"]
    await builder.app.drain()
    return answer.status, code


async def test_in_an_own_gallery_a_strangers_face_is_not_taken(builder: EventBuilder) -> None:
    await builder.set_columns(gallery="own")
    both, mine, _ = builder.photos
    before = await builder.guest_photos(MINE)
    assert before == {both, mine}

    assert await claim(builder, both, face_id=await face_of(builder, OTHERS, both)) == (
        422,
        "not_alike",
    )

    assert await builder.guest_photos(MINE) == before
    assert await builder.app.resources.pool.fetchval("select count(*) from verdict") == 0


async def test_in_an_open_gallery_it_settles_that_photo_and_searches_for_nobody(
    builder: EventBuilder,
) -> None:
    both, mine, _ = builder.photos

    assert await claim(builder, both, face_id=await face_of(builder, OTHERS, both)) == (204, None)

    assert await builder.guest_photos(MINE) == {both, mine}
    kinds = await builder.app.resources.pool.fetch("select distinct kind from reference")
    assert [row["kind"] for row in kinds] == ["selfie"]


async def test_a_claim_from_before_opens_nothing_once_the_gallery_is_own(
    builder: EventBuilder,
) -> None:
    _, _, others = builder.photos
    assert await claim(builder, others) == (204, None)
    assert others in await builder.guest_photos(MINE)

    await builder.set_columns(gallery="own")
    await builder.app.resources.cache.forget_event(EventId(int(builder.event_id)))

    assert others not in await builder.guest_photos(MINE)
    answer = await builder.app.client.get(f"/api/photo/{others}", headers=builder.headers(MINE))
    assert answer.status == 404


async def test_a_face_that_resembles_a_selfie_is_searched_on(builder: EventBuilder) -> None:
    await builder.set_columns(gallery="own")
    both, _, _ = builder.photos

    assert await claim(builder, both, face_id=await face_of(builder, MINE, both)) == (204, None)

    count = await builder.app.resources.pool.fetchval(
        "select count(*) from reference where kind = 'confirmed'"
    )
    assert count == 1
