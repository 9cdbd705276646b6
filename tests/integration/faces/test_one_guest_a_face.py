"""A face is one guest's, and a guest is on a photo once: brother, sister, twins, and pictures."""

from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.models import EventId
from findme.recognition.types import QueryExpansion
from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.scripted_engine import Scripted

SISTER, BROTHER, TWIN = 1, 2, 3


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """An event of brother and sister, who resemble each other enough to be `sure`."""
    endpoint.alike = {
        frozenset({SISTER, BROTHER}): 93.0,
        frozenset({SISTER, TWIN}): 98.0,
        frozenset({BROTHER, TWIN}): 93.0,
    }
    async with application(
        aiohttp_client,
        settings,
        database,
        endpoint_url=endpoint.url,
        expansion=QueryExpansion(anchor=92.0, match=92.0),
    ) as app:
        yield await EventBuilder.create(app)


async def join(builder: EventBuilder, *people: int) -> None:
    for person in people:
        await builder.join(person)
    await builder.app.drain()


async def upload(builder: EventBuilder, *people: int) -> str:
    photo_id = await builder.upload(*people)
    await builder.app.drain()
    return photo_id


async def claim(
    builder: EventBuilder, person: int, photo_id: str, verdict: str, method: str = "POST"
) -> int:
    answer = await builder.call(
        method, f"/api/photos/{photo_id}/{verdict}", builder.headers(person), json={}
    )
    await builder.app.drain()
    return answer.status


@pytest.mark.parametrize("first", [SISTER, BROTHER])
@pytest.mark.parametrize("photo_first", [True, False])
async def test_a_face_is_shown_to_the_guest_who_is_nearest(
    builder: EventBuilder, first: int, photo_first: bool
) -> None:
    photo_id = await upload(builder, SISTER) if photo_first else ""
    await join(builder, first)
    await join(builder, SISTER + BROTHER - first)
    photo_id = photo_id or await upload(builder, SISTER)

    assert await builder.guest_photos(SISTER) == {photo_id}
    assert await builder.guest_photos(BROTHER) == set()
    assert await builder.guest_photos(BROTHER, "maybe") == set()


async def test_each_is_one_face_of_a_photo_of_both(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    both = await upload(builder, BROTHER, SISTER)
    await join(builder, SISTER, BROTHER)
    hers = await upload(builder, SISTER)

    assert await builder.guest_photos(SISTER) == {both, hers}
    assert await builder.guest_photos(BROTHER) == {both}
    rows = await builder.pool.fetch(
        """
        select account.name, engine_face_id
          from reference join guest on guest.id = guest_id
          join account on account.id = account_id where kind = 'expansion'"""
    )
    assert {(row["name"], endpoint.faces[row["engine_face_id"]].person) for row in rows} == {
        (f"Person {SISTER}", SISTER),
        (f"Person {BROTHER}", BROTHER),
    }


async def test_a_face_comes_back_if_the_nearer_guest_leaves(builder: EventBuilder) -> None:
    photo_id = await upload(builder, SISTER)
    await join(builder, SISTER, BROTHER)
    assert await builder.guest_photos(BROTHER) == set()

    path = f"/api/me/events/{builder.event_id}"
    answer = await builder.call("DELETE", path, builder.headers(SISTER))
    assert answer.status < 300, await answer.text()
    await builder.app.drain()

    assert await builder.guest_photos(BROTHER) == {photo_id}


async def test_who_says_not_me_takes_no_face(builder: EventBuilder) -> None:
    photo_id = await upload(builder, SISTER)
    await join(builder, SISTER, BROTHER)

    assert await claim(builder, SISTER, photo_id, "not-me") == 204

    assert await builder.guest_photos(BROTHER) == {photo_id}
    assert await builder.guest_photos(SISTER) == set()

    assert await claim(builder, SISTER, photo_id, "not-me", "DELETE") == 204

    assert await builder.guest_photos(BROTHER) == set()
    assert await builder.guest_photos(SISTER) == {photo_id}


@pytest.mark.parametrize("gallery", ["own", "everyone"])
async def test_a_guest_confirms_a_face_that_is_nearer_to_another(
    builder: EventBuilder, gallery: str
) -> None:
    """The picture of a picture, or an old one: the guest's word counts, and takes from nobody."""
    await builder.set_columns(gallery="everyone")
    photo_id = await upload(builder, SISTER)
    await join(builder, SISTER, BROTHER)

    assert await claim(builder, BROTHER, photo_id, "me") == 204
    await builder.set_columns(gallery=gallery)
    await builder.app.resources.cache.forget_event(EventId(int(builder.event_id)))

    assert await builder.guest_photos(BROTHER) == {photo_id}
    assert await builder.guest_photos(SISTER) == {photo_id}


async def test_who_joined_twice_keeps_the_photos_of_both(builder: EventBuilder) -> None:
    photo_id = await upload(builder, SISTER)
    await join(builder, SISTER, TWIN)

    assert await builder.guest_photos(SISTER) == {photo_id}
    assert await builder.guest_photos(TWIN) == {photo_id}


async def test_a_mirror_shows_its_guest_once(builder: EventBuilder) -> None:
    photo_id = await upload(builder, SISTER, SISTER)
    await join(builder, SISTER)

    assert await builder.guest_photos(SISTER) == {photo_id}
    assert await builder.pool.fetchval("select count(*) from judged_match where counts") == 1
