"""Guests and photos of the world of `tests.support.scripted_engine`, sent as clients send them."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from findme import db, queue
from findme.db import Pool
from findme.models import JobKind
from tests.conftest import App
from tests.support.scripted_engine import Scripted, picture


@dataclass
class Crowd:
    """One event of an application, with who joined and what was uploaded."""

    app: App
    event_id: str
    code: str
    #: person -> token of the guest
    guests: dict[int, str] = field(default_factory=dict)
    photos: list[str] = field(default_factory=list)

    async def join(self, person: int) -> str:
        """Join as a person; return the selfie's status."""
        form = aiohttp.FormData()
        form.add_field("name", f"Person {person}")
        form.add_field("email", f"{person}@example.org")
        form.add_field("password", "a long password")
        form.add_field("consent", "yes")
        form.add_field("language", "en")
        form.add_field("selfie", io.BytesIO(picture(person)), filename="selfie.jpg")
        answer = await self.app.client.post(f"/api/events/{self.code}/join", data=form)
        assert answer.status == 201, await answer.text()
        self.app.client.session.cookie_jar.clear()
        body = await answer.json()
        self.guests[person] = body["token"]
        return str(body["selfie"]["status"])

    async def upload(self, *people: int) -> str:
        """Upload a photo that shows these people; return its id."""
        answer = await self.app.client.post(
            f"/api/events/{self.event_id}/photos",
            params={"filename": f"{len(self.photos)}.jpg"},
            data=io.BytesIO(picture(*people, serial=len(self.photos) + 1)),
            headers={**self.app.admin, "Content-Type": "image/jpeg"},
        )
        assert answer.status == 202, await answer.text()
        photo_id = str((await answer.json())["results"][0]["photo_id"])
        self.photos.append(photo_id)
        return photo_id

    async def mine(self, person: int) -> set[str]:
        """Return the ids of the photos that a guest is shown as theirs."""
        return await self._ids("/api/my-photos", self.guests[person])

    async def everyones(self, person: int) -> set[str]:
        """Return the ids of the photos that a guest sees of the event."""
        return await self._ids("/api/all-photos", self.guests[person])

    async def _ids(self, path: str, token: str) -> set[str]:
        answer = await self.app.client.get(
            path,
            params={"event": self.event_id, "limit": "1000"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status == 200, await answer.text()
        return {photo["id"] for photo in await answer.json()}

    async def stats(self) -> Any:
        """Return the operator's numbers."""
        answer = await self.app.client.get("/api/admin/queue/stats", headers=self.app.admin)
        return await answer.json()


async def open_crowd(app: App) -> Crowd:
    """Make an event."""
    answer = await app.client.post("/api/admin/events", json={"name": "Gala"}, headers=app.admin)
    body = await answer.json()
    return Crowd(app, body["id"], body["code"])


async def run_due(app: App) -> None:
    """Run what is due, one job after the other; sweeps wait for their time."""
    while True:
        async with db.acquire(app.resources.pool) as conn:
            jobs = await queue.claim(conn, app.queue.replica_id, 1)
        if not jobs:
            return
        await app.queue.run_job("PhotoWorker-0", jobs[0])


async def flush(app: App) -> None:
    """Make the waiting sweeps due, and run them."""
    await app.resources.pool.execute(
        "update job set run_at = now() where state = 'queued' and kind = $1", JobKind.MATCH_EVENT
    )
    await run_due(app)


async def until(happens: Callable[[], Awaitable[object]], *, seconds: float = 60) -> None:
    """Return as soon as *happens* is true; TimeoutError if that takes too long."""
    async with asyncio.timeout(seconds):
        while True:
            if await happens():
                return
            await asyncio.sleep(0.1)


async def until_idle(app: App, *, seconds: float = 60) -> None:
    """Return once no job waits or runs, with the queue at work."""

    async def idle() -> bool:
        return not await app.resources.pool.fetchval(
            "select exists (select from job where state in ('queued', 'running'))"
        )

    await until(idle, seconds=seconds)


async def matched(pool: Pool) -> set[tuple[int, str]]:
    """Return the (guest, vector of a photo's face) pairs that are stored as matches."""
    rows = await pool.fetch(
        """
        select distinct match.guest_id, face.engine_face_id
          from match join face on face.id = match.face_id"""
    )
    return {(row["guest_id"], row["engine_face_id"]) for row in rows}


def exhaustive(endpoint: Scripted) -> set[tuple[int, str]]:
    """Return the pairs that comparing every guest's selfie with every photo's face finds."""
    faces = endpoint.faces.values()
    return {
        (int(selfie.external_id.split(":")[1]), face.id)
        for selfie in faces
        if selfie.external_id.startswith("g:")
        for face in faces
        if face.external_id.startswith("p:") and face.person == selfie.person
    }
