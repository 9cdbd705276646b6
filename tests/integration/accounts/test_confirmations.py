"""Addresses are nobody's until a link in a mail was opened."""

import dataclasses
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import App, application
from tests.support.helpers import PASSWORD, ask_to_join, bearer, make_event, problem
from tests.support.scripted_engine import picture, scripted
from tests.support.smtp_server import Postbox, text_of

ADA = "ada@example.org"
OTHER = "another long password"
HTML = {"Accept": "text/html", "Accept-Language": "en"}
OWN = {**HTML, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def mailing(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, box: Postbox
) -> AsyncIterator[App]:
    """The application with a mail server."""
    settings = dataclasses.replace(
        settings,
        smtp_url=box.url,
        mail_from="Our photos <photos@example.org>",
        findme_base_url="http://photos.example.org",
    )
    async with (
        scripted() as engine,
        application(aiohttp_client, settings, database, endpoint_url=engine.url) as app,
    ):
        yield app


async def join(app: App) -> dict[str, str]:
    """Join with Ada's address; return the header of the session."""
    answer = await ask_to_join(app, (await make_event(app))["code"], picture(1))
    assert answer.status == 201
    headers = bearer((await answer.json())["token"])
    await app.drain()
    return headers


def link_in(box: Postbox, kind: str) -> str:
    """Return the path of the link in the last mail."""
    found = re.search(rf"http://photos.example.org(/{kind}/\S+)", text_of(box.mails[-1]))
    assert found is not None
    return found[1]


async def email_of(app: App, headers: dict[str, str]) -> str | None:
    email: str | None = (await (await app.client.get("/api/me", headers=headers)).json())["email"]
    return email


async def proven(app: App) -> bool:
    found: bool = await app.resources.pool.fetchval(
        "select email_proven_at is not null from account where email = $1", ADA
    )
    return found


async def forget_password(app: App, box: Postbox, headers: dict[str, str]) -> None:
    """Ask for a link to a new password, and use it."""
    answer = await app.client.post("/api/auth/forgotten", json={"email": ADA})
    assert answer.status == 202
    await app.drain()
    used = await app.client.post(
        link_in(box, "reset"), data={"password": OTHER}, headers={**OWN, **headers}
    )
    assert used.status == 200


async def test_an_address_gets_one_mail_however_often_it_is_typed(
    mailing: App, box: Postbox
) -> None:
    headers = await join(mailing)
    assert [mail["To"] for mail in box.mails] == [ADA]
    assert not await proven(mailing)
    assert (await mailing.client.delete("/api/me", headers=headers)).status == 204

    await join(mailing)

    assert len(box.mails) == 1


async def test_the_owner_confirms_the_address_by_the_links_page(mailing: App, box: Postbox) -> None:
    headers = await join(mailing)
    link = link_in(box, "confirm")
    for reader in ({}, headers):
        for method in ("GET", "HEAD"):
            looked = await mailing.client.request(method, link, headers={**HTML, **reader})
            assert looked.status == 200
    assert not await proven(mailing), "looking proves nothing: programs look too"

    answer = await mailing.client.post(link, data={"answer": "mine"}, headers={**OWN, **headers})

    assert "Your e-mail address is confirmed." in await answer.text()
    assert await proven(mailing)
    again = await mailing.client.get(link, headers=HTML)
    assert again.status == 404


async def test_nobody_else_confirms_it(mailing: App, box: Postbox) -> None:
    await join(mailing)
    link = link_in(box, "confirm")
    stranger = await ask_to_join(
        mailing, (await make_event(mailing))["code"], picture(2), email="bo@example.org"
    )
    headers = bearer((await stranger.json())["token"])
    for caller in ({}, headers, mailing.admin):
        await mailing.client.post(
            link, data={"answer": "mine"}, headers={**OWN, **caller}, allow_redirects=False
        )
    assert not await proven(mailing)
    foreign = {**HTML, "Sec-Fetch-Site": "cross-site"}
    answer = await mailing.client.post(link, data={"answer": "taken"}, headers=foreign)
    assert answer.status == 403


async def test_the_owner_takes_the_address_out_of_a_strangers_account(
    mailing: App, box: Postbox
) -> None:
    squatter = await join(mailing)
    answer = await mailing.client.post(
        link_in(box, "confirm"), data={"answer": "taken"}, headers=OWN
    )
    assert "Your e-mail address is removed." in await answer.text()

    assert await email_of(mailing, squatter) is None
    login = await mailing.client.post("/api/auth/login", json={"email": ADA, "password": PASSWORD})
    assert await problem(login) == (401, "wrong_credentials")
    # the stranger keeps what is theirs, behind a link
    renewed = await mailing.client.post("/api/me/key", headers=squatter)
    assert urlsplit((await renewed.json())["key_url"]).path.startswith("/k/")
    mine = await ask_to_join(mailing, (await make_event(mailing))["code"], picture(2))
    assert mine.status == 201


async def test_a_mailed_link_to_a_new_password_opens_no_strangers_account(
    mailing: App, box: Postbox
) -> None:
    """A mistyped address is somebody's, who must not get a guest's selfie and photos."""
    guest = await join(mailing)
    await forget_password(mailing, box, {})

    assert await email_of(mailing, guest) is None
    login = await mailing.client.post("/api/auth/login", json={"email": ADA, "password": OTHER})
    taken = bearer((await login.json())["token"])
    mailing.client.session.cookie_jar.clear()
    me = await (await mailing.client.get("/api/me", headers=taken)).json()
    assert (me["email"], me["events"]) == (ADA, [])
    assert await proven(mailing)


async def test_whoever_is_signed_in_and_reads_the_mail_is_the_owner(
    mailing: App, box: Postbox
) -> None:
    guest = await join(mailing)
    await forget_password(mailing, box, guest)

    login = await mailing.client.post("/api/auth/login", json={"email": ADA, "password": OTHER})
    me = await mailing.client.get("/api/me", headers=bearer((await login.json())["token"]))
    assert len((await me.json())["events"]) == 1
    assert await proven(mailing)


async def test_a_proven_address_opens_its_account(mailing: App, box: Postbox) -> None:
    headers = await join(mailing)
    link = link_in(box, "confirm")
    await mailing.client.post(link, data={"answer": "mine"}, headers={**OWN, **headers})
    await forget_password(mailing, box, {})

    login = await mailing.client.post("/api/auth/login", json={"email": ADA, "password": OTHER})
    me = await mailing.client.get("/api/me", headers=bearer((await login.json())["token"]))
    assert len((await me.json())["events"]) == 1


async def test_a_link_that_an_admin_hands_over_keeps_the_account(
    mailing: App, box: Postbox
) -> None:
    headers = await join(mailing)
    me = await (await mailing.client.get("/api/me", headers=headers)).json()
    made = await mailing.client.post(
        f"/api/admin/users/{me['id']}/reset-link", headers=mailing.admin
    )
    path = urlsplit((await made.json())["url"]).path
    await mailing.client.post(path, data={"password": OTHER}, headers=OWN)

    login = await mailing.client.post("/api/auth/login", json={"email": ADA, "password": OTHER})
    mine = await mailing.client.get("/api/me", headers=bearer((await login.json())["token"]))
    assert len((await mine.json())["events"]) == 1
    assert not await proven(mailing), "the admin knows the person, not the address"
