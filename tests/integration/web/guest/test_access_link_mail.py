"""A guest's own link, mailed to themselves: with the key that they have, kept nowhere."""

import dataclasses
from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db
from findme.accounts import accounts, auth
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.scripted_engine import scripted
from tests.support.smtp_server import Postbox, text_of

BASE = "https://photos.example.org"
TO = "bo@example.org"


@pytest.fixture
async def mailing(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, box: Postbox
) -> AsyncIterator[App]:
    settings = dataclasses.replace(settings, smtp_url=box.url, findme_base_url=BASE)
    async with (
        scripted() as engine,
        application(aiohttp_client, settings, database, endpoint_url=engine.url) as app,
    ):
        yield app


async def enter(app: App, name: str) -> tuple[dict[str, str], str]:
    """Make a guest with a name only; return their session and their key."""
    async with db.transaction(app.resources.pool) as conn:
        user_id, key = await accounts.create_keyed(conn, name)
        session = await auth.open_session(conn, user_id)
    return {"Authorization": f"Bearer {session.token}", "Accept-Language": "en"}, key


async def send(app: App, headers: dict[str, str], key: str, email: str = TO) -> int:
    answer = await app.client.post(
        "/api/me/key-mail", json={"email": email, "key": key}, headers=headers
    )
    return answer.status


async def test_the_link_arrives_and_opens_the_account(mailing: App, box: Postbox) -> None:
    headers, key = await enter(mailing, "Bo")
    assert await send(mailing, headers, key) == 204

    (mail,) = box.mails
    assert mail["To"] == TO
    assert mail["Subject"] == "Your link to your photos"
    assert f"{BASE}/k/{key}\r\n" in text_of(mail)
    assert f'href="{BASE}/k/{key}"' in text_of(mail, "html")
    opened = await mailing.client.post(f"/k/{key}", allow_redirects=False)
    assert opened.status == 303


async def test_neither_address_nor_key_is_kept(mailing: App) -> None:
    headers, key = await enter(mailing, "Bo")
    await send(mailing, headers, key)
    for table in ("account", "job", "guest", "audit"):
        rows = await mailing.resources.pool.fetch(f"select {table}::text as row from {table}")
        assert not [row for row in rows if TO in row["row"] or key in row["row"]]


async def test_nobody_sends_the_link_of_somebody_else(mailing: App, box: Postbox) -> None:
    headers, _ = await enter(mailing, "Bo")
    _, others = await enter(mailing, "Kim")
    assert await send(mailing, headers, others) == 404
    assert await send(mailing, headers, "fmk_made-up") == 404
    assert await send(mailing, {}, others) == 401
    assert box.mails == []


async def test_no_postbox_is_filled(mailing: App, box: Postbox) -> None:
    headers, key = await enter(mailing, "Bo")
    statuses = [await send(mailing, headers, key) for _ in range(4)]
    assert statuses == [204, 204, 204, 429]
    assert len(box.mails) == 3


async def test_what_is_no_address_is_refused(mailing: App) -> None:
    headers, key = await enter(mailing, "Bo")
    assert await send(mailing, headers, key, "a@b\r\nBcc: c@d") == 422
    assert await send(mailing, headers, key, "nobody") == 422


@pytest.mark.parametrize(("answer", "status"), [("450 later", 503), ("550 no", 502)])
async def test_the_guest_hears_that_it_did_not_go_out(
    mailing: App, box: Postbox, answer: str, status: int
) -> None:
    box.answers["RCPT"] = answer
    headers, key = await enter(mailing, "Bo")
    assert await send(mailing, headers, key) == status


async def test_the_form_works_without_scripts(mailing: App, box: Postbox) -> None:
    headers, key = await enter(mailing, "Bo")
    fields = {"email": TO, "link": f"{BASE}/k/{key}"}
    answer = await mailing.client.post("/account/key-mail", data=fields, headers=headers)
    assert answer.status == 200
    assert f"Your link is on its way to {TO}." in await answer.text()
    assert len(box.mails) == 1

    wrong = {**fields, "email": "nobody"}
    answer = await mailing.client.post("/account/key-mail", data=wrong, headers=headers)
    assert answer.status == 422
    page = await answer.text()
    assert "This is not an e-mail address." in page
    assert f'value="{BASE}/k/{key}"' in page


async def test_without_a_mail_server_there_is_no_such_thing(app: App) -> None:
    headers, key = await enter(app, "Bo")
    assert await send(app, headers, key) == 404
