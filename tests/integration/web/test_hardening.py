"""What somebody with bad intentions tries, and does not get."""

import dataclasses
import io
from collections.abc import AsyncIterator

import pytest
from aiohttp import FormData
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from findme import db
from findme.accounts import accounts, auth
from findme.services import account, guest_selfies, joining
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.helpers import (
    PASSWORD,
    add_photos,
    ask_to_join,
    bearer,
    make_event,
    member,
    problem,
    selfie_form,
)
from tests.support.no_engine_app import NO_ENGINE, app, settings
from tests.support.pictures import drawn
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD

__all__ = ["app", "settings"]

ELSEWHERE = {"Origin": "https://evil.example"}
BROKEN_FORMS = {
    "no boundary": ("multipart/form-data", b"abc"),
    "no end": ("multipart/form-data; boundary=x", b"--x\r\nno header"),
    "no such character set": ("application/x-www-form-urlencoded; charset=none", b"email=a"),
    "no such encoding": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n%s\r\n\r\na\r\n--x--\r\n"
        % b"Content-Transfer-Encoding: none",
    ),
}


@pytest.fixture
async def mailing(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[App]:
    """The application with a mail server, but without an address of its own."""
    settings = dataclasses.replace(settings, smtp_url="smtp://127.0.0.1:9")
    async with application(aiohttp_client, settings, database, endpoint_url=NO_ENGINE) as opened:
        yield opened


async def test_whoever_asks_for_a_mail_does_not_choose_where_its_link_leads(mailing: App) -> None:
    async def ask(host: str) -> int:
        answer = await mailing.client.post(
            "/api/auth/forgotten", json={"email": ADMIN_EMAIL}, headers={"Host": host}
        )
        return answer.status

    assert await ask("evil.example") == 404
    assert await mailing.resources.pool.fetchval("select count(*) from job") == 0
    assert await ask("127.0.0.1") == 202
    payload = await mailing.resources.pool.fetchval("select payload->>'base_url' from job")
    assert payload == "http://127.0.0.1"


async def test_who_joined_with_an_admins_address_does_not_become_the_admin(app: App) -> None:
    """An address is nobody's until a mail to it was answered; anyone may have typed it."""
    event = await make_event(app)
    squatter = await member(app.resources.pool, event, "chief@example.org")
    assert (await app.client.get("/api/me", headers=squatter.headers)).status == 200
    await app.resources.cache.clear()

    await auth.set_admin(app.resources.pool, "chief@example.org", PASSWORD)

    answer = await app.client.get("/api/me", headers=squatter.headers)
    assert await problem(answer) == (401, "sign_in_required")


async def test_an_admins_sessions_outlive_a_start_with_the_same_password(app: App) -> None:
    await auth.set_admin(app.resources.pool, ADMIN_EMAIL, ADMIN_PASSWORD)
    await app.resources.cache.clear()

    assert (await app.client.get("/api/me", headers=app.admin)).status == 200


@pytest.mark.parametrize(
    "proof", [ELSEWHERE, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
async def test_another_site_signs_nobody_in(app: App, proof: dict[str, str]) -> None:
    """Its visitors would give their selfies to whose account it is."""
    login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    by_form = await app.client.post("/login", data=login, headers=proof, allow_redirects=False)
    by_api = await app.client.post("/api/auth/login", json=login, headers=proof)

    for answer in (by_form, by_api):
        assert await problem(answer) == (403, "csrf")
        assert "Set-Cookie" not in answer.headers
    # programs say nothing of sites
    assert (await app.client.post("/api/auth/login", json=login)).status == 200


@pytest.mark.parametrize("path", ["/login", "/forgotten", "/account/choices", "/admin/webhooks"])
async def test_a_broken_form_is_the_callers_mistake(app: App, path: str) -> None:
    for form, (media_type, body) in BROKEN_FORMS.items():
        answer = await app.client.post(
            path, data=body, headers={**app.admin, "Content-Type": media_type}
        )
        assert await problem(answer) == (422, "invalid_request"), form


@pytest.mark.parametrize("form", ["no boundary", "no end"])
async def test_a_broken_form_with_a_picture_is_too(app: App, form: str) -> None:
    event = await make_event(app)
    media_type, body = BROKEN_FORMS[form]
    headers = {**app.admin, "Content-Type": media_type}
    for method, path in (
        ("POST", f"/api/events/{event['code']}/join"),
        ("POST", f"/api/events/{event['id']}/photos"),
        ("PUT", f"/api/admin/events/{event['id']}/cover"),
    ):
        answer = await app.client.request(method, path, data=body, headers=headers)
        assert await problem(answer) == (422, "invalid_request"), path


async def test_a_form_cannot_fill_the_memory(app: App) -> None:
    event = await make_event(app)
    form = FormData()
    for number in range(101):
        form.add_field(f"field{number}", "x", content_type="text/plain")
    answer = await app.client.post(f"/api/events/{event['code']}/join", data=form)

    assert await problem(answer) == (422, "invalid_request")


async def test_what_no_text_can_hold_signs_nobody_in(app: App) -> None:
    answer = await app.client.post("/login", data={"email": "a\0@example.org", "password": "\0"})

    assert answer.status == 401


async def test_attempts_keep_no_more_of_an_address_than_one_can_have(app: App) -> None:
    long = "x" * 100_000
    answer = await app.client.post("/api/auth/login", json={"email": long, "password": PASSWORD})
    assert answer.status == 401

    assert await app.resources.cache.attempts(f"account:{long[: auth.MAX_EMAIL]}") == 1
    assert await app.resources.cache.attempts(f"account:{long}") == 0


async def test_joins_of_one_address_are_bounded(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MAX_JOINS", 2)
    event = await make_event(app)
    statuses = [(await ask_to_join(app, event["code"], None)).status for _ in range(3)]

    assert statuses == [422, 422, 429]


async def test_selfies_of_one_person_are_bounded(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_selfies, "MAX_SELFIES", 1)
    event = await make_event(app)
    guest = await member(app.resources.pool, event)
    other = await member(app.resources.pool, event, "other@example.org")
    path = f"/api/me/events/{event['id']}/selfie"

    async def take(headers: dict[str, str]) -> int:
        form = selfie_form(None, consent="yes")
        return (await app.client.put(path, data=form, headers=headers)).status

    assert [await take(guest.headers) for _ in range(2)] == [422, 429]
    assert await take(other.headers) == 422


async def test_a_guest_by_name_cannot_try_out_who_has_an_account(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "MAX_ADDRESSES", 1)
    event = await make_event(app, browse=True)
    came = await app.client.post(f"/api/events/{event['code']}/browse", json={})
    headers = bearer((await came.json())["token"])
    app.client.session.cookie_jar.clear()
    tried = {"email": ADMIN_EMAIL, "password": PASSWORD}
    codes = [
        await problem(await app.client.put("/api/me/credentials", json=tried, headers=headers))
        for _ in range(2)
    ]

    assert codes == [(409, "email_taken"), (429, "too_many_attempts")]


async def test_no_proxy_may_keep_what_depends_on_who_asks(app: App) -> None:
    event = await make_event(app)
    guest = await member(app.resources.pool, event)
    query = {"event": event["id"]}
    for path in ("/api/me", "/api/my-photos", "/api/all-photos", "/gallery/counts", "/gallery"):
        answer = await app.client.get(path, params=query, headers=guest.headers)
        assert answer.status == 200
        kept = answer.headers["Cache-Control"]
        assert kept.startswith("private") or kept == "no-store", (path, kept)
    for path in ("/api/photo/1", "/api/admin/events", "/nothing"):
        answer = await app.client.get(path, headers=guest.headers)
        assert answer.status == 404
        assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_hearts_show_nothing_once_nobody_may_browse(app: App) -> None:
    event = await make_event(app, browse=True)
    guest = await member(app.resources.pool, event)
    async with db.transaction(app.resources.pool) as conn:
        (photo_id,) = await add_photos(conn, event, 1)
        await conn.execute("update guest set consent_withdrawn_at = now()")
    query = {"event": event["id"], "shelf": "favourites"}
    liked = await app.client.put(f"/api/photos/{photo_id}/favourite", headers=guest.headers)
    assert liked.status == 204

    async def listed() -> list[str]:
        answer = await app.client.get("/api/my-photos", params=query, headers=guest.headers)
        counts = await app.client.get("/gallery/counts", params=query, headers=guest.headers)
        ids = [photo["id"] for photo in await answer.json()]
        assert (await counts.json())["favourites"] == len(ids)
        return ids

    assert await listed() == [str(photo_id)]
    await app.client.patch(
        f"/api/admin/events/{event['id']}", json={"browse": False}, headers=app.admin
    )
    assert await listed() == []


async def test_a_wall_may_be_asked_from_the_beginning_of_the_calendar(app: App) -> None:
    event = await make_event(app, wall=True)
    token = event["wall_url"].rpartition("/")[2]
    answer = await app.client.get(
        f"/api/wall/{token}/photos", params={"after": "0001-01-01T00:00:00Z"}
    )

    assert answer.status == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "//evil.example/%2e%2e"])
async def test_the_language_switch_and_the_login_lead_nowhere_else(app: App, path: str) -> None:
    page, here = {"Accept": "text/html"}, str(app.client.make_url("/")).rstrip("/")
    for asked in (f"{path}?lang=fr", f"/login?lang=fr&next={path}"):
        url = URL(here + asked, encoded=True)
        answer = await app.client.session.get(url, headers=page, allow_redirects=False)
        target = answer.headers.get("Location", "/")
        assert target.startswith("/")
        assert not target.startswith(("//", "/\\"))
    answer = await app.client.post(
        "/login",
        data={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD, "next": path},
        allow_redirects=False,
    )
    assert answer.headers["Location"] == "/admin"


async def test_a_bomb_of_pixels_is_never_decoded(app: App) -> None:
    """A PNG of 40,000 × 40,000 pixels says so in its first bytes; a few hundred are all it has."""
    event = await make_event(app)
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (40_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    bomb = head + bytes(4) + b"\0\0\0\0IDAT" + bytes(4)
    cover = await app.client.put(
        f"/api/admin/events/{event['id']}/cover", data=io.BytesIO(bomb), headers=app.admin
    )
    joined = await ask_to_join(app, event["code"], bomb)

    assert (await problem(cover))[0] in (413, 422)
    assert await problem(joined) == (422, "invalid_image")


async def test_a_common_password_is_taken_nowhere(app: App) -> None:
    """Neither when joining, nor for a name's account, nor in place of another password."""
    common = "Password1"
    event = await make_event(app, accounts="optional")
    joined = await ask_to_join(app, event["code"], drawn(), password=common)
    guest = await member(app.resources.pool, event, "ada@example.org")
    changed = await app.client.put(
        "/api/me/password", json={"old": ADMIN_PASSWORD, "new": common}, headers=app.admin
    )
    me = await (await app.client.get("/api/me", headers=guest.headers)).json()
    made = await app.client.post(f"/api/admin/users/{me['id']}/reset-link", headers=app.admin)
    reset = await app.client.post(
        URL((await made.json())["url"]).path,
        data={"password": common},
        headers={"Accept-Language": "en"},
    )
    async with db.transaction(app.resources.pool) as conn:
        named, _ = await accounts.create_keyed(conn, "Nia")
        session = await auth.open_session(conn, named)
    added = await app.client.put(
        "/api/me/credentials",
        json={"email": "nia@example.org", "password": common},
        headers=bearer(session.token),
    )

    for answer in (joined, changed, added):
        assert await problem(answer) == (422, "common_password")
    assert reset.status == 422
    assert "too common" in await reset.text()
