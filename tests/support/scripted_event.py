"""An event over the scripted engine, with two guests and three photos."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import App, application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import make_event
from tests.support.scripted_engine import Scripted, scripted

#: What makes the pages answer in English.
PAGE = {"Accept": "text/html", "Accept-Language": "en"}


class ScriptedEvent(EventBuilder):
    """One event: persons 1 and 2 are guests with accounts, three photos show person 1."""

    def __init__(self, app: App, event: Mapping[str, Any], endpoint: Scripted) -> None:
        super().__init__(app, event)
        self.endpoint = endpoint

    def vectors_of_guests(self) -> set[str]:
        """Return what the engine holds of selfies."""
        return {
            face.id
            for held in self.endpoint.collections.values()
            for face in held.values()
            if face.external_id.startswith("g:")
        }


@asynccontextmanager
async def open_scripted_event(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    """Open the application on a scripted engine, with the event in it and no job waiting."""
    async with (
        scripted() as endpoint,
        application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app,
    ):
        builder = ScriptedEvent(app, await make_event(app), endpoint)
        await builder.join(1)
        await builder.join(2)
        for others in ((), (2,), (3,)):
            await builder.upload(1, *others)
        await app.drain()
        yield builder
