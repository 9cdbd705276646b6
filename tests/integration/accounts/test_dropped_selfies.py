"""An event that keeps no selfie: its picture goes with its vector, and what needs it asks again."""

import io
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db
from findme.audit import rows
from findme.models import JobKind
from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import page_of, problem, selfie_form
from tests.support.scripted_engine import Fault, Scripted, picture

ME, AGED, OTHER = 1, 2, 3


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """An event that drops selfies, with a photo of a person, one of years ago, one of another."""
    endpoint.alike = {frozenset({ME, AGED}): 82.0}
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        opened = await EventBuilder.create(app, drop_selfies=True)
        for person in (ME, AGED, OTHER):
            await opened.upload(person)
        yield opened


async def pictures(builder: EventBuilder) -> int:
    """Return how many pictures of selfies are stored, whole or in part."""
    number: int = await builder.pool.fetchval(
        """
        select (select count(*) from image where selfie_id is not null)
             + (select count(*) from selfie_chunk)"""
    )
    return number


async def my_selfies(builder: EventBuilder) -> list[tuple[str, str | None, bool]]:
    found = await builder.get_json(
        f"/api/me/events/{builder.event_id}/selfies", builder.headers(ME)
    )
    return [(one["status"], one["url"], one["lost"]) for one in found]


async def add(builder: EventBuilder, person: int) -> int:
    answer = await builder.call(
        "POST",
        f"/api/me/events/{builder.event_id}/selfies",
        builder.headers(ME),
        data=selfie_form(picture(person, serial=77)),
    )
    await builder.app.drain()
    return answer.status


async def change(builder: EventBuilder, **members: object) -> Any:
    return await builder.call(
        "PATCH", f"/api/admin/events/{builder.event_id}", builder.app.admin, json=members
    )


async def gallery(builder: EventBuilder) -> str:
    return await page_of(builder.app, f"/gallery?event={builder.event_id}", builder.headers(ME))


async def test_the_picture_goes_with_the_vector_and_the_search_goes_on(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.join(ME)

    assert await pictures(builder) == 0
    traces = await builder.pool.fetch(
        "select payload->>'only' as only, run_at > now() + interval '4 min' as later from job"
        " where kind = $1",
        JobKind.REMOVE_TRACES,
    )
    assert [dict(row) for row in traces] == [{"only": "selfies", "later": True}]
    chunks = "select pg_relation_filenode('selfie_chunk')"
    node = await builder.pool.fetchval(chunks)
    await builder.app.drain()
    assert await builder.pool.fetchval(chunks) != node

    mine, aged, _ = builder.photos
    assert await builder.guest_photos(ME) == {mine}
    assert await builder.guest_photos(ME, "maybe") == {aged}
    assert await my_selfies(builder) == [("accepted", None, False)]
    assert "me.jpg" not in await gallery(builder)
    account = await page_of(builder.app, "/account", builder.headers(ME))
    assert "deleted once its faceprint was made" in account
    assert "/selfies/" not in account
    export = await builder.call("GET", "/api/me/export", builder.headers(ME))
    with zipfile.ZipFile(io.BytesIO(await export.read())) as archive:
        assert [name for name in archive.namelist() if "selfie" in name] == []
    async with db.acquire(builder.pool) as conn:
        assert await rows.check(conn) == []


async def test_a_selfie_that_waits_for_the_engine_is_kept_until_it_answers(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.app.drain()
    endpoint.script = lambda operation: Fault.UNAVAILABLE if operation == "IndexFaces" else None
    assert await builder.join(ME) == "pending"
    assert await pictures(builder) > 0

    endpoint.script = lambda _operation: None
    await builder.app.drain()

    assert await pictures(builder) == 0
    assert await my_selfies(builder) == [("accepted", None, False)]


async def test_a_further_selfie_is_compared_by_vectors(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.join(ME)
    await builder.app.drain()

    assert await add(builder, OTHER) == 422
    assert await add(builder, AGED) == 201

    assert endpoint.calls["CompareFaces"] == 0
    assert await builder.guest_photos(ME) == set(builder.photos[:2])
    assert await pictures(builder) == 0


async def test_a_reindex_keeps_what_was_found_and_asks_for_another_selfie(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.join(ME)
    await builder.app.drain()
    before = await builder.guest_photos(ME)
    await builder.pool.execute("update guest set notify_mail = true")
    await builder.pool.execute("update account set email_proven_at = now()")
    path = f"/api/admin/events/{builder.event_id}/reindex"
    assert (await builder.call("POST", path, builder.app.admin)).status == 202
    await builder.app.drain()
    newer = await builder.upload(ME)
    await builder.app.drain()

    assert await builder.guest_photos(ME) == before
    assert await my_selfies(builder) == [("accepted", None, True)]
    page = await gallery(builder)
    assert "send another selfie" in page
    assert '<div class="sought" hidden>' in page
    waiting = "select count(*) from job where state in ('queued', 'running')"
    assert await builder.pool.fetchval(waiting) == 0

    # one more, or in place of the others: nothing is left that it could be compared with
    assert await add(builder, ME) == 201

    assert newer in await builder.guest_photos(ME)
    page = await gallery(builder)
    assert "send another selfie" not in page
    assert '<div class="sought">' in page
    assert await my_selfies(builder) == [("accepted", None, False)]
    assert await add(builder, OTHER) == 422


async def test_a_selfie_that_was_not_searched_before_a_reindex_holds_up_nothing(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.join(ME)
    path = f"/api/admin/events/{builder.event_id}/reindex"
    assert (await builder.call("POST", path, builder.app.admin)).status == 202
    await builder.app.drain()

    left = await builder.pool.fetch("select kind from job where state not in ('done', 'failed')")
    assert [row["kind"] for row in left] == []
    assert "send another selfie" in await gallery(builder)


async def test_the_choice_holds_for_selfies_that_are_there_and_is_not_taken_back(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    assert (await change(builder, drop_selfies=False)).status == 200
    await builder.join(ME)
    assert await pictures(builder) > 0
    assert (await change(builder, name="Ball")).status == 200
    assert await pictures(builder) > 0

    assert (await change(builder, drop_selfies=True)).status == 200
    assert await pictures(builder) == 0

    answer = await change(builder, drop_selfies=False)
    assert await problem(answer) == (422, "invalid_request")
    assert (await answer.json())["field"] == "drop_selfies"
    assert (await change(builder, drop_selfies=True, name="Gala")).status == 200
