"""A sweep that goes on for long: what it has found is not kept back until its end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import sweeps
from findme.settings import Settings
from tests.integration.soiree import Soiree, open_soiree


@pytest.fixture
async def soiree(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[Soiree]:
    """The evening on a scripted engine."""
    async with open_soiree(aiohttp_client, settings, database) as opened:
        yield opened


async def test_a_guest_is_told_before_the_sweep_has_searched_for_all(
    soiree: Soiree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "TELLING", 0.0)
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

    soiree.app.resources.cache.listen(note)
    soiree.endpoint.before = hold
    for _ in range(3):
        await soiree.crowd.upload(1)
    await soiree.app.drain()

    # one for each guest, fewer than for each photo, and none was asked for twice
    assert searches == 2
    assert len(await soiree.photos("/api/my-photos", soiree.headers(1))) == 6
