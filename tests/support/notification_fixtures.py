"""Guests who are told of new photos: an event with wishes, and time that passes.

Import `builder` and `hurry`, and `services` where something is pushed.
"""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.messaging import notifications
from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.push_service import Browser, PushService, push_service
from tests.support.scripted_engine import scripted
from tests.support.scripted_guests import run_due
from tests.support.smtp_server import Postbox

BASE = "https://photos.example.org"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell at once what was just found."""
    monkeypatch.setattr(notifications, "LAG_SECONDS", 0.0)


@pytest.fixture
async def services() -> AsyncIterator[PushService]:
    """A push service that keeps what it gets."""
    async with push_service() as running:
        yield running


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, box: Postbox
) -> AsyncIterator[EventBuilder]:
    """Persons 1 and 2 as guests, and one photo of 1 that is known already."""
    settings = dataclasses.replace(
        settings, smtp_url=box.url, findme_base_url=BASE, webhook_allow_private=True
    )
    async with (
        scripted() as engine,
        application(aiohttp_client, settings, database, endpoint_url=engine.url) as app,
    ):
        opened = await EventBuilder.create(app)
        await opened.join(1)
        await opened.join(2)
        await opened.upload(1)
        await app.drain()
        # their addresses are confirmed, and the mails about that are no part of what is tested
        await app.resources.pool.execute("update account set email_proven_at = now()")
        await app.resources.pool.execute("delete from job where kind = 'send_mail'")
        box.mails.clear()
        box.envelopes.clear()
        yield opened


async def call(
    builder: EventBuilder, person: int | None, method: str, path: str, **options: Any
) -> aiohttp.ClientResponse:
    headers = {"Accept-Language": "en"}
    if person is not None:
        headers["Authorization"] = f"Bearer {builder.tokens[person]}"
    return await builder.app.client.request(method, path, headers=headers, **options)


def path_of(builder: EventBuilder, what: str) -> str:
    return f"/api/me/events/{builder.event_id}/{what}"


async def subscribe(
    builder: EventBuilder, services: PushService, person: int, browser: Browser, name: str = "phone"
) -> None:
    answer = await call(
        builder,
        person,
        "PUT",
        path_of(builder, "push"),
        json={"endpoint": services.endpoint(name), "keys": browser.keys},
    )
    assert answer.status == 204, await answer.text()


async def want_mail(builder: EventBuilder, person: int, wanted: bool = True) -> None:
    answer = await call(builder, person, "PUT", path_of(builder, "notify"), json={"mail": wanted})
    assert answer.status == 200, await answer.text()
    # what is found from now on is new: mails of the last quarter of an hour are none here
    await later(builder, minutes=16)


async def later(builder: EventBuilder, *, minutes: int) -> None:
    """Let time pass: all that was found, and all messages, are older."""
    pool = builder.app.resources.pool
    for table, column in (
        ("guest", "notified_at"),
        ("match", "found_at"),
        ("photo", "ready_at"),
        ("photo", "approved_at"),
        ("push_subscription", "created_at"),
        ("job", "run_at"),
    ):
        await pool.execute(
            f"update {table} set {column} = {column} - make_interval(mins => $1)", minutes
        )


async def work(builder: EventBuilder) -> None:
    """Index and match what was uploaded, and send what is due, but nothing that is put off."""
    pool = builder.app.resources.pool
    for kinds in (["match_event", "index_photo"], ["match_event"]):
        await run_due(builder.app)
        await pool.execute(
            "update job set run_at = now() where state = 'queued' and kind = any($1)", kinds
        )
        await run_due(builder.app)


async def jobs(builder: EventBuilder, kind: str) -> list[tuple[str, bool]]:
    rows = await builder.app.resources.pool.fetch(
        "select state, run_at > now() as later from job where kind = $1 order by id", kind
    )
    return [tuple(row) for row in rows]
