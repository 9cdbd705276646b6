"""An evening over HTTP: guests join, photos are uploaded, and somebody asks what is shown."""

import io
from pathlib import Path

import aiohttp
from aiohttp import web

from findme.faces.sweep_requests import request_sweep
from findme.models import EventId
from tests.conftest import App
from tests.support.pictures import Labelled, labelled


class Evening:
    """An event with some labelled guests and photos, worked off."""

    def __init__(self, app: App, event: dict[str, str]) -> None:
        self.app = app
        self.event = event
        self.tokens: dict[str, dict[str, str]] = {}
        self.names: dict[str, str] = {}

    async def join(self, name: str, photos: Labelled) -> None:
        form = aiohttp.FormData()
        fields = {"name": name, "email": f"{name}@example.org", "password": "a long password"}
        for field, value in {**fields, "consent": "yes"}.items():
            form.add_field(field, value)
        form.add_field("selfie", io.BytesIO(photos.selfies[name].read_bytes()), filename="s.jpg")
        answer = await self.app.client.post(f"/api/events/{self.event['code']}/join", data=form)
        assert answer.status == 201, await answer.text()
        self.app.client.session.cookie_jar.clear()
        self.tokens[name] = {"Authorization": f"Bearer {(await answer.json())['token']}"}

    async def upload(self, photos: Labelled, *names: str) -> None:
        for path in photos.people:
            if path.name in names:
                answer = await self.app.client.post(
                    f"/api/events/{self.event['id']}/photos",
                    params={"filename": path.name},
                    data=io.BytesIO(path.read_bytes()),
                    headers={**self.app.admin, "Content-Type": "image/jpeg"},
                )
                assert answer.status == 202
                self.names[(await answer.json())["results"][0]["photo_id"]] = path.name

    async def shown(self, name: str, shelf: str = "sure") -> set[str]:
        answer = await self.app.client.get(
            "/api/my-photos",
            params={"event": self.event["id"], "limit": "1000", "shelf": shelf},
            headers=self.tokens[name],
        )
        return {self.names[photo["id"]] for photo in await answer.json()}

    async def put_selfie(self, name: str, path: Path) -> aiohttp.ClientResponse:
        form = aiohttp.FormData()
        form.add_field("selfie", io.BytesIO(path.read_bytes()), filename="s.jpg")
        return await self.app.client.put(
            f"/api/me/events/{self.event['id']}/selfie", data=form, headers=self.tokens[name]
        )

    async def ask_for_sweep(self) -> None:
        resources = self.app.resources
        async with resources.pool.acquire() as conn, conn.transaction():
            await request_sweep(conn, EventId(int(self.event["id"])), resources.settings)
        await self.app.drain()

    def photo_id(self, filename: str) -> str:
        return next(key for key, name in self.names.items() if name == filename)

    async def say(self, name: str, filename: str, word: str, *, method: str = "POST") -> None:
        answer = await self.app.client.request(
            method, f"/api/photos/{self.photo_id(filename)}/{word}", headers=self.tokens[name]
        )
        assert answer.status == web.HTTPNoContent.status_code, await answer.text()
        await self.app.drain()


async def evening(app: App, guests: list[str], files: list[str]) -> Evening:
    answer = await app.client.post("/api/admin/events", json={"name": "Gala"}, headers=app.admin)
    party = Evening(app, await answer.json())
    photos = labelled()
    for name in guests:
        await party.join(name, photos)
    await party.upload(photos, *files)
    await app.drain()
    return party


def two_guests() -> tuple[str, str, list[str]]:
    """Two people of the labelled set, the first on most photos, and the photos of both."""
    photos = labelled()
    by_count = sorted(
        photos.selfies, key=lambda name: -sum(name in who for who in photos.people.values())
    )
    one, two = by_count[:2]
    files = [path.name for path, who in photos.people.items() if one in who or two in who]
    return one, two, files
