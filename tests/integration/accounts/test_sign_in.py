"""Guessing passwords is held back, and locks nobody out."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, CookieJar

from findme import db
from findme.accounts import known_browsers
from findme.accounts import sign_in as sign_in_module
from findme.accounts.sign_in import MAX_FAILURES, Origin, sign_in
from findme.errors import TooManyAttempts, WrongCredentials
from findme.models import UserId
from tests.conftest import App
from tests.support.cheap_passwords import PRODUCT_HASHER, PRODUCT_NOBODY_HASH
from tests.support.helpers import make_event, member, problem
from tests.support.no_engine_app import app, settings
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD

__all__ = ["app", "settings"]

RIGHT = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
WRONG = {"email": ADMIN_EMAIL, "password": "not the one"}


@pytest.fixture
async def known(app: App) -> AsyncIterator[ClientSession]:
    """A browser in which the admin has signed in, and signed out."""
    async with ClientSession(
        app.client.make_url("/"), cookie_jar=CookieJar(unsafe=True)
    ) as browser:
        own = {"Sec-Fetch-Site": "same-origin"}
        assert (await browser.post("/api/auth/login", json=RIGHT)).status == 200
        assert (await browser.post("/api/auth/logout", headers=own)).status == 204
        yield browser


async def test_the_eleventh_failure_of_a_minute_is_not_even_looked_at(app: App) -> None:
    for _ in range(MAX_FAILURES):
        assert (await app.client.post("/api/auth/login", json=WRONG)).status == 401
    answer = await app.client.post("/api/auth/login", json=RIGHT)
    assert await problem(answer) == (429, "too_many_attempts")
    assert answer.headers["Retry-After"] == "60"


async def test_guesses_at_the_same_moment_are_counted_too(app: App) -> None:
    pool, cache = app.resources.pool, app.resources.cache
    outcomes = await asyncio.gather(
        *(
            sign_in(pool, cache, ADMIN_EMAIL, f"guess {n}", Origin("10.0.0.1"))
            for n in range(3 * MAX_FAILURES)
        ),
        return_exceptions=True,
    )
    looked_at = [error for error in outcomes if isinstance(error, WrongCredentials)]
    assert len(looked_at) == MAX_FAILURES


async def test_good_logins_are_not_counted(app: App) -> None:
    for _ in range(MAX_FAILURES + 2):
        app.client.session.cookie_jar.clear()
        assert (await app.client.post("/api/auth/login", json=RIGHT)).status == 200


async def test_failures_elsewhere_do_not_refuse_the_right_password(app: App) -> None:
    """Ten wrong passwords from anywhere locked the organiser out."""
    pool, cache = app.resources.pool, app.resources.cache
    for number in range(MAX_FAILURES):
        with pytest.raises(WrongCredentials):
            await sign_in(pool, cache, ADMIN_EMAIL, "wrong", Origin(f"10.0.0.{number}"))

    assert await sign_in(pool, cache, ADMIN_EMAIL, ADMIN_PASSWORD, Origin("10.0.1.1"))


async def test_failures_with_other_accounts_do_not_refuse_the_right_password(app: App) -> None:
    """Behind one public address, ten wrong passwords stopped everybody."""
    pool, cache = app.resources.pool, app.resources.cache
    for number in range(MAX_FAILURES + 1):
        with pytest.raises(WrongCredentials):
            await sign_in(pool, cache, f"{number}@example.org", "wrong", Origin("10.0.0.1"))

    assert await sign_in(pool, cache, ADMIN_EMAIL, ADMIN_PASSWORD, Origin("10.0.0.1"))


@pytest.mark.parametrize("page", ["/api/auth/login", "/login"])
async def test_a_known_browser_is_not_refused_because_of_others_at_its_address(
    app: App, known: ClientSession, page: str
) -> None:
    for _ in range(MAX_FAILURES + 1):
        answer = await app.client.post("/api/auth/login", json=WRONG)
    assert answer.status == 429

    sent = {"json": RIGHT} if page.startswith("/api") else {"data": RIGHT}
    answer = await known.post(page, allow_redirects=False, **sent)  # type: ignore[arg-type]
    assert answer.status in (200, 303)
    assert "findme_session" in answer.cookies


async def test_a_known_browser_does_not_wait_for_strangers(
    app: App, known: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, cache = app.resources.pool, app.resources.cache
    for number in range(MAX_FAILURES + 1):
        with pytest.raises(WrongCredentials):
            await sign_in(pool, cache, ADMIN_EMAIL, "wrong", Origin(f"10.0.0.{number}"))
    monkeypatch.setattr(sign_in_module, "STEP", 3600.0)
    monkeypatch.setattr(sign_in_module, "LONGEST", 3600.0)
    strangers = [
        asyncio.create_task(sign_in(pool, cache, ADMIN_EMAIL, "wrong", Origin(f"10.0.1.{number}")))
        for number in range(6)
    ]
    refused, waiting = await asyncio.wait(strangers, return_when=asyncio.FIRST_COMPLETED)

    assert (await known.post("/api/auth/login", json=RIGHT)).status == 200
    # as many strangers as have a turn or wait for one
    assert [type(task.exception()) for task in refused] == [TooManyAttempts]
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_a_known_browser_is_no_way_to_guess_on(app: App, known: ClientSession) -> None:
    for _ in range(MAX_FAILURES):
        assert (await known.post("/api/auth/login", json=WRONG)).status == 401
    answer = await known.post("/api/auth/login", json=RIGHT)
    assert answer.status == 429


async def test_a_browser_is_known_to_the_accounts_that_signed_in_with_it(
    app: App, known: ClientSession
) -> None:
    """And not to any other: a guest must not get rid of the limits for the organiser."""
    event = await make_event(app)
    await member(app.resources.pool, event, "ada@example.org")
    (cookie,) = [item for item in known.cookie_jar if item.key == "findme_browser"]
    async with db.acquire(app.resources.pool) as conn:
        assert await known_browsers.knows(conn, ADMIN_EMAIL, cookie.value)
        for token in ("", "x", "A" * 43, "\udcff"):
            assert not await known_browsers.knows(conn, ADMIN_EMAIL, token)
        assert not await known_browsers.knows(conn, "ada@example.org", cookie.value)
    assert (await known.get("/api/me")).status == 401, "the cookie signs nobody in"


async def test_few_browsers_of_an_account_are_kept(app: App) -> None:
    async with db.transaction(app.resources.pool) as conn:
        user_id = UserId(await conn.fetchval("select id from account"))
        first = await known_browsers.remember(conn, user_id)
    for _ in range(known_browsers.MOST):
        async with db.transaction(app.resources.pool) as conn:
            await known_browsers.remember(conn, user_id)
    async with db.acquire(app.resources.pool) as conn:
        assert not await known_browsers.knows(conn, ADMIN_EMAIL, first)
        assert await conn.fetchval("select count(*) from known_browser") == known_browsers.MOST
        await conn.execute("update known_browser set last_used_at = now() - interval '401 days'")
    await known_browsers.prune(app.resources.pool)
    async with db.acquire(app.resources.pool) as conn:
        assert await conn.fetchval("select count(*) from known_browser") == 0


async def test_a_wrong_present_password_is_counted_for_its_session_alone(app: App) -> None:
    wrong = {"old": "not the one", "new": "another long one"}
    for _ in range(MAX_FAILURES):
        answer = await app.client.put("/api/me/password", json=wrong, headers=app.admin)
        assert await problem(answer) == (403, "wrong_password")
    answer = await app.client.put("/api/me/password", json=wrong, headers=app.admin)
    assert await problem(answer) == (429, "too_many_attempts")
    assert (await app.client.post("/api/auth/login", json=RIGHT)).status == 200


def test_an_unknown_address_costs_as_much_as_a_known_one() -> None:
    """There is something to verify against, made with the same parameters: OWASP's."""
    real = PRODUCT_HASHER.hash("some password")
    assert real.rsplit("$", 2)[0] == "$argon2id$v=19$m=19456,t=2,p=1"
    assert PRODUCT_NOBODY_HASH.rsplit("$", 2)[0] == real.rsplit("$", 2)[0]


async def test_sign_ins_are_in_the_audit_log_and_failed_ones_too(app: App) -> None:
    """Admins by their account, guests without a name."""
    await member(app.resources.pool, await make_event(app), "ada@example.org")
    guest = {"email": "ada@example.org", "password": "not the one"}
    nobody = {"email": "nobody@example.org", "password": "not the one"}
    for body in (RIGHT, WRONG, guest, nobody):
        await app.client.post("/api/auth/login", json=body)
    admin_id = await app.resources.pool.fetchval("select id from account where role = 'admin'")

    rows = await app.resources.pool.fetch(
        """
        select actor_id, action, subjects, detail->>'role' as role
          from audit where action like 'account.%' order by id"""
    )
    assert [tuple(row) for row in rows] == [
        (admin_id, "account.signed_in", [], "admin"),
        (None, "account.sign_in_failed", [admin_id], "admin"),
        (None, "account.sign_in_failed", [], "guest"),
        (None, "account.sign_in_failed", [], "nobody"),
    ]
