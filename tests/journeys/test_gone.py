"""Gone means gone: no file of a data directory has a name, a word or a face of the erased."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from findme.embedded.postgres import join_postgres
from tests.support.cli import findme
from tests.support.helpers import PASSWORD, bearer, selfie_form
from tests.support.pictures import labelled
from tests.support.raw_bytes import find_bytes, pieces_of
from tests.support.scripted_guests import until
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, Service, running_service

NAME, ADDRESS = "Philomena Quarterstaff", "philomena.quarterstaff@guests.example"
NOTE = "Call Philomena on +33 7 98 76 54 32 before you show this"
#: Seconds within which everything is gone (docs/privacy.md).
GONE_SECONDS = 90


@dataclass
class World:
    """A service of its own with an event, its photo, and connections to both."""

    service: Service
    http: aiohttp.ClientSession
    database: "asyncpg.Connection[asyncpg.Record]"
    admin: dict[str, str]
    event: dict[str, Any]
    photo_id: str

    async def call(self, method: str, path: str, headers: dict[str, str], **more: Any) -> Any:
        async with self.http.request(method, path, headers=headers, **more) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json(content_type=None) if answer.status != 204 else None

    async def join(self, number: int, **fields: str) -> dict[str, str]:
        selfie = [*labelled().selfies.values()][number].read_bytes()
        form = selfie_form(selfie, consent="yes", language="en", **fields)
        body = await self.call("POST", f"/api/events/{self.event['code']}/join", {}, data=form)
        return bearer(body["token"])

    async def report(self, guest: dict[str, str]) -> None:
        body = {"reason": "of_me", "note": NOTE}
        await self.call("POST", f"/api/photos/{self.photo_id}/report", guest, json=body)

    async def selfie_of(self, name: str) -> bytes:
        """Return the stored picture of a guest's selfie."""
        rows = await self.database.fetch(
            """
            select bytes from selfie_chunk join image on image.id = image_id
                   join selfie on selfie.id = selfie_id join guest on guest.id = guest_id
                   join account on account.id = account_id
             where account.name = $1 order by number""",
            name,
        )
        return b"".join(row["bytes"] for row in rows)

    async def settle_on_disk(self) -> None:
        """Let statistics, indexes, pages and log have all that they can get."""
        await self.database.execute("analyze")
        await self.database.execute("checkpoint")

    async def traces(self, selfie: bytes) -> dict[str, set[str]]:
        needles = {
            "name": [NAME.encode(), NAME.lower().encode()],
            "address": [ADDRESS.encode()],
            "note": [NOTE.encode(), NOTE[:30].encode()],
            "selfie": pieces_of(selfie),
        }
        return await find_bytes(self.service.data_dir, needles)

    async def audit(self) -> tuple[int, str]:
        """Return what `findme audit` says of the guest, beside the running service."""
        done = await asyncio.to_thread(
            findme,
            *("audit", "--find", NAME, "--find", ADDRESS),
            *("--data-dir", str(self.service.data_dir)),
            cwd=self.service.data_dir.parent,
        )
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout


@pytest.fixture
async def world(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> AsyncIterator[World]:
    folder = scratch / f"gone-{tmp_path_factory.mktemp('gone').name}"
    folder.mkdir()
    with running_service(folder / "var") as service:
        async with (
            aiohttp.ClientSession(service.url, cookie_jar=aiohttp.DummyCookieJar()) as http,
            join_postgres(service.data_dir) as dsn,
        ):
            database = await asyncpg.connect(dsn)
            made = World(service, http, database, {}, {}, "")
            login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
            made.admin = bearer(
                (await made.call("POST", "/api/auth/login", {}, json=login))["token"]
            )
            made.event = await made.call(
                "POST",
                "/api/admin/events",
                made.admin,
                json={"name": "Gala", "accounts": "optional"},
            )
            photo = next(iter(labelled().people))
            sent = await made.call(
                "POST",
                f"/api/events/{made.event['id']}/photos?filename=one.jpg",
                {**made.admin, "Content-Type": "image/jpeg"},
                data=photo.read_bytes(),
            )
            made.photo_id = sent["results"][0]["photo_id"]

            async def indexed() -> bool:
                state = await database.fetchval("select state from photo")
                return bool(state == "indexed")

            await until(indexed)
            yield made
            await database.close()


async def test_no_file_has_a_guest_who_was_forgotten(world: World) -> None:
    await world.join(1, name="Other 1", email="1@guests.example", password=PASSWORD)
    guest = await world.join(0, name=NAME, email=ADDRESS, password=PASSWORD)
    await world.report(guest)
    selfie = await world.selfie_of(NAME)
    await world.settle_on_disk()
    assert set(await world.traces(selfie)) == {"name", "address", "note", "selfie"}
    code, said = await world.audit()
    assert (code, "account.email, 1 row" in said, "text in a file" in said) == (1, True, True)

    await world.call("DELETE", "/api/me", guest)

    async def gone() -> bool:
        return not await world.traces(selfie)

    await until(gone, seconds=GONE_SECONDS)
    assert await world.database.fetchval("select rewritten from receipt") == "files"
    assert await world.audit() == (0, "Nothing found.\n")
    # those who stayed are found as before
    other = await world.selfie_of("Other 1")
    assert await find_bytes(world.service.data_dir, {"selfie": pieces_of(other)})


async def test_no_file_has_a_guest_of_an_event_that_has_expired(world: World) -> None:
    """A guest by name alone: without an event, the account has no use, and goes with it."""
    guest = await world.join(0, name=NAME)
    await world.report(guest)
    selfie = await world.selfie_of(NAME)
    await world.settle_on_disk()
    assert set(await world.traces(selfie)) == {"name", "note", "selfie"}

    await world.database.execute("update event set expires_at = now()")

    async def gone() -> bool:
        return not await world.traces(selfie)

    await until(gone, seconds=GONE_SECONDS)
    assert await world.audit() == (0, "Nothing found.\n")
    assert await asyncio.to_thread(world.service.terminate) == 0
    assert not await world.traces(selfie)
    assert await world.audit() == (0, "Nothing found.\n")
