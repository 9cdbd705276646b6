"""Joining with a selfie, over the real face service, and leaving again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.conftest import App
from tests.support.helpers import (
    PASSWORD,
    ask_to_join,
    bearer,
    join,
    make_event,
    member,
    problem,
    selfie_form,
    selfie_of,
    side_by_side,
    someone,
    upload,
)
from tests.support.pictures import drawn, labelled
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD


async def count(app: App, table: str) -> int:
    number: int = await app.resources.pool.fetchval(f"select count(*) from {table}")
    return number


async def vectors(app: App, event: dict[str, Any]) -> int:
    """Return how many vectors the engine holds for the event."""
    collection = await app.resources.pool.fetchval(
        "select collection_id from event where id = $1", int(event["id"])
    )
    return await app.resources.faces.face_count(collection)


async def shown(app: App, event: dict[str, Any], headers: dict[str, str]) -> list[str]:
    """Return the names of the photos on a guest's sure shelf."""
    answer = await app.client.get("/api/my-photos", params={"event": event["id"]}, headers=headers)
    return [photo["filename"] for photo in await answer.json()]


async def nothing_is_left(app: App, event: dict[str, Any]) -> bool:
    assert (
        await app.resources.pool.fetchval("select count(*) from account where role = 'guest'") == 0
    )
    for table in ("guest", "selfie", "image", "image_chunk", "reference", "match"):
        assert await count(app, table) == 0, table
    return await vectors(app, event) == 0


async def test_a_guest_joins_and_is_signed_in(app: App) -> None:
    event = await make_event(app, gallery="own")
    answer = await ask_to_join(app, event["code"], selfie_of())
    body = await answer.json()
    assert answer.status == 201
    assert body["event"] == {"id": event["id"], "name": "Gala", "gallery": "own"}
    assert body["selfie"] == {"status": "accepted"}
    assert body["user"]["email"] == "ada@example.org"
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    me = await (await app.client.get("/api/me", headers=bearer(body["token"]))).json()
    assert me["email"] == "ada@example.org"
    assert [item["id"] for item in me["events"]] == [event["id"]]
    assert await vectors(app, event) == 1


async def test_the_code_may_be_typed_with_blanks_and_in_lower_case(app: App) -> None:
    event = await make_event(app)
    typed = f" {event['code'][:4].lower()}-{event['code'][4:]} "
    shown = await app.client.get(f"/api/events/{typed}")
    assert (await shown.json())["name"] == "Gala"
    assert (await ask_to_join(app, typed, selfie_of())).status == 201


UNKNOWN_CODES: Sequence[str] = ["NOSUCHCO", "x", "%00", "%FF%FE", "é" * 8]


async def test_an_unknown_code_is_404(app: App) -> None:
    for code in UNKNOWN_CODES:
        assert await problem(await app.client.get(f"/api/events/{code}")) == (404, "not_found"), (
            code
        )
        assert await problem(await ask_to_join(app, code, drawn())) == (404, "not_found"), code


async def test_a_closed_event_takes_nobody(app: App) -> None:
    event = await make_event(app, join_open=False)
    answer = await ask_to_join(app, event["code"], selfie_of())
    assert await problem(answer) == (409, "join_closed")
    assert await nothing_is_left(app, event)


async def test_without_consent_nothing_is_kept(app: App) -> None:
    event = await make_event(app)
    for consent in ("", "no"):
        answer = await ask_to_join(app, event["code"], selfie_of(), consent=consent)
        assert await problem(answer) == (422, "consent_required")
    assert await nothing_is_left(app, event)


WRONG_FIELDS: Sequence[tuple[str, str]] = [
    ("name", ""),
    ("email", "nobody"),
    ("email", "a\x07b@example.org"),
    ("email", "a@example.org\nBcc: b"),
    ("password", "short"),
]


async def test_a_form_with_something_wrong_says_where(app: App) -> None:
    event = await make_event(app)
    for field, value in WRONG_FIELDS:
        answer = await ask_to_join(app, event["code"], selfie_of(), {}, **{field: value})
        assert await problem(answer) == (422, "invalid_request"), (field, value)
        assert (await answer.json())["field"] == field, (field, value)
        assert await nothing_is_left(app, event), (field, value)


