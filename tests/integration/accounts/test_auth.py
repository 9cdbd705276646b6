"""Signing in and out, tokens, cookies, and who sees that an admin's pages exist."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from findme import db
from findme.accounts import auth
from findme.db import Pool
from findme.errors import InvalidRequest
from tests.conftest import App
from tests.support.helpers import bearer, make_event, make_token, member, problem
from tests.support.no_engine_app import app, settings
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD

__all__ = ["app", "settings"]

ADMIN_CALLS = [
    ("GET", "/api/admin/queue/stats"),
    ("GET", "/api/admin/queue/jobs"),
    ("GET", "/api/admin/queue/jobs/1"),
    ("POST", "/api/admin/queue/jobs/1/retry"),
    ("POST", "/api/admin/cache/clear"),
    ("POST", "/api/admin/events"),
    ("GET", "/api/admin/events"),
    ("GET", "/api/admin/events/1"),
    ("PATCH", "/api/admin/events/1"),
    ("DELETE", "/api/admin/events/1"),
    ("GET", "/api/admin/events/1/qr.svg"),
    ("POST", "/api/admin/events/1/tokens"),
    ("GET", "/api/admin/events/1/tokens"),
    ("DELETE", "/api/admin/events/1/tokens/1"),
    ("GET", "/api/admin/events/1/guests"),
    ("DELETE", "/api/admin/events/1/guests/1"),
    ("GET", "/api/admin/events/1/photos"),
    ("DELETE", "/api/admin/photos/1"),
]


async def sign_in(app: App, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> str:
    """Sign in and return the token; the cookie stays in the client's jar."""
    answer = await app.client.post("/api/auth/login", json={"email": email, "password": password})
    assert answer.status == 200, await answer.text()
    token: str = (await answer.json())["token"]
    return token


async def test_a_login_says_who_signed_in_and_until_when(app: App) -> None:
    answer = await app.client.post(
        "/api/auth/login",
        json={"email": f" {ADMIN_EMAIL.upper()} ", "password": ADMIN_PASSWORD},
    )
    body = await answer.json()
    assert set(body) == {"token", "expires_at", "user"}
    assert body["user"]["email"] == ADMIN_EMAIL
    assert body["user"]["role"] == "admin"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["expires_at"])
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie


async def test_tokens_are_stored_hashed(app: App) -> None:
    event = await make_event(app)
    upload = (await make_token(app, event))["Authorization"].removeprefix("Bearer ")
    token = await sign_in(app)
    pool = app.resources.pool
    for table, secret in (("session", token), ("upload_token", upload)):
        rows = await pool.fetch(f"select token_hash from {table}")
        assert rows
        assert all(len(row["token_hash"]) == 32 for row in rows)
        assert all(secret.encode() not in row["token_hash"] for row in rows)
    hashes = await pool.fetch("select password_hash from account")
    assert all(row["password_hash"].startswith("$argon2id$") for row in hashes)


async def test_a_logout_ends_the_token_at_once(app: App) -> None:
    token = await sign_in(app)
    app.client.session.cookie_jar.clear()
    assert (await app.client.get("/api/me", headers=bearer(token))).status == 200
    assert (await app.client.post("/api/auth/logout", headers=bearer(token))).status == 204
    answer = await app.client.get("/api/me", headers=bearer(token))
    assert await problem(answer) == (401, "sign_in_required")


async def test_a_logout_by_cookie_takes_the_cookie_back(app: App) -> None:
    await sign_in(app)
    answer = await app.client.post("/api/auth/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status == 204
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert (await app.client.get("/api/me")).status == 401


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (ADMIN_EMAIL, "wrong password"),
        ("nobody@example.org", ADMIN_PASSWORD),
        (ADMIN_EMAIL, ""),
        (ADMIN_EMAIL, "x" * 100_000),
    ],
)
async def test_a_wrong_login_does_not_tell_what_was_wrong(
    app: App, email: str, password: str
) -> None:
    answer = await app.client.post("/api/auth/login", json={"email": email, "password": password})
    assert await problem(answer) == (401, "wrong_credentials")
    assert (await answer.json())["detail"] == "The e-mail address or the password is wrong."
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"email": 5, "password": "x"}', b"\xff"])
async def test_a_login_that_is_no_login_is_said(app: App, body: bytes) -> None:
    answer = await app.client.post("/api/auth/login", data=body)
    assert await problem(answer) == (422, "invalid_request")


NO_TOKENS: Sequence[str] = [
    "x",
    "fms_" + "A" * 43,
    "fmu_nothing",
    "\u00ff\u00fe",
    "x" * 5000,
    "a b",
]


async def test_a_bearer_token_that_is_none_is_401(app: App) -> None:
    for token in NO_TOKENS:
        answer = await app.client.get("/api/me", headers=bearer(token))
        assert await problem(answer) == (401, "sign_in_required"), token
        assert answer.headers["WWW-Authenticate"] == "Bearer", token


