"""Guests with a name only: the link is their key, and only it."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.support.helpers import bearer, problem
from tests.support.scripted_engine import picture
from tests.support.scripted_event import PAGE, ScriptedEvent, open_scripted_event

CREDENTIALS = {"email": "nia@example.org", "password": "a long password"}


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        await opened.set_columns(accounts="optional")
        yield opened


async def test_a_name_and_a_selfie_are_enough(builder: ScriptedEvent) -> None:
    joined = await builder.join_by_name(3)
    await builder.app.drain()

    assert joined["user"]["email"] is None
    assert urlsplit(joined["key_url"]).path.startswith("/k/fmk_")
    assert len(await builder.get_json("/api/my-photos", bearer(joined["token"]))) == 1
    key = joined["key_url"].rpartition("/")[2]
    kept = await builder.pool.fetchrow("select * from account where email is null")
    assert kept is not None
    assert key not in str(dict(kept))


async def test_where_an_account_is_asked_for_a_name_is_not_enough(builder: ScriptedEvent) -> None:
    await builder.set_columns(accounts="required")
    answer = await builder.send_join_form(picture(3), name="Nia")
    assert await problem(answer) == (422, "invalid_request")
    assert (await answer.json())["field"] == "email"


async def test_half_an_account_is_none(builder: ScriptedEvent) -> None:
    """Who gives an address gives a password too, also where a name would do."""
    answer = await builder.send_join_form(picture(3), name="Nia", email="nia@example.org")
    assert (await answer.json())["field"] == "password"
    answer = await builder.send_join_form(picture(3), name="Nia", password="a long password")
    assert (await answer.json())["field"] == "email"
    assert await builder.count("account") == 3


async def test_a_refused_selfie_leaves_no_account(builder: ScriptedEvent) -> None:
    answer = await builder.send_join_form(picture(), name="Nia")
    assert await problem(answer) == (422, "no_face")
    assert await builder.count("account") == 3
    assert await builder.count("guest") == 2


async def test_the_link_opens_the_gallery_and_tells_nobody(builder: ScriptedEvent) -> None:
    link = urlsplit((await builder.join_by_name(3))["key_url"]).path
    own = {**PAGE, "Sec-Fetch-Site": "same-origin"}
    answer = await builder.client.post(link, headers=own, allow_redirects=False)

    assert answer.status == 303
    assert answer.headers["Location"] == f"/gallery?event={builder.event_id}"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    # the cookie is kept: the page is the guest's
    page = await builder.client.get(answer.headers["Location"], headers=PAGE)
    assert page.status == 200
    again = await builder.client.get(link, headers=PAGE, allow_redirects=False)
    assert again.status == 303
    assert "findme_session" not in again.cookies


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_at_a_link_signs_nobody_in(builder: ScriptedEvent, method: str) -> None:
    """A mail program's preview, or another site that sends its visitors there."""
    link = urlsplit((await builder.join_by_name(3))["key_url"]).path
    before = await builder.count("session")
    for site in ("none", "cross-site", "same-origin", None):
        headers = PAGE if site is None else {**PAGE, "Sec-Fetch-Site": site}
        answer = await builder.call(method, link, headers)

        assert answer.status == 200, site
        assert not answer.cookies, site
        assert answer.headers["Cache-Control"] == "no-store", site
        assert await builder.count("session") == before, site
        if method == "GET":
            assert "Open my photos" in await answer.text(), site


OTHER_SITES: Sequence[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
]


async def test_the_form_of_another_site_opens_no_link(builder: ScriptedEvent) -> None:
    link = urlsplit((await builder.join_by_name(3))["key_url"]).path
    for proof in OTHER_SITES:
        answer = await builder.call("POST", link, proof)
        assert await problem(answer) == (403, "csrf"), proof
        assert not answer.cookies, proof


