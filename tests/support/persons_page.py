"""An event's persons, as pages without scripts and by the API: import `crowd`."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import application
from tests.support.scripted_engine import Scripted
from tests.support.scripted_guests import Crowd, open_crowd


@pytest.fixture
async def crowd(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[Crowd]:
    """Two photos of a guest with somebody unknown, one of the unknown person alone."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as opened:
        made = await open_crowd(opened)
        await made.join(1)
        for people in [(1, 7), (1, 7), (7,)]:
            await made.upload(*people)
        await opened.drain()
        yield made


async def page(crowd: Crowd, rest: str = "", status: int = 200) -> str:
    answer = await crowd.app.client.get(
        f"/admin/events/{crowd.event_id}/faces{rest}",
        headers={**crowd.app.admin, "Accept": "text/html", "Accept-Language": "en"},
    )
    assert answer.status == status, await answer.text()
    return await answer.text()


async def press(crowd: Crowd, rest: str, status: int = 303, **fields: Any) -> str:
    """Press a button; return where it leads."""
    answer = await crowd.app.client.post(
        f"/admin/events/{crowd.event_id}/faces{rest}",
        data=fields,
        headers={**crowd.app.admin, "Accept": "text/html"},
        allow_redirects=False,
    )
    assert answer.status == status, await answer.text()
    return answer.headers.get("Location", "")


def ticks(text: str, name: str) -> list[str]:
    """Return the ids that a page lets one choose."""
    return re.findall(rf'name="{name}" value="(\d+)"', text)


async def api(
    crowd: Crowd, method: str, rest: str, body: object = None, status: int = 200
) -> dict[str, Any]:
    answer = await crowd.app.client.request(
        method,
        f"/api/admin/events/{crowd.event_id}/group-faces/{rest}",
        json=body,
        headers=crowd.app.admin,
    )
    assert answer.status == status, await answer.text()
    made: dict[str, Any] = await answer.json()
    return made
