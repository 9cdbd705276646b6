"""What tests of the application begin with: an event, guests, photos; by HTTP or as rows."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import ClientResponse
from PIL import Image

from findme import db
from findme.accounts import auth, guests
from findme.db import Connection, Pool
from findme.gallery import events, photos
from findme.indexing.photo_preparation import PhotoPreparation
from findme.models import Event, EventId, Gallery, GuestId, PhotoId, Role, UserId
from tests.conftest import App
from tests.support.pictures import labelled

PASSWORD = "a long password"


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


async def make_event(app: App, name: str = "Gala", **members: object) -> dict[str, Any]:
    """Make an event as the admin."""
    answer = await app.client.post(
        "/api/admin/events", json={"name": name, **members}, headers=app.admin
    )
    assert answer.status == 201, await answer.text()
    made: dict[str, Any] = await answer.json()
    return made


async def add_gala(conn: Connection, name: str = "Gala") -> Event:
    """Make an event whose guests see all photos, as a row."""
    return await events.create(
        conn,
        name=name,
        starts_at=None,
        expires_at=None,
        gallery=Gallery.EVERYONE,
        join_open=True,
    )


async def make_token(app: App, event: Mapping[str, Any]) -> dict[str, str]:
    """Return the header of a fresh upload token."""
    answer = await app.client.post(
        f"/api/admin/events/{event['id']}/tokens", json={"label": "Zoe"}, headers=app.admin
    )
    assert answer.status == 201
    return bearer((await answer.json())["token"])


async def prepare_photo(app: App, photo_id: str) -> None:
    """Make a photo's thumbnail and preview, as its job does before it asks the engine."""
    resources = app.resources
    async with db.acquire(resources.pool) as conn:
        photo = await photos.get(conn, PhotoId(int(photo_id)))
    preparation = PhotoPreparation(
        resources.pool,
        resources.faces,
        resources.cache,
        resources.image_workers,
        resources.photo_images,
    )
    await preparation.prepare(photo)


async def upload(
    app: App, event: Mapping[str, Any], name: str, picture: bytes, headers: Mapping[str, str] = {}
) -> dict[str, Any]:
    """Upload one picture as a raw body and return its verdict."""
    answer = await app.client.post(
        f"/api/events/{event['id']}/photos",
        params={"filename": name},
        data=io.BytesIO(picture),
        headers={"Content-Type": "image/jpeg", **(headers or app.admin)},
    )
    assert answer.status == 202, await answer.text()
    verdict: dict[str, Any] = (await answer.json())["results"][0]
    return verdict


def selfie_of(position: int = 0) -> bytes:
    """Return a labelled person's selfie."""
    return [*labelled().selfies.values()][position].read_bytes()


def someone() -> tuple[bytes, bytes]:
    """Return a selfie of a person and another photo that shows nobody else."""
    for name, selfie in labelled().selfies.items():
        for path, people in labelled().people.items():
            if people == {name}:
                return selfie.read_bytes(), path.read_bytes()
    raise AssertionError("nobody is alone on a photo")