async def test_a_form_that_is_sent_again_is_the_same_guest(builder: ScriptedEvent) -> None:
    """Where the answer was lost: one guest, one face in the engine, one link, two sessions."""
    sent = {"name": "Nia", "attempt": "a-secret-of-this-form-0"}
    first = await (await builder.send_join_form(picture(3), None, **sent)).json()
    answer = await builder.send_join_form(picture(3), None, **sent)
    again = await answer.json()
    await builder.app.drain()

    assert answer.status == 201
    assert again["user"]["id"] == first["user"]["id"]
    assert again["key_url"] == first["key_url"]
    assert (await builder.count("account"), await builder.count("guest")) == (4, 3)
    assert len(builder.vectors_of_guests()) == 3
    for joined in (first, again):
        assert len(await builder.get_json("/api/my-photos", bearer(joined["token"]))) == 1
    page = await builder.call("POST", urlsplit(again["key_url"]).path, PAGE)
    assert page.status == 303


async def test_a_form_that_is_sent_twice_at_once_is_one_guest(builder: ScriptedEvent) -> None:
    """The phone gives up and sends anew while the first selfie is still looked at."""
    sent = {"name": "Nia", "attempt": "a-secret-of-this-form-0"}
    answers = await asyncio.gather(
        *(builder.send_join_form(picture(3), None, **sent) for _ in range(4))
    )
    await builder.app.drain()

    assert [answer.status for answer in answers] == [201] * 4
    assert len({(await answer.json())["user"]["id"] for answer in answers}) == 1
    assert (await builder.count("account"), await builder.count("guest")) == (4, 3)
    assert len(builder.vectors_of_guests()) == 3


async def test_a_good_selfie_outlives_a_bad_one_of_the_same_form(builder: ScriptedEvent) -> None:
    """Whichever is judged first, and though the bad one began the account."""
    sent = {"name": "Nia", "attempt": "a-secret-of-this-form-0"}
    answers = await asyncio.gather(
        builder.send_join_form(picture(), None, **sent),
        builder.send_join_form(picture(3), None, **sent),
    )
    await builder.app.drain()

    assert [answer.status for answer in answers] == [422, 201]
    token = (await answers[1].json())["token"]
    assert len(await builder.get_json("/api/my-photos", bearer(token))) == 1
    assert await builder.count("account") == 4


@pytest.mark.parametrize(
    "other",
    [
        {"name": "Léo"},
        {"attempt": "a-secret-of-this-form-1"},
        {"attempt": ""},
    ],
)
async def test_another_person_or_form_is_another_guest(
    builder: ScriptedEvent, other: dict[str, str]
) -> None:
    """The next one at the same telephone does not come in as the one before."""
    sent = {"name": "Nia", "attempt": "a-secret-of-this-form-0"}
    first = await (await builder.send_join_form(picture(3), None, **sent)).json()
    second = await (await builder.send_join_form(picture(3), None, **{**sent, **other})).json()
    assert second["user"]["id"] != first["user"]["id"]
    assert second["key_url"] != first["key_url"]


async def test_the_secret_of_a_form_cannot_be_guessed(builder: ScriptedEvent) -> None:
    """A short one is refused, the pages make a long one anew, and none is a key."""
    answer = await builder.send_join_form(picture(3), name="Nia", attempt="1")
    assert await problem(answer) == (422, "invalid_request")
    assert await builder.count("account") == 3
    made = set()
    for _ in range(2):
        page = await builder.call("GET", f"/e/{builder.code}", PAGE)
        found = re.search(r'name="attempt" value="([A-Za-z0-9_-]{43})"', await page.text())
        assert found is not None
        made.add(found[1])
    assert len(made) == 2


OTHER_KEYS: Sequence[str] = ["fmk_nothing", "fms_x", "%FF%FE", "x" * 5000]


async def test_another_key_opens_nothing(builder: ScriptedEvent) -> None:
    for key in OTHER_KEYS:
        answer = await builder.call("GET", f"/k/{key}")
        assert await problem(answer) == (404, "not_found"), key


