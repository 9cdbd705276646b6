"""An event of an application, built and asked over HTTP as clients do it.

A person is a number in the world of the scripted engine (tests.support.scripted_engine), or a name
of the labelled photos, whose faces the real engine finds.
"""

from collections.abc import Mapping
from typing import Any, Self, TypeAlias

from aiohttp import ClientResponse, web

from findme import db
from findme.faces.sweep_requests import request_sweep
from findme.models import EventId
from tests.conftest import App
from tests.support.helpers import PASSWORD, bearer, make_event, selfie_form, upload
from tests.support.pictures import labelled
from tests.support.scripted_engine import picture

Person: TypeAlias = int | str


class EventBuilder:
    """One event, with the guests who joined and the photos that were uploaded."""

    def __init__(self, app: App, event: Mapping[str, Any]) -> None:
        self.app = app
        self.client = app.client
        self.pool = app.resources.pool
        self.event = event
        self.event_id: str = event["id"]
        self.code: str = event["code"]
        #: The sessions of the guests.
        self.tokens: dict[Person, str] = {}
        #: The photos in the order of their upload, {id: file name}.
        self.filenames: dict[str, str] = {}

    @classmethod
    async def create(cls, app: App, name: str = "Gala", **members: object) -> Self:
        """Make an event as the admin."""
        return cls(app, await make_event(app, name, **members))

    @property
    def photos(self) -> list[str]:
        """The ids of the uploaded photos, in order."""
        return list(self.filenames)

    def headers(self, person: Person) -> dict[str, str]:
        """Return the header of a person's session."""
        return bearer(self.tokens[person])

    async def set_columns(self, **columns: object) -> None:
        """Set columns of the event's row, as the organiser's options do."""
        async with db.acquire(self.pool) as conn:
            for name, value in columns.items():
                await conn.execute(
                    f"update event set {name} = $1 where id = $2", value, int(self.event_id)
                )

    async def call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> ClientResponse:
        """Send a request, follow no redirect and keep no cookie of the answer."""
        answer = await self.client.request(
            method, path, headers=dict(headers or {}), allow_redirects=False, **options
        )
        await answer.read()
        self.client.session.cookie_jar.clear()
        return answer

    async def get_json(self, path: str, headers: Mapping[str, str], **query: str) -> Any:
        """Return what a list or another document of the event says."""
        answer = await self.call("GET", path, headers, params={"event": self.event_id, **query})
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def send_join_form(
        self, selfie: bytes, headers: Mapping[str, str] | None = None, **fields: str
    ) -> ClientResponse:
        """Send the join form with these fields and the consent."""
        form = selfie_form(selfie, consent="yes", **fields)
        return await self.call("POST", f"/api/events/{self.code}/join", headers, data=form)

    async def join(self, person: Person) -> str:
        """Join as a person, with an account; return the selfie's status."""
        answer = await self.send_join_form(
            _selfie_of(person),
            name=f"Person {person}",
            email=f"{person}@example.org",
            password=PASSWORD,
            language="en",
        )
        assert answer.status == 201, await answer.text()
        body = await answer.json()
        self.tokens[person] = body["token"]
        return str(body["selfie"]["status"])

    async def join_by_name(self, person: Person) -> dict[str, Any]:
        """Join with a name alone; return the answer."""
        answer = await self.send_join_form(_selfie_of(person), name="Nia", language="en")
        assert answer.status == 201, await answer.text()
        body: dict[str, Any] = await answer.json()
        return body

    async def browse(self, **members: str) -> dict[str, Any]:
        """Come in without a selfie; return the answer."""
        answer = await self.call("POST", f"/api/events/{self.code}/browse", json=members)
        assert answer.status == 201, await answer.text()
        body: dict[str, Any] = await answer.json()
        return body

    async def put_selfie(self, person: Person, selfie: bytes) -> ClientResponse:
        """Send a new selfie."""
        path = f"/api/me/events/{self.event_id}/selfie"
        return await self.call("PUT", path, self.headers(person), data=selfie_form(selfie))

    async def upload(self, *people: int) -> str:
        """Upload a photo that shows these people of the scripted world; return its id."""
        number = len(self.filenames)
        return await self.upload_file(f"{number}.jpg", picture(*people, serial=number + 1))

    async def upload_labelled(self, *filenames: str) -> None:
        """Upload labelled photos."""
        for path in labelled().people:
            if path.name in filenames:
                await self.upload_file(path.name, path.read_bytes())

    async def upload_file(self, filename: str, data: bytes) -> str:
        """Upload a photo as the admin; return its id."""
        photo_id = str((await upload(self.app, self.event, filename, data))["photo_id"])
        self.filenames[photo_id] = filename
        return photo_id

    def photo_id(self, filename: str) -> str:
        """Return the id of an uploaded photo."""
        return next(key for key, name in self.filenames.items() if name == filename)

    async def guest_photos(self, person: Person, shelf: str = "sure") -> set[str]:
        """Return the ids of the photos that a guest is shown as theirs."""
        return await self._ids("/api/my-photos", person, shelf=shelf)

    async def guest_filenames(self, person: Person, shelf: str = "sure") -> set[str]:
        """Return the file names of the photos that a guest is shown as theirs."""
        return {self.filenames[found] for found in await self.guest_photos(person, shelf)}

    async def all_photos(self, person: Person) -> set[str]:
        """Return the ids of the photos that a guest sees of the event."""
        return await self._ids("/api/all-photos", person)

    async def _ids(self, path: str, person: Person, **query: str) -> set[str]:
        found = await self.get_json(path, self.headers(person), limit="1000", **query)
        return {photo["id"] for photo in found}

    async def send_verdict(
        self, person: Person, filename: str, verdict: str, *, method: str = "POST"
    ) -> None:
        """Say `me` or `not-me` of a photo, or take it back with DELETE; run what follows."""
        path = f"/api/photos/{self.photo_id(filename)}/{verdict}"
        answer = await self.call(method, path, self.headers(person))
        assert answer.status == web.HTTPNoContent.status_code, await answer.text()
        await self.app.drain()

    async def sweep(self) -> None:
        """Match whatever of the event is not matched yet."""
        async with self.pool.acquire() as conn, conn.transaction():
            await request_sweep(conn, EventId(int(self.event_id)), self.app.resources.settings)
        await self.app.drain()

    async def queue_stats(self) -> Any:
        """Return the operator's numbers."""
        answer = await self.client.get("/api/admin/queue/stats", headers=self.app.admin)
        return await answer.json()

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        number: int = await self.pool.fetchval(f"select count(*) from {table}")
        return number


def _selfie_of(person: Person) -> bytes:
    if isinstance(person, int):
        return picture(person)
    return labelled().selfies[person].read_bytes()
