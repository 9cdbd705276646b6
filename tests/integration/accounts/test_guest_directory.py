"""An event's guests for its organiser: looked up, handed a new way in, removed with a receipt."""

import re
from typing import Any

import pytest
from yarl import URL

from findme import db
from findme.db import Pool
from tests.conftest import App
from tests.support.helpers import (
    Member,
    add_match,
    add_photos,
    ask_to_join,
    bearer,
    make_event,
    member,
    problem,
    selfie_of,
)


@pytest.fixture
async def event(app: App) -> dict[str, Any]:
    return await make_event(app, accounts="optional")


async def listed(app: App, event: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    answer = await app.client.get(
        f"/api/admin/events/{event['id']}/guest-list", params=query, headers=app.admin
    )
    assert answer.status == 200, await answer.text()
    found: list[dict[str, Any]] = await answer.json()
    return found


async def visit(app: App, path: str, *, method: str = "GET", status: int = 200) -> str:
    answer = await app.client.request(
        method, path, headers={**app.admin, "Accept": "text/html", "Accept-Language": "en"}
    )
    assert answer.status == status, await answer.text()
    return await answer.text()


def link_in(text: str) -> str:
    found = re.search(r'id="link" value="([^"]+)"', text)
    assert found is not None
    # the test's client asks by path alone
    return URL(found[1]).path


async def with_matches(pool: Pool, guest: Member, event: dict[str, Any]) -> None:
    """Let the guest be on two photos surely, on one perhaps, and refuse a fourth."""
    async with db.transaction(pool) as conn:
        photos = await add_photos(conn, event, 5)
        for photo_id, similarity in zip(photos, (95, 90, 85, 99, 70), strict=True):
            await add_match(conn, guest.guest_id, photo_id, similarity)
        await conn.execute(
            "insert into verdict (guest_id, photo_id, says) values ($1, $2, 'not_me')",
            guest.guest_id,
            photos[3],
        )


async def test_a_guest_is_found_by_a_part_of_name_or_address(
    app: App, event: dict[str, Any]
) -> None:
    pool = app.resources.pool
    await member(pool, event, "ada@example.org")
    await member(pool, event, "grace@navy.example")

    assert [guest["email"] for guest in await listed(app, event)] == [
        "grace@navy.example",
        "ada@example.org",
    ]
    assert [guest["email"] for guest in await listed(app, event, q="NAVY")] == [
        "grace@navy.example"
    ]
    assert len(await listed(app, event, q=" ada ")) == 2  # both are called Ada
    assert await listed(app, event, q="%") == []
    page = await visit(app, f"/admin/events/{event['id']}/guests?q=navy")
    assert "grace@navy.example" in page
    assert "ada@example.org" not in page


async def test_pages_of_guests_follow_each_other(app: App, event: dict[str, Any]) -> None:
    pool = app.resources.pool
    for number in range(3):
        await member(pool, event, f"{number}@example.org")
    answer = await app.client.get(
        f"/api/admin/events/{event['id']}/guest-list?limit=2&q=example", headers=app.admin
    )

    assert [guest["email"][0] for guest in await answer.json()] == ["2", "1"]
    assert answer.headers["X-Total-Count"] == "3"
    following = re.findall(r"<(.+)>", answer.headers["Link"])[0]
    rest = await app.client.get(following, headers=app.admin)
    assert [guest["email"][0] for guest in await rest.json()] == ["0"]


async def test_photos_are_counted_as_the_guest_sees_them(app: App, event: dict[str, Any]) -> None:
    guest = await member(app.resources.pool, event)
    await with_matches(app.resources.pool, guest, event)

    (found,) = await listed(app, event)

    assert found["photos"] == {"sure": 2, "maybe": 1}


async def test_the_overview_counts_photos_as_the_guests_page_does(
    app: App, event: dict[str, Any]
) -> None:
    """Sure and maybe apart, without what the guest put aside."""
    guest = await member(app.resources.pool, event)
    await with_matches(app.resources.pool, guest, event)

    answer = await app.client.get(f"/api/admin/events/{event['id']}/guests", headers=app.admin)

    (found,) = await answer.json()
    assert (found["photos"], found["maybe"]) == (2, 1)
    assert (await listed(app, event))[0]["photos"] == {"sure": 2, "maybe": 1}


async def test_an_event_of_its_own_thresholds_counts_by_them(
    app: App, event: dict[str, Any]
) -> None:
    guest = await member(app.resources.pool, event)
    await with_matches(app.resources.pool, guest, event)
    changed = await app.client.patch(
        f"/api/admin/events/{event['id']}", json={"match_threshold": 93}, headers=app.admin
    )
    assert changed.status == 200

    (found,) = await listed(app, event)

    assert found["photos"] == {"sure": 1, "maybe": 2}


async def test_a_guest_with_an_address_gets_a_link_for_a_new_password(
    app: App, event: dict[str, Any]
) -> None:
    guest = await member(app.resources.pool, event)

    page = await visit(
        app, f"/admin/events/{event['id']}/guests/{guest.user_id}/link", method="POST"
    )

    opened = await app.client.get(link_in(page), headers={"Accept": "text/html"})
    assert opened.status == 200
    assert "/reset/" in str(opened.url)


async def test_a_guest_by_name_gets_a_new_key_and_the_old_one_ends(
    app: App, event: dict[str, Any]
) -> None:
    joined = await ask_to_join(app, event["code"], selfie_of(), email="", password="")
    body = await joined.json()
    (found,) = await listed(app, event)
    assert found["email"] is None

    page = await visit(
        app, f"/admin/events/{event['id']}/guests/{found['user_id']}/link", method="POST"
    )

    assert (await app.client.get(URL(body["key_url"]).path, allow_redirects=False)).status == 404
    assert (await app.client.get(link_in(page), allow_redirects=False)).status == 200
    app.client.session.cookie_jar.clear()
    signed_out = await app.client.get("/api/me", headers=bearer(body["token"]))
    assert signed_out.status == 401
    made = await app.client.post(f"/api/admin/users/{found['user_id']}/key-link", headers=app.admin)
    assert (made.status, made.headers["Cache-Control"]) == (201, "no-store")


async def test_a_key_link_is_refused_to_an_account_with_a_password(
    app: App, event: dict[str, Any]
) -> None:
    guest = await member(app.resources.pool, event)

    answer = await app.client.post(f"/api/admin/users/{guest.user_id}/key-link", headers=app.admin)

    assert await problem(answer) == (409, "conflict")


async def test_who_is_removed_leaves_a_receipt(app: App, event: dict[str, Any]) -> None:
    guest = await member(app.resources.pool, event)
    await with_matches(app.resources.pool, guest, event)

    page = await visit(
        app, f"/admin/events/{event['id']}/guests/{guest.user_id}/remove", method="POST"
    )

    receipt = re.search(r'href="(/receipt/[^"]+)"', page)
    assert receipt is not None
    assert "Of 1 event; your account stays" in await visit(app, receipt[1])
    assert await listed(app, event) == []
    await visit(app, f"/admin/events/{event['id']}/guests/{guest.user_id}", status=404)


async def test_a_program_that_removes_a_guest_is_told_the_receipt(
    app: App, event: dict[str, Any]
) -> None:
    guest = await member(app.resources.pool, event)
    path = f"/api/admin/events/{event['id']}/guests/{guest.user_id}"

    answer = await app.client.delete(path, headers=app.admin)

    assert answer.status == 204
    assert "Receipt" in await visit(app, answer.headers["Location"])
    assert (await app.client.delete(path, headers=app.admin)).status == 404


async def test_no_call_of_an_admin_shows_a_selfie(app: App, event: dict[str, Any]) -> None:
    joined = await ask_to_join(app, event["code"], selfie_of())
    assert joined.status == 201
    (found,) = await listed(app, event)
    mine = await app.client.get(
        f"/api/me/events/{event['id']}/selfies", headers=bearer((await joined.json())["token"])
    )
    (selfie,) = await mine.json()

    answer = await app.client.get(selfie["url"], headers=app.admin)
    page = await visit(app, f"/admin/events/{event['id']}/guests/{found['user_id']}")

    assert answer.status == 404
    assert found["selfie"] == {"status": "accepted", "problem": None, "kept": 1}
    assert "<img" not in page


async def test_guests_of_another_event_and_other_callers_find_nothing(
    app: App, event: dict[str, Any]
) -> None:
    other = await make_event(app, "Other")
    guest = await member(app.resources.pool, other)
    base = f"/admin/events/{event['id']}/guests/{guest.user_id}"
    for method, path in (("GET", base), ("POST", f"{base}/link"), ("POST", f"{base}/remove")):
        assert (await app.client.request(method, path, headers=app.admin)).status == 404
    for method, path in (
        ("GET", f"/api/admin/events/{other['id']}/guest-list"),
        ("POST", f"/api/admin/users/{guest.user_id}/key-link"),
        ("GET", f"/admin/events/{other['id']}/guests"),
        ("GET", f"/admin/events/{other['id']}/guests/{guest.user_id}"),
        ("POST", f"/admin/events/{other['id']}/guests/{guest.user_id}/remove"),
    ):
        assert (await app.client.request(method, path, headers=guest.headers)).status == 404
        assert (await app.client.request(method, path)).status == 401
    assert len(await listed(app, other)) == 1