async def test_who_is_signed_in_as_another_is_asked_first(builder: ScriptedEvent) -> None:
    link = urlsplit((await builder.join_by_name(3))["key_url"]).path
    cookie = {"Cookie": f"findme_session={builder.tokens[1]}"}
    page = await builder.call("GET", link, {**PAGE, **cookie})
    assert page.status == 200
    assert "You are signed in as Person 1. This link opens the photos of Nia." in await page.text()

    foreign = await builder.call("POST", link, {**cookie, "Sec-Fetch-Site": "cross-site"})
    assert foreign.status == 403
    yes = await builder.call("POST", link, {**cookie, "Sec-Fetch-Site": "same-origin"})
    assert yes.status == 303
    token = yes.cookies["findme_session"].value
    me = await (await builder.call("GET", "/api/me", bearer(token))).json()
    assert me["name"] == "Nia"
    assert (await builder.call("GET", "/api/me", builder.headers(1))).status == 401


async def test_no_password_opens_an_account_without_one(builder: ScriptedEvent) -> None:
    await builder.join_by_name(3)
    for email in ("", "Nia", "null", "None"):
        body = {"email": email, "password": "a long password"}
        answer = await builder.call("POST", "/api/auth/login", json=body)
        assert await problem(answer) == (401, "wrong_credentials")


async def test_a_new_link_ends_the_old_one_and_other_sessions(builder: ScriptedEvent) -> None:
    joined = await builder.join_by_name(3)
    old = urlsplit(joined["key_url"]).path
    elsewhere = await builder.call("POST", old, PAGE)
    other = bearer(elsewhere.cookies["findme_session"].value)

    answer = await builder.call("POST", "/api/me/key", bearer(joined["token"]))
    assert answer.status == 201
    new = urlsplit((await answer.json())["key_url"]).path
    assert (await builder.call("GET", old)).status == 404
    assert (await builder.call("POST", new)).status == 303
    assert (await builder.call("GET", "/api/me", other)).status == 401
    assert (await builder.call("GET", "/api/me", bearer(joined["token"]))).status == 200


async def test_an_account_with_a_password_has_no_link(builder: ScriptedEvent) -> None:
    answer = await builder.call("POST", "/api/me/key", builder.headers(1))
    assert await problem(answer) == (409, "conflict")
    assert await builder.count("account where key_hash is not null") == 0


async def test_an_address_and_a_password_make_a_full_account(builder: ScriptedEvent) -> None:
    joined = await builder.join_by_name(3)
    headers = bearer(joined["token"])
    taken = {**CREDENTIALS, "email": "1@example.org"}
    answer = await builder.call("PUT", "/api/me/credentials", headers, json=taken)
    assert await problem(answer) == (409, "email_taken")

    answer = await builder.call("PUT", "/api/me/credentials", headers, json=CREDENTIALS)
    assert (await answer.json())["email"] == "nia@example.org"
    assert (await builder.call("POST", "/api/auth/login", json=CREDENTIALS)).status == 200
    assert (await builder.call("GET", urlsplit(joined["key_url"]).path)).status == 404
    me = await (await builder.call("GET", "/api/me", headers)).json()
    assert (me["email"], len(me["events"])) == ("nia@example.org", 1)
    answer = await builder.call("PUT", "/api/me/credentials", headers, json=CREDENTIALS)
    assert await problem(answer) == (409, "conflict")


async def test_the_key_is_in_no_log(
    builder: ScriptedEvent, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the database fails under it."""
    link = urlsplit((await builder.join_by_name(3))["key_url"]).path
    caplog.set_level(logging.DEBUG)
    await builder.pool.execute("alter table account rename column key_hash to other")
    assert (await builder.call("GET", link)).status == 500
    assert "/k/" in caplog.text
    assert link.removeprefix("/k/") not in caplog.text


async def test_the_form_without_scripts_shows_the_link_once(builder: ScriptedEvent) -> None:
    form = aiohttp.FormData()
    for name, value in {"name": "Nia", "email": "", "password": "", "consent": "yes"}.items():
        form.add_field(name, value)
    form.add_field("selfie", picture(3), filename="selfie.jpg")
    answer = await builder.call("POST", f"/e/{builder.code}", PAGE, data=form)
    assert answer.status == 200
    text = await answer.text()
    assert "/k/fmk_" in text
    assert "Keep this link: it is your key" in text
    assert "findme_session" in answer.cookies
