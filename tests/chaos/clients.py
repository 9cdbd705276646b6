"""What photographers and guests do meanwhile, and what the service has promised them.

Each call is made again until it is answered: a network that breaks says nothing of what was done.
"""

import asyncio
import hashlib
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

from tests.chaos.worlds import World
from tests.support.helpers import PASSWORD, bearer, selfie_form
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.support.watching import noisy

#: Seconds until a call is made again, and seconds after which nobody waits for an answer.
AGAIN_SECONDS, ANSWER_SECONDS = 0.2, 20.0
#: Seconds in which every call has its answer.
PATIENCE = 150.0
#: No answer, and the answers that ask to come again.
NONE = 0
COME_AGAIN = frozenset({NONE, 408, 429, 500, 502, 503})


@dataclass(frozen=True)
class Sent:
    """A photo that was accepted with a 202."""

    photo_id: str
    filename: str
    sha256: str


@dataclass
class Clients:
    """An event's photographer and guests, and what they were promised."""

    world: World
    http: aiohttp.ClientSession
    #: Pictures by name, and selfies by person.
    pictures: Mapping[str, bytes]
    selfies: Mapping[str, bytes]
    admin: dict[str, str] = field(default_factory=dict)
    event: dict[str, Any] = field(default_factory=dict)
    #: File name -> what is there.
    sent: dict[str, Sent] = field(default_factory=dict)
    #: Person -> session.
    present: dict[str, dict[str, str]] = field(default_factory=dict)
    #: What must never come back: ids of photos, names of people.
    deleted: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    #: Answers that nobody should get, such as 500.
    wrong: list[str] = field(default_factory=list)

    @classmethod
    async def open(
        cls,
        world: World,
        http: aiohttp.ClientSession,
        pictures: Mapping[str, bytes],
        selfies: Mapping[str, bytes],
    ) -> Self:
        """Sign in as the admin and make an event."""
        made = cls(world, http, pictures, selfies)
        credentials = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        _, body = await made.call("POST", "/api/auth/login", json=credentials)
        made.admin = bearer(body["token"])
        _, made.event = await made.call(
            "POST",
            "/api/admin/events",
            json={"name": "Gala", "accounts": "optional"},
            headers=made.admin,
        )
        return made

    async def call(
        self, method: str, path: str, also: Collection[int] = (), **options: Any
    ) -> tuple[int, Any]:
        """Return status and JSON of the first answer that says what became of the call.

        It is a success, or one of *also*. AssertionError for any other.
        """
        form = options.pop("form", None)
        async with asyncio.timeout(PATIENCE):
            while True:
                if form is not None:
                    options["data"] = form()
                status, body = await self._try(method, path, **options)
                if status == 500:
                    self.wrong.append(f"{method} {path} answered 500: {body}")
                if status not in COME_AGAIN:
                    break
                await asyncio.sleep(AGAIN_SECONDS)
        assert status < 300 or status in also, (method, path, status, body)
        return status, body

    async def _try(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        try:
            async with self.http.request(
                method,
                self.world.url + path,
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
                **options,
            ) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return NONE, None

    async def upload(self, picture: str, serial: int, *, named: bool) -> None:
        """Send a picture, as a body or *named* by its hash; other serials make other bytes."""
        data = self.pictures[picture]
        data = noisy(data, len(data) + 100, serial)
        filename, sha256 = f"{picture}~{serial}", hashlib.sha256(data).hexdigest()
        if named:
            body = await self._send_named(filename, sha256, data)
        else:
            _, body = await self.call(
                "POST",
                f"/api/events/{self.event['id']}/photos?filename={filename}",
                form=lambda: io.BytesIO(data),
                headers={**self.admin, "Content-Type": "image/jpeg"},
            )
        self.sent[filename] = Sent(body["results"][0]["photo_id"], filename, sha256)

    async def _send_named(self, filename: str, sha256: str, data: bytes) -> Any:
        """Send what the server does not have yet, until it has answered what became of all."""
        path = f"/api/events/{self.event['id']}/uploads/{sha256}?filename={filename}"
        there, total = 0, len(data)
        while True:
            part = f"{there}-{total - 1}" if there < total else "*"
            headers = {"Content-Type": "image/jpeg", "Content-Range": f"bytes {part}/{total}"}
            status, body = await self.call(
                "PUT",
                path,
                also=(409,),
                form=lambda there=there: io.BytesIO(data[there:]),
                headers={**self.admin, **headers},
            )
            if status == 202:
                return body
            there = body["received"]

    async def join(self, person: str) -> None:
        """Join with a selfie; a form that is sent again leads to the same guest."""
        fields = {
            "name": person,
            "email": f"{person}@example.org",
            "password": PASSWORD,
            "consent": "yes",
            "language": "en",
        }
        _, body = await self.call(
            "POST",
            f"/api/events/{self.event['code']}/join",
            form=lambda: selfie_form(self.selfies[person], **fields),
        )
        self.present[person] = bearer(body["token"])
        self.left.discard(person)

    async def leave(self, person: str) -> None:
        """Erase a guest's account; 401 says that an earlier call did it."""
        await self.call("DELETE", "/api/me", also=(401,), headers=self.present.pop(person))
        self.left.add(person)

    async def delete(self, filename: str) -> None:
        """Delete a photo; 404 says that an earlier call did it."""
        photo = self.sent.pop(filename)
        await self.call(
            "DELETE", f"/api/admin/photos/{photo.photo_id}", also=(404,), headers=self.admin
        )
        self.deleted.add(photo.photo_id)