async def test_a_bearer_token_of_raw_bytes_is_401(app: App) -> None:
    url = app.client.make_url("/api/me")
    assert url.host is not None
    assert url.port is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"GET /api/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()
    await writer.wait_closed()


async def test_an_expired_session_is_over(app: App) -> None:
    token = await sign_in(app)
    app.client.session.cookie_jar.clear()
    pool = app.resources.pool
    async with db.acquire(pool) as conn:
        await conn.execute("update session set expires_at = now() - interval '1 second'")
    assert (await app.client.get("/api/me", headers=bearer(token))).status == 401
    await auth.prune_sessions(pool)
    assert await pool.fetchval("select count(*) from session") == 0


PROOFS: Sequence[tuple[dict[str, str], int]] = [
    ({"Origin": "https://evil.example"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://[broken"}, 403),
    ({}, 403),
    ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Origin": "SELF"}, 200),
    ({"Referer": "SELF/admin"}, 200),
]


async def test_what_a_cookie_changes_needs_a_proof_of_the_same_origin(app: App) -> None:
    await sign_in(app)
    own = str(app.client.make_url("/")).rstrip("/")
    for headers, status in PROOFS:
        sent = {name: value.replace("SELF", own) for name, value in headers.items()}
        answer = await app.client.post("/api/admin/cache/clear", headers=sent)
        assert answer.status == status, (headers, status)
        if status == 403:
            assert await problem(answer) == (403, "csrf"), (headers, status)


async def test_what_a_cookie_reads_needs_no_proof(app: App) -> None:
    await sign_in(app)
    answer = await app.client.get("/api/me", headers={"Origin": "https://evil.example"})
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_bearer_token_needs_no_proof(app: App) -> None:
    answer = await app.client.post(
        "/api/admin/cache/clear", headers={**app.admin, "Origin": "https://elsewhere.example"}
    )
    assert answer.status == 200


async def test_admin_calls_are_401_for_anyone_and_404_for_guests(app: App) -> None:
    event = await make_event(app)
    guest = await member(app.resources.pool, event)
    for method, path in ADMIN_CALLS:
        anyone = await app.client.request(method, path)
        assert await problem(anyone) == (401, "sign_in_required"), path
        other = await app.client.request(method, path, headers=guest.headers)
        assert await problem(other) == (404, "not_found"), path
    assert len(await (await app.client.get("/api/admin/events", headers=app.admin)).json()) == 1


async def test_an_upload_token_opens_nothing_else(app: App) -> None:
    token = await make_token(app, await make_event(app))
    for path in ("/api/me", "/api/my-photos", "/api/admin/events", "/api/photo/1"):
        assert await problem(await app.client.get(path, headers=token)) == (404, "not_found")


async def test_a_deleted_upload_token_is_dead_at_once(app: App) -> None:
    event = await make_event(app)
    path = f"/api/admin/events/{event['id']}/tokens"
    made = await (await app.client.post(path, json={}, headers=app.admin)).json()
    photos, headers = f"/api/events/{event['id']}/photos", bearer(made["token"])
    assert (await app.client.post(photos, data=b"x", headers=headers)).status == 422
    deleted = await app.client.delete(f"{path}/{made['id']}", headers=app.admin)
    assert deleted.status == 204
    assert (await app.client.post(photos, data=b"x", headers=headers)).status == 401


async def test_the_admin_of_the_settings_exists_with_that_password(pool: Pool) -> None:
    assert await auth.ensure_admin(pool, "Ada@example.org", "first password") is None
    await auth.ensure_admin(pool, "ada@example.org", "second password")
    (row,) = await pool.fetch("select role, email, password_hash from account")
    assert (row["role"], row["email"]) == ("admin", "ada@example.org")
    assert await auth.verify_password(row["password_hash"], "second password")
    assert not await auth.verify_password(row["password_hash"], "first password")


async def test_without_settings_one_admin_is_made_once(pool: Pool) -> None:
    made = await asyncio.gather(*(auth.ensure_admin(pool, None, None) for _ in range(3)))
    (password,) = [word for word in made if word]
    (row,) = await pool.fetch("select role, email, password_hash from account")
    assert (row["role"], row["email"]) == ("admin", auth.FIRST_ADMIN)
    assert await auth.verify_password(row["password_hash"], password)


@pytest.mark.parametrize("email", ["", "a", "@b", "a@", "a@b@c", "a b@c", "x" * 251 + "@b.c"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidRequest):
        auth.check_email(email)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x07b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        auth.check_name(name)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
def test_what_is_no_password_is_refused(password: str) -> None:
    with pytest.raises(InvalidRequest):
        auth.check_password(password)
