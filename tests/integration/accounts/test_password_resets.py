"""Forgotten passwords: a link by mail or by an admin, once, for an hour; no hint to others."""

import dataclasses
import re
from collections.abc import AsyncIterator, Sequence

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db
from findme.accounts import auth, confirmations
from findme.models import Role
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.scripted_engine import scripted
from tests.support.scripted_guests import run_due
from tests.support.smtp_server import Postbox, text_of

ANNE = "anne@example.org"
OLD, NEW = "the old password", "the new password"
HTML = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture
async def mailing(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, box: Postbox
) -> AsyncIterator[App]:
    """The application with a mail server, and Anne with an account."""
    settings = dataclasses.replace(
        settings,
        smtp_url=box.url,
        mail_from="Our photos <photos@example.org>",
        findme_base_url="https://photos.example.org",
    )
    async with (
        scripted() as engine,
        application(aiohttp_client, settings, database, endpoint_url=engine.url) as app,
    ):
        await add_account(app, ANNE)
        yield app


@pytest.fixture
async def silent(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[App]:
    """The application without a mail server, and Anne with an account."""
    async with (
        scripted() as engine,
        application(aiohttp_client, settings, database, endpoint_url=engine.url) as app,
    ):
        await add_account(app, ANNE)
        yield app


async def add_account(app: App, email: str) -> int:
    async with db.transaction(app.resources.pool) as conn:
        user_id = await auth.create_account(
            conn,
            name="Anne",
            email=email,
            password_hash=await auth.hash_password(OLD),
            role=Role.GUEST,
        )
        await confirmations.prove(conn, user_id)
        return user_id


async def forget(app: App, email: str, language: str = "en") -> int:
    answer = await app.client.post(
        "/api/auth/forgotten", json={"email": email}, headers={"Accept-Language": language}
    )
    return answer.status


async def sign_in(app: App, password: str) -> dict[str, str] | None:
    answer = await app.client.post("/api/auth/login", json={"email": ANNE, "password": password})
    app.client.session.cookie_jar.clear()
    if answer.status != 200:
        return None
    return {"Authorization": f"Bearer {(await answer.json())['token']}"}


def link_of(box: Postbox) -> str:
    (link,) = re.findall(r"https://photos.example.org(/reset/\S+)", text_of(box.mails[-1]))
    return str(link)


async def mailed_link(app: App, box: Postbox) -> str:
    assert await forget(app, ANNE) == 202
    await app.drain()
    return link_of(box)


async def test_a_mailed_link_sets_a_new_password_and_ends_all_sessions(
    mailing: App, box: Postbox
) -> None:
    session = await sign_in(mailing, OLD)
    link = await mailed_link(mailing, box)

    answer = await mailing.client.post(link, data={"password": NEW}, headers=HTML)

    assert answer.status == 200
    assert "Your password is changed." in await answer.text()
    assert (await mailing.client.get("/api/me", headers=session)).status == 401
    assert await sign_in(mailing, OLD) is None
    assert await sign_in(mailing, NEW) is not None


async def test_the_mail_says_the_same_as_text_and_html_and_fetches_nothing(
    mailing: App, box: Postbox
) -> None:
    link = await mailed_link(mailing, box)
    (mail,) = box.mails
    page = text_of(mail, "html")

    assert mail["From"] == "Our photos <photos@example.org>"
    assert mail["To"] == ANNE
    assert mail["Subject"] == "Choose a new password"
    assert box.envelopes == [("photos@example.org", ANNE)]
    assert link in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == [f"https://photos.example.org{link}"]
    assert "60 minutes" in text_of(mail)


async def test_the_mail_is_in_the_askers_language(mailing: App, box: Postbox) -> None:
    assert await forget(mailing, ANNE, "fr") == 202
    await mailing.drain()
    assert box.mails[0]["Subject"] == "Choisir un nouveau mot de passe"
    assert 'lang="fr"' in text_of(box.mails[0], "html")


async def test_a_link_works_once(mailing: App, box: Postbox) -> None:
    link = await mailed_link(mailing, box)
    await mailing.client.post(link, data={"password": NEW})

    again = await mailing.client.post(link, data={"password": "yet another one"}, headers=HTML)

    assert again.status == 404
    assert "This link has expired." in await again.text()
    assert await sign_in(mailing, NEW) is not None


async def test_a_used_link_ends_the_others(mailing: App, box: Postbox) -> None:
    first, second = await mailed_link(mailing, box), await mailed_link(mailing, box)
    assert (await mailing.client.post(second, data={"password": NEW})).status == 200
    assert (await mailing.client.post(first, data={"password": OLD})).status == 404


async def test_looking_at_a_link_does_not_use_it_up(mailing: App, box: Postbox) -> None:
    """Programs that look at the links of a mail are no guests."""
    link = await mailed_link(mailing, box)
    for _ in range(2):
        answer = await mailing.client.get(link, headers=HTML)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
    assert (await mailing.client.post(link, data={"password": NEW})).status == 200


async def test_a_link_is_over_after_its_hour(mailing: App, box: Postbox) -> None:
    link = await mailed_link(mailing, box)
    await mailing.resources.pool.execute(
        "update password_reset set expires_at = now() - interval '1 second'"
    )
    assert (await mailing.client.get(link, headers=HTML)).status == 404
    assert (await mailing.client.post(link, data={"password": NEW})).status == 404
    assert await sign_in(mailing, OLD) is not None


async def test_a_poor_password_is_refused_and_the_link_goes_on_working(
    mailing: App, box: Postbox
) -> None:
    link = await mailed_link(mailing, box)
    answer = await mailing.client.post(link, data={"password": "short"}, headers=HTML)
    assert answer.status == 422
    assert "too short, too long or too common" in await answer.text()
    assert (await mailing.client.post(link, data={"password": NEW})).status == 200


MADE_UP_LINKS: Sequence[str] = ["x", "é" * 20, "%00", "a" * 2000]


async def test_made_up_links_open_nothing(mailing: App) -> None:
    for wrong in MADE_UP_LINKS:
        assert (await mailing.client.get(f"/reset/{wrong}")).status == 404, wrong
        assert (
            await mailing.client.post(f"/reset/{wrong}", data={"password": NEW})
        ).status == 404, wrong


async def test_asking_tells_nobody_who_has_an_account(mailing: App, box: Postbox) -> None:
    answers = []
    for email in (ANNE, "nobody@example.org"):
        answer = await mailing.client.post("/api/auth/forgotten", json={"email": email})
        answers.append((answer.status, await answer.read()))
    await mailing.drain()

    assert answers[0] == answers[1] == (202, b"")
    assert [mail["To"] for mail in box.mails] == [ANNE]


async def test_nobodys_postbox_is_filled(mailing: App, box: Postbox) -> None:
    assert {await forget(mailing, ANNE) for _ in range(8)} == {202}
    await mailing.drain()
    assert len(box.mails) == 3


async def test_one_visitor_cannot_ask_for_many(mailing: App) -> None:
    statuses = [await forget(mailing, f"{n}@example.org") for n in range(11)]
    assert statuses == [202] * 10 + [429]


@pytest.mark.parametrize("body", [{}, {"email": 1}, {"email": "no address"}, {"email": "a\0@b"}])
async def test_what_is_no_address_is_refused(mailing: App, body: dict[str, object]) -> None:
    answer = await mailing.client.post("/api/auth/forgotten", json=body)
    assert answer.status == 422
    assert (await answer.json())["field"] == "email"


async def test_no_token_is_written_down(mailing: App, box: Postbox) -> None:
    """Whoever reads the database cannot set anybody's password."""
    token = (await mailed_link(mailing, box)).rpartition("/")[2]
    for table in ("job", "password_reset"):
        rows = await mailing.resources.pool.fetch(f"select {table}::text as row from {table}")
        assert rows
        assert not [row for row in rows if token in row["row"] or ANNE in row["row"]]


async def test_a_mail_server_that_is_busy_is_tried_again(mailing: App, box: Postbox) -> None:
    box.answers["RCPT"] = "450 come back later"
    assert await forget(mailing, ANNE) == 202
    pool = mailing.resources.pool
    await run_due(mailing)
    row = await pool.fetchrow("select state, error, run_at > now() as later from job")
    assert row is not None
    assert (row["state"], row["later"]) == ("queued", True)
    assert row["error"] == "The mail server refuses the recipient for now (450)."
    assert await pool.fetchval("select count(*) from password_reset") == 0

    box.answers.clear()
    await mailing.drain()
    assert (await mailing.client.post(link_of(box), data={"password": NEW})).status == 200


async def test_a_refused_mail_is_a_failed_job_without_the_address(
    mailing: App, box: Postbox
) -> None:
    box.answers["RCPT"] = "550 no such mailbox"
    assert await forget(mailing, ANNE) == 202
    await mailing.drain()
    row = await mailing.resources.pool.fetchrow("select state, attempts, error from job")
    assert row is not None
    assert tuple(row) == ("failed", 1, "The mail server refuses the recipient (550).")


async def test_a_mail_server_that_is_away_fails_the_job_after_three_attempts(
    mailing: App, box: Postbox
) -> None:
    box.answers["EHLO"] = box.answers["HELO"] = "421 not now"
    assert await forget(mailing, ANNE) == 202
    await mailing.drain()
    row = await mailing.resources.pool.fetchrow("select state, attempts from job")
    assert row is not None
    assert tuple(row) == ("failed", 3)


async def test_an_account_that_is_gone_gets_no_mail(mailing: App, box: Postbox) -> None:
    assert await forget(mailing, ANNE) == 202
    await mailing.resources.pool.execute("delete from account where email = $1", ANNE)
    await mailing.drain()
    assert box.mails == []


async def test_without_a_mail_server_nothing_is_offered(silent: App) -> None:
    assert await forget(silent, ANNE) == 404
    login = await (await silent.client.get("/login", headers=HTML)).text()
    assert 'href="/forgotten"' not in login
    assert "Ask the organiser for a link" in login
    page = await (await silent.client.get("/forgotten", headers=HTML)).text()
    assert "<form" not in page


async def test_with_a_mail_server_the_pages_lead_there(mailing: App, box: Postbox) -> None:
    login = await (await mailing.client.get("/login", headers=HTML)).text()
    assert 'href="/forgotten"' in login
    answer = await mailing.client.post("/forgotten", data={"email": ANNE}, headers=HTML)
    assert answer.status == 200
    assert f"If {ANNE} has an account" in await answer.text()
    await mailing.drain()
    assert len(box.mails) == 1


async def test_the_page_says_what_is_wrong_with_an_address(mailing: App) -> None:
    answer = await mailing.client.post("/forgotten", data={"email": "no"}, headers=HTML)
    assert answer.status == 422
    assert "This is not an e-mail address." in await answer.text()


async def test_an_admin_hands_out_a_link_without_any_mail(silent: App) -> None:
    user_id = await silent.resources.pool.fetchval("select id from account where email = $1", ANNE)
    answer = await silent.client.post(
        f"/api/admin/users/{user_id}/reset-link", headers=silent.admin
    )
    assert answer.status == 201
    body = await answer.json()
    assert set(body) == {"url", "expires_at"}

    path = "/reset/" + body["url"].rpartition("/")[2]
    assert (await silent.client.post(path, data={"password": NEW})).status == 200
    assert await sign_in(silent, NEW) is not None


async def test_only_admins_hand_out_links(silent: App) -> None:
    user_id = await silent.resources.pool.fetchval("select id from account where email = $1", ANNE)
    path = f"/api/admin/users/{user_id}/reset-link"
    guest = await sign_in(silent, OLD)
    assert (await silent.client.post(path)).status == 401
    assert (await silent.client.post(path, headers=guest)).status == 404
    assert (
        await silent.client.post("/api/admin/users/999999/reset-link", headers=silent.admin)
    ).status == 404


async def test_who_has_a_link_in_place_of_a_password_needs_none(silent: App) -> None:
    pool = silent.resources.pool
    user_id = await pool.fetchval(
        "insert into account (role, name, key_hash) values ('guest', 'Bo', '\\x01') returning id"
    )
    answer = await silent.client.post(
        f"/api/admin/users/{user_id}/reset-link", headers=silent.admin
    )
    assert answer.status == 409
