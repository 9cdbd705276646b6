"""Admins sign in in two steps: over HTTP, as the pages and programs do."""

import base64
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientResponse
from pytest_aiohttp.plugin import AiohttpClient

from findme.accounts import sign_in_ticket, totp
from findme.accounts.sign_in import MAX_CODES
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.helpers import bearer, problem
from tests.support.scripted_engine import scripted
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD

RIGHT = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
#: Browsers say where a form came from.
FORM = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": "en"}


class Phone:
    """An authenticator app; each code that it shows is of another time step."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self._step = int(time.time() // totp.STEP_SECONDS) - 2

    def code(self) -> str:
        """Return a code that was not used yet: of the step before, this one, the next one."""
        self._step += 1
        return totp.code_at(self.secret, self._step)


async def enrol(app: App) -> tuple[Phone, list[str]]:
    """Set a second factor up for the admin; return the phone and the recovery codes."""
    begun = await app.client.post(
        "/api/me/second-factor", json={"password": ADMIN_PASSWORD}, headers=app.admin
    )
    assert begun.status == 201
    shown = await begun.json()
    secret = parse_qs(urlsplit(shown["address"]).query)["secret"][0]
    assert shown["secret"].replace(" ", "") == secret
    phone = Phone(base64.b32decode(secret))
    confirmed = await app.client.put(
        "/api/me/second-factor", json={"code": phone.code()}, headers=app.admin
    )
    assert confirmed.status == 200
    return phone, (await confirmed.json())["recovery_codes"]


async def sign_in(app: App, code: str = "", **headers: str) -> ClientResponse:
    """Sign in as the admin, in a browser that was never here, or with these headers."""
    app.client.session.cookie_jar.clear()
    answer = await app.client.post("/api/auth/login", json={**RIGHT, "code": code}, headers=headers)
    app.client.session.cookie_jar.clear()
    return answer


async def test_signing_in_takes_a_code_that_works_once(app: App) -> None:
    phone, recovery = await enrol(app)

    assert await problem(await sign_in(app)) == (401, "second_factor_required")
    assert await problem(await sign_in(app, "000 000")) == (401, "wrong_code")
    code = phone.code()
    assert (await sign_in(app, f"{code[:3]} {code[3:]}")).status == 200
    assert await problem(await sign_in(app, code)) == (401, "wrong_code")
    # on paper, typed without hyphens
    typed = recovery[0].replace("-", "").lower()
    assert (await sign_in(app, typed)).status == 200
    assert await problem(await sign_in(app, typed)) == (401, "wrong_code")

    wrong = {"email": ADMIN_EMAIL, "password": "not the one", "code": phone.code()}
    answer = await app.client.post("/api/auth/login", json=wrong)
    assert await problem(answer) == (401, "wrong_credentials")
    stored = await app.resources.pool.fetch("select digest from recovery_code")
    assert len(recovery) == 10
    assert len(stored) == 9
    actions = await app.resources.pool.fetch(
        """
        select action, coalesce(detail->>'by', detail->>'failed')
          from audit where action like 'account.%' order by id"""
    )
    assert [tuple(row) for row in actions] == [
        ("account.second_factor_on", None),
        ("account.sign_in_failed", "code"),
        ("account.signed_in", "code"),
        ("account.sign_in_failed", "code"),
        ("account.signed_in", "recovery_code"),
        ("account.sign_in_failed", "code"),
        ("account.sign_in_failed", None),
    ]


async def test_a_second_factor_is_changed_only_by_somebody_who_knows_the_password(
    app: App,
) -> None:
    """Whoever has a session alone can neither lock the owner out nor switch it off."""

    async def change(method: str, **body: str) -> tuple[int, str]:
        answer = await app.client.request(
            method, "/api/me/second-factor", json=body, headers=app.admin
        )
        return await problem(answer) if answer.status >= 400 else (answer.status, "")

    assert await change("PUT", code="123456") == (409, "conflict")
    assert await change("POST", password="not the one") == (403, "wrong_password")
    assert await change("POST", password=ADMIN_PASSWORD) == (201, "")
    assert await change("PUT", code="000000") == (403, "wrong_code")
    # begun and not confirmed: no code is asked for
    assert (await sign_in(app)).status == 200
    phone, recovery = await enrol(app)
    assert await change("POST", password=ADMIN_PASSWORD) == (409, "conflict")
    assert await change("DELETE", password="not the one", code=phone.code()) == (
        403,
        "wrong_password",
    )
    assert await change("DELETE", password=ADMIN_PASSWORD, code="000000") == (403, "wrong_code")
    assert await change("DELETE", password=ADMIN_PASSWORD, code=recovery[3]) == (204, "")
    assert await change("DELETE", password=ADMIN_PASSWORD, code=recovery[4]) == (409, "conflict")
    assert (await sign_in(app)).status == 200
    assert await app.resources.pool.fetchval("select count(*) from recovery_code") == 0


async def test_wrong_codes_end_the_tries_of_whoever_knows_the_password(app: App) -> None:
    """From all addresses together, and from a browser that has signed in before."""
    phone, _ = await enrol(app)
    known = await sign_in(app, phone.code())
    browser = {"Cookie": "; ".join(f"{name}={each.value}" for name, each in known.cookies.items())}
    for number in range(MAX_CODES):
        headers = browser if number % 2 else {"X-Forwarded-For": f"192.0.2.{number}"}
        assert await problem(await sign_in(app, "000000", **headers)) == (401, "wrong_code")

    assert await problem(await sign_in(app, phone.code(), **browser)) == (429, "too_many_attempts")


async def test_the_pages_do_it_without_scripts(app: App) -> None:
    async def send(path: str, headers: dict[str, str] | None = None, **fields: str) -> str:
        answer = await app.client.post(
            path, data=fields, headers=FORM | (headers or {}), allow_redirects=False
        )
        app.client.session.cookie_jar.clear()
        statuses.append(answer.status)
        return await answer.text()

    statuses: list[int] = []
    assert "wrong" in await send("/account/second-factor", app.admin, password="not the one")
    begun = await send("/account/second-factor", app.admin, password=ADMIN_PASSWORD)
    typed = re.search(r"<code>([A-Z2-7 ]+)</code>", begun)
    assert typed is not None
    assert 'src="data:image/svg+xml' in begun
    phone = Phone(base64.b32decode(typed[1].replace(" ", "")))
    again = await send("/account/second-factor/confirm", app.admin, code="000000")
    # the secret is not shown a second time
    assert typed[1] not in again
    shown = await send("/account/second-factor/confirm", app.admin, code=phone.code())
    assert len(re.findall(r"<code>([A-Z2-7-]{29})</code>", shown)) == 10
    assert statuses == [403, 200, 403, 200]

    asked = await send("/login", email=ADMIN_EMAIL, password=ADMIN_PASSWORD)
    assert ADMIN_PASSWORD not in asked
    ticket = re.search(r'name="ticket" value="([^"]+)"', asked)
    assert ticket is not None
    assert "code-wrong" in await send("/login", ticket=ticket[1], code="000000")
    forged = re.sub(r"\.\d+\.", f".{int(time.time()) + 9_999_999}.", ticket[1])
    await send("/login", ticket=forged, code=phone.code())
    assert "That took too long" in await send("/login", ticket=forged, code=phone.code())
    assert statuses[4:] == [200, 401, 401, 401]


@pytest.mark.parametrize("what", ["old", "password"])
async def test_a_ticket_ends_with_its_time_and_with_the_password(
    app: App, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    phone, _ = await enrol(app)
    if what == "old":
        monkeypatch.setattr(sign_in_ticket, "LIFETIME", -1)
    pool = app.resources.pool
    asked = await app.client.post("/login", data=RIGHT, headers=FORM)
    ticket = re.search(r'name="ticket" value="([^"]+)"', await asked.text())
    assert ticket is not None
    if what == "password":
        await pool.execute("update account set password_hash = 'another'")

    form = {"ticket": ticket[1], "code": phone.code()}
    answer = await app.client.post("/login", data=form, headers=FORM, allow_redirects=False)

    assert answer.status == 401
    assert await pool.fetchval("select count(*) from session") == 1


@pytest.fixture
async def strict_app(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[App]:
    """The application where admins need a second factor."""
    strict = replace(settings, findme_admin_second_factor="required")
    async with (
        scripted() as endpoint,
        application(aiohttp_client, strict, database, endpoint_url=endpoint.url) as app,
    ):
        yield app


async def test_an_admin_without_the_required_second_factor_has_no_rights(strict_app: App) -> None:
    app = strict_app
    assert (await app.client.get("/api/admin/events", headers=app.admin)).status == 404
    led = await app.client.get("/admin", headers=app.admin, allow_redirects=False)
    assert (led.status, led.headers["Location"]) == (303, "/account/second-factor")
    page = await app.client.get("/account/second-factor", headers=app.admin | FORM)
    assert "This server asks every admin for it" in await page.text()

    phone, _ = await enrol(app)

    assert (await app.client.get("/api/admin/events", headers=app.admin)).status == 200
    again = await sign_in(app, phone.code())
    token = bearer((await again.json())["token"])
    assert (await app.client.get("/admin", headers=token)).status == 200