async def test_a_selfie_that_is_missing_is_said(app: App) -> None:
    event = await make_event(app)
    for picture in (None, b""):
        answer = await ask_to_join(app, event["code"], picture)
        assert (await problem(answer))[0] == 422
    assert await nothing_is_left(app, event)


async def test_a_picture_without_a_face_leaves_nothing(app: App) -> None:
    event = await make_event(app)
    answer = await ask_to_join(app, event["code"], drawn())
    assert await problem(answer) == (422, "no_face")
    assert await nothing_is_left(app, event)


async def test_two_faces_side_by_side_are_too_many(app: App) -> None:
    event = await make_event(app)
    answer = await ask_to_join(app, event["code"], side_by_side(selfie_of(0), selfie_of(1)))
    assert await problem(answer) == (422, "several_faces")
    assert await nothing_is_left(app, event)


@pytest.mark.parametrize("data", [b"just words", b"\xff\xd8\xff broken"])
async def test_a_selfie_that_is_no_picture_is_refused(app: App, data: bytes) -> None:
    event = await make_event(app)
    answer = await ask_to_join(app, event["code"], data)
    assert await problem(answer) == (422, "invalid_image")
    assert await nothing_is_left(app, event)


async def test_none_of_the_labelled_selfies_is_refused(app: App) -> None:
    event = await make_event(app)
    for name, path in labelled().selfies.items():
        answer = await ask_to_join(
            app, event["code"], path.read_bytes(), name=name, email=f"{name}@example.org"
        )
        assert answer.status == 201, (name, await answer.text())
    assert await vectors(app, event) == len(labelled().selfies)