def side_by_side(*pictures: bytes) -> bytes:
    """Return one JPEG with the pictures next to each other, equally high."""
    opened = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    scaled = [item.resize((item.width * 600 // item.height, 600)) for item in opened]
    whole = Image.new("RGB", (sum(item.width for item in scaled), 600))
    left = 0
    for item in scaled:
        whole.paste(item, (left, 0))
        left += item.width
    out = io.BytesIO()
    whole.save(out, "JPEG", quality=92)
    return out.getvalue()


def selfie_form(picture: bytes | None, **fields: str) -> aiohttp.FormData:
    """Return a multipart form with text fields and a selfie."""
    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    if picture is not None:
        form.add_field("selfie", io.BytesIO(picture), filename="selfie.jpg")
    return form


async def ask_to_join(
    app: App, code: str, picture: bytes | None, headers: Mapping[str, str] = {}, **fields: str
) -> ClientResponse:
    """Send the join form, its usual fields filled in; cookies of the answer are not kept."""
    usual = {
        "name": "Ada",
        "email": "ada@example.org",
        "password": PASSWORD,
        "consent": "yes",
        "language": "en",
    }
    answer = await app.client.post(
        f"/api/events/{code}/join",
        data=selfie_form(picture, **(usual | fields)),
        headers=headers,
    )
    await answer.read()
    app.client.session.cookie_jar.clear()
    return answer


async def join(
    app: App, event: Mapping[str, Any], picture: bytes, email: str = "ada@example.org"
) -> dict[str, str]:
    """Join with a selfie and return the header of the guest's session."""
    answer = await ask_to_join(app, event["code"], picture, email=email)
    assert answer.status == 201, await answer.text()
    return bearer((await answer.json())["token"])


async def problem(answer: ClientResponse) -> tuple[int, str]:
    """Return an answer's status and its problem's code; its shape is checked on the way."""
    assert answer.content_type == "application/problem+json", await answer.text()
    body = await answer.json()
    assert body["status"] == answer.status
    assert {"type", "title", "detail"} <= set(body)
    return answer.status, body["code"]


@dataclass(frozen=True)
class Member:
    """A guest without a selfie, written straight into the tables."""

    user_id: UserId
    guest_id: GuestId
    headers: dict[str, str]


async def member(pool: Pool, event: Mapping[str, Any], email: str = "ada@example.org") -> Member:
    """Add a guest with a session; no password opens the account."""
    event_id = EventId(int(event["id"]))
    async with db.transaction(pool) as conn:
        user_id = await auth.create_account(
            conn, name="Ada", email=email, password_hash="none", role=Role.GUEST
        )
        guest_id = await guests.join(conn, event_id, user_id, consent_text="Yes", language="en")
        session = await auth.open_session(conn, user_id)
    return Member(user_id, guest_id, bearer(session.token))


async def add_photos(
    conn: Connection, event: Mapping[str, Any], count: int, *, prefix: str = "photo"
) -> list[int]:
    """Add photos that guests can see, without pictures; return their ids, oldest first."""
    rows = await conn.fetch(
        """
        insert into photo (event_id, digest, filename, width, height, ready_at, state, faces)
        select $1, sha256(convert_to($3 || n, 'UTF8')), $3 || n || '.jpg', 4000, 3000, now(),
               'indexed', 1
          from generate_series(1, $2) as n returning id""",
        int(event["id"]),
        count,
        prefix,
    )
    return [row["id"] for row in rows]


async def add_match(conn: Connection, guest_id: int, photo_id: int, similarity: float) -> None:
    """Let a photo show a guest, by a face of its own and a reference that is made on the way."""
    await conn.execute(
        """
        with event_row as (
            update event set last_face = last_face + 1, last_reference = last_reference + 1
             where id = (select event_id from photo where id = $2)
            returning id, last_face, last_reference),
        selfie_row as (
            insert into selfie (guest_id, state) values ($1, 'accepted') returning id),
        reference_row as (
            insert into reference (event_id, guest_id, selfie_id, engine_face_id, number, searched,
                                   indexed_at)
            select event_row.id, $1, selfie_row.id, 'reference-' || selfie_row.id, last_reference,
                   true, now() from event_row, selfie_row returning id),
        face_row as (
            insert into face (event_id, photo_id, engine_face_id, number, box_left, box_top,
                              box_width, box_height, confidence, indexed_at)
            select event_row.id, $2, 'face-' || last_face, last_face, 0.1, 0.2, 0.3, 0.4, 99, now()
              from event_row returning id)
        insert into match (reference_id, face_id, guest_id, photo_id, similarity)
        select reference_row.id, face_row.id, $1, $2, $3 from reference_row, face_row""",
        guest_id,
        photo_id,
        similarity,
    )


async def change_event(app: App, event: dict[str, Any], **members: object) -> dict[str, Any]:
    """Change an event as the admin."""
    answer = await app.client.patch(
        f"/api/admin/events/{event['id']}", json=members, headers=app.admin
    )
    assert answer.status == 200, await answer.text()
    changed: dict[str, Any] = await answer.json()
    return changed


async def put_cover(app: App, event: dict[str, Any], picture: bytes) -> str:
    """Set an event's cover as the admin; return its URL."""
    answer = await app.client.put(
        f"/api/admin/events/{event['id']}/cover",
        data=picture,
        headers={**app.admin, "Content-Type": "image/jpeg"},
    )
    assert answer.status == 200, await answer.text()
    url: str = (await answer.json())["cover_url"]
    return url


async def page_of(app: App, path: str, headers: dict[str, str] | None = None) -> str:
    """Return a page in English, the admin's unless other headers are given."""
    answer = await app.client.get(
        path, headers={**(app.admin if headers is None else headers), "Accept-Language": "en"}
    )
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def add_expiring_event(pool: Pool, name: str, expires: str | None) -> int:
    """Add an event that expires after an interval, which may be negative; return its id."""
    event_id: int = await pool.fetchval(
        """
        insert into event (code, name, expires_at, collection_id)
        values ($1, $1, now() + $2::text::interval, $1) returning id""",
        name,
        expires,
    )
    return event_id


async def event_names(pool: Pool) -> list[str]:
    """Return the names of all events, oldest first."""
    return [row["name"] for row in await pool.fetch("select name from event order by id")]
