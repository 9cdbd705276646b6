"""The export: one archive with all that FindMe holds on a person, and nothing on anybody else."""

import io
import json
import zipfile
from typing import Any

import pytest

from findme import db
from findme.media import storage
from findme.media.storage import ImageOwner
from findme.models import PhotoId, SelfieId, Size
from tests.conftest import App
from tests.support.clean_files import store_plan
from tests.support.helpers import Member, add_match, add_photos, make_event, member
from tests.support.no_engine_app import app, settings

__all__ = ["app", "settings"]


async def export(app: App, guest: Member) -> tuple[dict[str, Any], zipfile.ZipFile]:
    answer = await app.client.get("/api/me/export", headers=guest.headers)
    assert answer.status == 200, await answer.text()
    data = await answer.read()
    assert int(answer.headers["Content-Length"]) == len(data)
    opened = zipfile.ZipFile(io.BytesIO(data))
    assert opened.testzip() is None
    known: dict[str, Any] = json.loads(opened.read("account.json"))
    return known, opened


@pytest.fixture
async def guest_with_photos(app: App) -> tuple[App, Member, list[int]]:
    """Two guests of one event; the first is on two photos surely and on one perhaps."""
    event = await make_event(app, "Gala / été")
    guest = await member(app.resources.pool, event)
    other = await member(app.resources.pool, event, "bob@example.org")
    async with db.transaction(app.resources.pool) as conn:
        photos = await add_photos(conn, event, 4)
        for photo in photos:
            await storage.store_bytes(
                conn,
                b"photo %d" % photo,
                ImageOwner(photo_id=PhotoId(photo)),
                size=Size.ORIGINAL,
            )
            await store_plan(conn, photo, b"photo %d" % photo)
        for photo, similarity in zip(photos, (99, 98, 85), strict=False):
            await add_match(conn, guest.guest_id, photo, similarity)
        await add_match(conn, other.guest_id, photos[3], 97)
        for part in (guest, other):
            selfie = await conn.fetchval(
                "select min(id) from selfie where guest_id = $1", part.guest_id
            )
            await storage.store_bytes(
                conn, b"selfie", ImageOwner(selfie_id=SelfieId(selfie)), size=Size.ORIGINAL
            )
        await conn.execute(
            "insert into verdict (guest_id, photo_id, says) values ($1, $2, 'not_me')",
            guest.guest_id,
            photos[1],
        )
        await conn.execute(
            "insert into person (event_id, guest_id, name) values ($1, $2, 'The bride')",
            int(event["id"]),
            guest.guest_id,
        )
    return app, guest, photos


async def test_the_export_holds_everything_on_a_person(
    guest_with_photos: tuple[App, Member, list[int]],
) -> None:
    app, guest, photos = guest_with_photos
    known, opened = await export(app, guest)

    assert known["account"]["email"] == "ada@example.org"
    assert len(known["sessions"]) == 1
    (event,) = known["events"]
    assert event["consent"]["text"] == "Yes"
    assert event["consent"]["language"] == "en"
    assert event["consent"]["at"].endswith("Z")
    assert [match["photo_id"] for match in event["matches"]] == [str(photo) for photo in photos[:3]]
    assert [match["similarity"] for match in event["matches"]] == [99, 98, 85]
    assert [(said["photo_id"], said["says"]) for said in event["verdicts"]] == [
        (str(photos[1]), "not_me")
    ]
    assert [group["name"] for group in event["groups"]] == ["The bride"]
    assert len(event["selfies"]) == len(event["faceprints"]) == 3

    pictures = {name for name in opened.namelist() if name != "account.json"}
    assert pictures == {
        f"selfies/Gala _ été/selfie-{event['selfies'][0]['id']}.jpg",
        "photos/Gala _ été/photo1.jpg",
    }
    assert set(known["files"]) == pictures
    assert opened.read("photos/Gala _ été/photo1.jpg") == b"photo %d" % photos[0]


async def test_the_export_holds_no_secret_and_nobody_else(
    guest_with_photos: tuple[App, Member, list[int]],
) -> None:
    app, guest, _ = guest_with_photos
    _, opened = await export(app, guest)
    text = opened.read("account.json").decode()
    assert "bob@example.org" not in text
    assert "password_hash" not in text
    assert "token_hash" not in text


async def test_who_joined_nothing_gets_their_account(app: App) -> None:
    answer = await app.client.get("/api/me/export", headers=app.admin)
    with zipfile.ZipFile(io.BytesIO(await answer.read())) as opened:
        assert opened.namelist() == ["account.json"]
        assert json.loads(opened.read("account.json"))["account"]["role"] == "admin"
    assert (await app.client.get("/api/me/export")).status == 401
