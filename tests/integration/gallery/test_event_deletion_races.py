"""An event that is deleted while somebody joins it: a plain answer, and nothing left of either."""

import asyncio
import logging

import pytest
from aiohttp import ClientResponse
from pytest_aiohttp.plugin import AiohttpClient

from findme.gallery import events
from findme.models import EventId
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.helpers import ask_to_join, bearer, make_event, problem, selfie_form
from tests.support.scripted_engine import Scripted, picture
from tests.support.scripted_guests import until


class Deleter:
    """Deletes an event at the moment when the engine is asked for something."""

    def __init__(self, app: App, event_id: str, operation: str) -> None:
        self.app = app
        self.event_id = event_id
        self.operation = operation
        self.done = False

    async def __call__(self, operation: str) -> None:
        if operation != self.operation or self.done:
            return
        self.done = True
        answer = await self.app.client.delete(
            f"/api/admin/events/{self.event_id}", headers=self.app.admin
        )
        assert answer.status == 204
        # the collection goes with it, before the engine does what it was asked for
        await self.app.drain()


def assert_calm(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody was called for help."""
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def assert_nothing_is_left(app: App, endpoint: Scripted) -> None:
    """Neither rows nor vectors."""
    await app.drain()
    assert endpoint.collections == {}
    for table in ("event", "guest", "selfie", "job where event_id is not null"):
        assert await app.resources.pool.fetchval(f"select count(*) from {table}") == 0, table


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", ["CreateCollection", "IndexFaces"])
async def test_a_join_meets_the_deletion_of_its_event(
    aiohttp_client: AiohttpClient,
    settings: Settings,
    database: str,
    endpoint: Scripted,
    caplog: pytest.LogCaptureFixture,
    moment: str,
    operation: str,
) -> None:
    """The newcomer is told that there is nothing, and has no account."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        event = await make_event(app)
        deleter = Deleter(app, event["id"], operation)
        setattr(endpoint, moment, deleter)
        answer = await ask_to_join(app, event["code"], picture(1))

        assert deleter.done
        assert await problem(answer) == (404, "not_found")
        assert await app.resources.pool.fetchval("select count(*) from account") == 1
        await assert_nothing_is_left(app, endpoint)
    assert_calm(caplog)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_first_search_meets_the_deletion_of_its_event(
    aiohttp_client: AiohttpClient,
    settings: Settings,
    database: str,
    endpoint: Scripted,
    caplog: pytest.LogCaptureFixture,
    moment: str,
) -> None:
    """The job ends with its event; that is no failure to look after."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        event = await make_event(app)
        await send_photo(app, event["id"])
        await app.drain()
        assert (await ask_to_join(app, event["code"], picture(1))).status == 201
        deleter = Deleter(app, event["id"], "SearchFaces")
        setattr(endpoint, moment, deleter)
        await app.drain()

        assert deleter.done
        await assert_nothing_is_left(app, endpoint)
    assert_calm(caplog)


async def test_another_selfie_meets_the_deletion_of_its_event(
    aiohttp_client: AiohttpClient,
    settings: Settings,
    database: str,
    endpoint: Scripted,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        event = await make_event(app)
        joined = await ask_to_join(app, event["code"], picture(1))
        await app.drain()
        deleter = Deleter(app, event["id"], "IndexFaces")
        endpoint.before = deleter
        answer = await app.client.put(
            f"/api/me/events/{event['id']}/selfie",
            data=selfie_form(picture(1, serial=7)),
            headers=bearer((await joined.json())["token"]),
        )

        assert deleter.done
        assert await problem(answer) == (404, "not_found")
        await assert_nothing_is_left(app, endpoint)
    assert_calm(caplog)


async def send_photo(app: App, event_id: str) -> ClientResponse:
    """Upload a photo of person 1."""
    answer = await app.client.post(
        f"/api/events/{event_id}/photos",
        params={"filename": "a.jpg"},
        data=picture(1, serial=3),
        headers={**app.admin, "Content-Type": "image/jpeg"},
    )
    assert answer.status == 202
    return answer


async def test_a_selfie_waits_for_a_deletion_that_is_under_way(
    aiohttp_client: AiohttpClient,
    settings: Settings,
    database: str,
    endpoint: Scripted,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Both begin with the event's row, so neither is given up for the other."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        pool = app.resources.pool
        event = await make_event(app)
        joined = await ask_to_join(app, event["code"], picture(1))
        await app.drain()
        headers = bearer((await joined.json())["token"])
        async with pool.acquire() as conn, conn.transaction():
            await conn.execute("select from event where id = $1 for update", int(event["id"]))
            sent = asyncio.create_task(
                ask_to_join(app, event["code"], picture(1, serial=2), headers)
            )
            waits = "select exists (select from pg_locks where not granted)"
            await until(lambda: pool.fetchval(waits))
            await events.delete(conn, EventId(int(event["id"])))
        assert await problem(await sent) == (404, "not_found")
        await assert_nothing_is_left(app, endpoint)
    assert_calm(caplog)
