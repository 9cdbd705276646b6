"""What browsers are told beside the answers, and cookies over https."""

import dataclasses
import gzip
import json
import logging
from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import App, application
from tests.support.helpers import bearer, make_event, member, problem
from tests.support.no_engine_app import NO_ENGINE, app, settings
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD

__all__ = ["app", "settings"]

RIGHT = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
PATHS = ("/login", "/healthz", "/api/events/NOBODY00", "/static/0/none.css", "/nothing")
BROKEN = {
    "no gzip": b"{}",
    "another checksum": gzip.compress(b'{"email": "a"}')[:-8] + bytes(8),
}


@pytest.fixture
async def secure(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[App]:
    """The application behind https."""
    settings = dataclasses.replace(settings, findme_base_url="https://photos.example.org")
    async with application(aiohttp_client, settings, database, endpoint_url=NO_ENGINE) as opened:
        yield opened


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_keeps_other_sites_out_and_names_no_version(app: App, path: str) -> None:
    answer = await app.client.get(path)
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Server"] == "FindMe"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in answer.headers
    if answer.content_type == "text/html":
        rules = answer.headers["Content-Security-Policy"].split("; ")
        closed = {"object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"}
        assert {"script-src 'self'", "style-src 'self'", *closed} <= set(rules)


@pytest.mark.parametrize("path", PATHS)
async def test_over_https_browsers_are_told_to_stay_there(secure: App, path: str) -> None:
    answer = await secure.client.get(path)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_over_https_cookies_are_this_hosts_alone(secure: App) -> None:
    answer = await secure.client.post("/api/auth/login", json=RIGHT)
    kept = answer.headers.getall("Set-Cookie")
    assert [cookie.partition("=")[0] for cookie in kept] == [
        "__Host-findme_session",
        "__Host-findme_browser",
    ]
    for cookie in kept:
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
    token = (await answer.json())["token"]
    secure.client.session.cookie_jar.clear()

    async def who(cookie: str) -> int:
        return (await secure.client.get("/api/me", headers={"Cookie": cookie})).status

    assert await who(f"__Host-findme_session={token}") == 200
    # another host of the domain, or a page over http, may have set it
    assert await who(f"findme_session={token}") == 401


@pytest.mark.parametrize("path", ["/logout", "/api/auth/logout", "/api/auth/logout-everywhere"])
async def test_signing_out_clears_what_pages_left(app: App, path: str) -> None:
    assert (await app.client.post("/api/auth/login", json=RIGHT)).status == 200
    own = {"Sec-Fetch-Site": "same-origin"}
    answer = await app.client.post(path, headers=own, allow_redirects=False)
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    # the browser stays known: the next right password passes while others guess
    assert [line.partition("=")[0] for line in answer.headers.getall("Set-Cookie")] == [
        "findme_session"
    ]


async def test_erasing_an_account_clears_all_of_it(app: App) -> None:
    guest = await member(app.resources.pool, await make_event(app))
    answer = await app.client.delete("/api/me", headers=guest.headers)
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert [line.partition("=")[0] for line in answer.headers.getall("Set-Cookie")] == [
        "findme_session",
        "findme_browser",
    ]


@pytest.mark.parametrize("body", BROKEN)
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/auth/login", "application/json"),
        ("/login", "application/x-www-form-urlencoded"),
        ("/api/events/{id}/photos?filename=a.jpg", "image/jpeg"),
        ("/api/events/{code}/join", "multipart/form-data; boundary=b"),
    ],
)
async def test_a_body_that_is_not_compressed_as_it_says_is_the_senders_mistake(
    app: App, caplog: pytest.LogCaptureFixture, path: str, kind: str, body: str
) -> None:
    event = await make_event(app)
    caplog.set_level(logging.INFO)
    caplog.clear()
    answer = await app.client.post(
        path.format(**event),
        data=BROKEN[body],
        headers={**app.admin, "Content-Type": kind, "Content-Encoding": "gzip"},
    )
    assert await problem(answer) == (400, "bad_request")
    assert len([record for record in caplog.records if record.name.startswith("findme")]) == 1


async def test_a_body_that_is_compressed_as_it_says_is_read(app: App) -> None:
    body = gzip.compress(json.dumps(RIGHT).encode())
    answer = await app.client.post(
        "/api/auth/login", data=body, headers={"Content-Encoding": "gzip"}
    )
    assert answer.status == 200
    me = await app.client.get("/api/me", headers=bearer((await answer.json())["token"]))
    assert me.status == 200
