"""An event's persons, as pages without scripts and by the API: import `builder`."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.scripted_engine import Scripted


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """Two photos of a guest with somebody unknown, one of the unknown person alone."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as opened:
        made = await EventBuilder.create(opened)
        await made.join(1)
        for people in [(1, 7), (1, 7), (7,)]:
            await made.upload(*people)
        await opened.drain()
        yield made


async def page(builder: EventBuilder, rest: str = "", status: int = 200) -> str:
    answer = await builder.app.client.get(
        f"/admin/events/{builder.event_id}/faces{rest}",
        headers={**builder.app.admin, "Accept": "text/html", "Accept-Language": "en"},
    )
    assert answer.status == status, await answer.text()
    return await answer.text()


async def press(builder: EventBuilder, rest: str, status: int = 303, **fields: Any) -> str:
    """Press a button; return where it leads."""
    answer = await builder.app.client.post(
        f"/admin/events/{builder.event_id}/faces{rest}",
        data=fields,
        headers={**builder.app.admin, "Accept": "text/html"},
        allow_redirects=False,
    )
    assert answer.status == status, await answer.text()
    return answer.headers.get("Location", "")


def ticks(text: str, name: str) -> list[str]:
    """Return the ids that a page lets one choose."""
    return re.findall(rf'name="{name}" value="(\d+)"', text)


async def api(
    builder: EventBuilder, method: str, rest: str, body: object = None, status: int = 200
) -> dict[str, Any]:
    answer = await builder.app.client.request(
        method,
        f"/api/admin/events/{builder.event_id}/group-faces/{rest}",
        json=body,
        headers=builder.app.admin,
    )
    assert answer.status == status, await answer.text()
    made: dict[str, Any] = await answer.json()
    return made