async def test_a_form_that_arrives_in_small_pieces_is_read_whole(app: App) -> None:
    event = await make_event(app)
    fields = {
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "password": PASSWORD,
        "consent": "yes",
    }
    head = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += '--b\r\nContent-Disposition: form-data; name="selfie"; filename="s.jpg"\r\n\r\n'

    async def pieces() -> AsyncIterator[bytes]:
        for sign in head.encode():
            yield bytes([sign])
            # lets the server take each piece by itself
            await asyncio.sleep(0)
        yield selfie_of() + b"\r\n--b--\r\n"

    answer = await app.client.post(
        f"/api/events/{event['code']}/join",
        data=pieces(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status == 201, await answer.text()
    assert (await answer.json())["user"]["name"] == "Ada Lovelace"


async def test_an_address_that_is_taken_needs_its_password(app: App) -> None:
    first, second = await make_event(app, "First"), await make_event(app, "Second")
    await join(app, first, selfie_of())
    answer = await ask_to_join(app, second["code"], selfie_of(), password="another one")
    assert await problem(answer) == (409, "email_taken")
    assert (await ask_to_join(app, second["code"], selfie_of())).status == 201
    assert await count(app, "guest") == 2
    assert await app.resources.pool.fetchval("select count(*) from account where role='guest'") == 1


async def test_nobody_joins_as_the_admin(app: App) -> None:
    event = await make_event(app)
    answer = await ask_to_join(
        app, event["code"], selfie_of(), email=ADMIN_EMAIL, password=ADMIN_PASSWORD
    )
    assert await problem(answer) == (409, "email_taken")


async def test_who_is_signed_in_joins_with_consent_and_selfie_alone(app: App) -> None:
    first, second = await make_event(app, "First"), await make_event(app, "Second")
    guest = await member(app.resources.pool, first)
    answer = await app.client.post(
        f"/api/events/{second['code']}/join",
        data=selfie_form(selfie_of(), consent="yes"),
        headers=guest.headers,
    )
    assert answer.status == 201
    assert (await answer.json())["user"]["id"] == str(guest.user_id)


async def test_a_refused_selfie_does_not_cost_an_older_account_anything(app: App) -> None:
    event, second = await make_event(app), await make_event(app, "Second")
    headers = await join(app, event, selfie_of())
    assert (await problem(await ask_to_join(app, second["code"], drawn())))[1] == "no_face"
    assert (await problem(await ask_to_join(app, event["code"], drawn())))[1] == "no_face"
    me = await (await app.client.get("/api/me", headers=headers)).json()
    assert [item["id"] for item in me["events"]] == [event["id"]]
    assert me["events"][0]["selfie"]["status"] == "accepted"


async def test_a_late_guest_finds_the_photos_that_are_there(app: App) -> None:
    selfie, photo = someone()
    event = await make_event(app)
    await upload(app, event, "them.jpg", photo)
    await upload(app, event, "scene.jpg", drawn())
    await app.drain()
    headers = await join(app, event, selfie)
    await app.drain()
    assert await shown(app, event, headers) == ["them.jpg"]


async def test_an_early_guest_finds_the_photos_that_come(app: App) -> None:
    selfie, photo = someone()
    event = await make_event(app)
    headers = await join(app, event, selfie)
    await app.drain()
    assert await shown(app, event, headers) == []
    await upload(app, event, "them.jpg", photo)
    await app.drain()
    assert await shown(app, event, headers) == ["them.jpg"]


async def test_a_new_selfie_takes_the_place_of_the_old_one(app: App) -> None:
    selfie, photo = someone()
    event = await make_event(app)
    headers = await join(app, event, selfie_of(-1))
    await upload(app, event, "them.jpg", photo)
    await app.drain()
    before = await vectors(app, event)
    assert await shown(app, event, headers) == []
    path = f"/api/me/events/{event['id']}/selfie"
    answer = await app.client.put(path, data=selfie_form(selfie), headers=headers)
    assert await answer.json() == {"selfie": {"status": "accepted"}}
    await app.drain()
    assert await shown(app, event, headers) == ["them.jpg"]
    assert await vectors(app, event) == before
    assert await count(app, "selfie") == 1


async def test_a_new_selfie_that_is_refused_changes_nothing(app: App) -> None:
    selfie, photo = someone()
    event = await make_event(app)
    headers = await join(app, event, selfie)
    await upload(app, event, "them.jpg", photo)
    await app.drain()
    path = f"/api/me/events/{event['id']}/selfie"
    answer = await app.client.put(path, data=selfie_form(drawn()), headers=headers)
    assert (await problem(answer))[1] == "no_face"
    await app.drain()
    assert await shown(app, event, headers) == ["them.jpg"]
    assert await count(app, "selfie") == 1


async def test_a_selfie_for_an_event_of_others_is_404(app: App) -> None:
    event, other = await make_event(app), await make_event(app, "Other")
    guest = await member(app.resources.pool, event)
    answer = await app.client.put(
        f"/api/me/events/{other['id']}/selfie", data=selfie_form(drawn()), headers=guest.headers
    )
    assert (await problem(answer))[0] == 404


async def test_who_leaves_leaves_nothing(app: App) -> None:
    selfie, photo = someone()
    event = await make_event(app)
    headers = await join(app, event, selfie)
    await upload(app, event, "them.jpg", photo)
    await app.drain()
    assert await count(app, "match") >= 1
    before = await vectors(app, event)
    answer = await app.client.delete("/api/me", headers=headers)
    assert answer.status == 204
    assert await vectors(app, event) == before - 1
    assert (await app.client.get("/api/me", headers=headers)).status == 401
    for table in ("guest", "selfie", "reference", "match"):
        assert await count(app, table) == 0, table
    pictures = "select count(*) from image where selfie_id is not null"
    assert await app.resources.pool.fetchval(pictures) == 0
    assert await count(app, "photo") == 1
    answer = await app.client.post(
        "/api/auth/login", json={"email": "ada@example.org", "password": PASSWORD}
    )
    assert answer.status == 401


async def test_an_admin_removes_a_guest_as_if_they_had_asked(app: App) -> None:
    event = await make_event(app)
    headers = await join(app, event, selfie_of())
    path = f"/api/admin/events/{event['id']}/guests"
    (guest,) = await (await app.client.get(path, headers=app.admin)).json()
    assert (guest["email"], guest["selfie"]["status"]) == ("ada@example.org", "accepted")
    assert (await app.client.delete(f"{path}/{guest['id']}", headers=app.admin)).status == 204
    assert await vectors(app, event) == 0
    answer = await app.client.get("/api/my-photos", params={"event": event["id"]}, headers=headers)
    assert (await problem(answer))[0] == 404
    assert (await app.client.delete(f"{path}/{guest['id']}", headers=app.admin)).status == 404
