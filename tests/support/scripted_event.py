"""An event over the scripted engine, with what tests of guests ask of it again and again."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import ClientResponse
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import application
from tests.support.helpers import bearer
from tests.support.scripted_engine import Scripted, picture, scripted
from tests.support.scripted_guests import Crowd, open_crowd

#: What makes the pages answer in English.
PAGE = {"Accept": "text/html", "Accept-Language": "en"}


class Soiree:
    """One event: persons 1 and 2 are guests in the usual way, three photos show person 1."""

    def __init__(self, crowd: Crowd, endpoint: Scripted) -> None:
        self.crowd = crowd
        self.endpoint = endpoint
        self.app = crowd.app
        self.client = crowd.app.client
        self.pool = crowd.app.resources.pool

    @property
    def event_id(self) -> str:
        """The event's id."""
        return self.crowd.event_id

    def headers(self, person: int) -> dict[str, str]:
        """Return the header of a person's session."""
        return bearer(self.crowd.guests[person])

    async def choose(self, **choices: object) -> None:
        """Set columns of the event, as the organiser's choices do."""
        for name, value in choices.items():
            await self.pool.execute(f"update event set {name} = $1", value)

    async def call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> ClientResponse:
        """Ask, and keep no cookie of the answer."""
        answer = await self.client.request(
            method, path, headers=dict(headers or {}), allow_redirects=False, **options
        )
        await answer.read()
        self.client.session.cookie_jar.clear()
        return answer

    async def join(
        self, selfie: bytes, headers: Mapping[str, str] | None = None, **fields: str
    ) -> ClientResponse:
        """Send the join form with these fields and the consent."""
        form = aiohttp.FormData()
        for name, value in {"consent": "yes", **fields}.items():
            form.add_field(name, value)
        form.add_field("selfie", io.BytesIO(selfie), filename="selfie.jpg")
        return await self.call("POST", f"/api/events/{self.crowd.code}/join", headers, data=form)

    async def join_by_name(self, person: int) -> dict[str, Any]:
        """Join with a name alone; return the answer."""
        answer = await self.join(picture(person), name="Nia", language="en")
        assert answer.status == 201, await answer.text()
        body: dict[str, Any] = await answer.json()
        return body

    async def browse(self, **members: str) -> dict[str, Any]:
        """Come in without a selfie; return the answer."""
        answer = await self.call("POST", f"/api/events/{self.crowd.code}/browse", json=members)
        assert answer.status == 201, await answer.text()
        body: dict[str, Any] = await answer.json()
        return body

    async def photos(self, path: str, headers: Mapping[str, str], **query: str) -> list[Any]:
        """Return a list of photos."""
        answer = await self.call("GET", path, headers, params={"event": self.event_id, **query})
        assert answer.status == 200, await answer.text()
        found: list[Any] = await answer.json()
        return found

    def vectors_of_guests(self) -> set[str]:
        """Return what the engine holds of selfies."""
        return {
            face.id
            for held in self.endpoint.collections.values()
            for face in held.values()
            if face.external_id.startswith("g:")
        }

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        number: int = await self.pool.fetchval(f"select count(*) from {table}")
        return number


@asynccontextmanager
async def open_soiree(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[Soiree]:
    """Open the application on a scripted engine, and let the evening begin."""
    async with (
        scripted() as endpoint,
        application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app,
    ):
        crowd = await open_crowd(app)
        await crowd.join(1)
        await crowd.join(2)
        for others in ((), (2,), (3,)):
            await crowd.upload(1, *others)
        await app.drain()
        yield Soiree(crowd, endpoint)
