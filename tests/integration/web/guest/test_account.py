"""What users change of their account: password, sessions, language, scheme, letter keys."""

from collections.abc import AsyncIterator, Sequence

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.support.helpers import bearer, problem
from tests.support.scripted_event import PAGE, ScriptedEvent, open_scripted_event

OLD, NEW = "a long password", "another long one"


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        yield opened


async def sign_in(builder: ScriptedEvent, password: str = OLD) -> dict[str, str]:
    """Open a further session of person 1."""
    body = {"email": "1@example.org", "password": password}
    answer = await builder.call("POST", "/api/auth/login", json=body)
    assert answer.status == 200, await answer.text()
    return bearer((await answer.json())["token"])


async def is_signed_in(builder: ScriptedEvent, headers: dict[str, str]) -> bool:
    return (await builder.call("GET", "/api/me", headers)).status == 200


async def test_signing_out_everywhere_ends_each_session(builder: ScriptedEvent) -> None:
    here, there = builder.headers(1), await sign_in(builder)
    assert await is_signed_in(builder, there)
    answer = await builder.call("POST", "/api/auth/logout-everywhere", here)
    assert answer.status == 204
    assert not await is_signed_in(builder, here)
    assert not await is_signed_in(builder, there)
    assert await is_signed_in(builder, builder.headers(2))
    answer = await builder.call("POST", "/api/auth/logout-everywhere")
    assert await problem(answer) == (401, "sign_in_required")


async def test_a_new_password_ends_the_other_sessions(builder: ScriptedEvent) -> None:
    here, there = builder.headers(1), await sign_in(builder)
    body = {"old": OLD, "new": NEW}
    assert (await builder.call("PUT", "/api/me/password", here, json=body)).status == 204
    assert await is_signed_in(builder, here)
    assert not await is_signed_in(builder, there)
    await sign_in(builder, NEW)
    body = {"email": "1@example.org", "password": OLD}
    assert (await builder.call("POST", "/api/auth/login", json=body)).status == 401


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"old": "wrong", "new": NEW}, (403, "wrong_password")),
        ({"old": OLD, "new": "short"}, (422, "invalid_request")),
        ({"old": OLD}, (422, "invalid_request")),
        ({"new": NEW}, (422, "invalid_request")),
    ],
)
async def test_the_password_stays_where_something_is_wrong(
    builder: ScriptedEvent, body: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = await builder.call("PUT", "/api/me/password", builder.headers(1), json=body)
    assert await problem(answer) == expected
    await sign_in(builder)


async def test_the_present_password_cannot_be_guessed_by_a_found_phone(
    builder: ScriptedEvent,
) -> None:
    body = {"old": "wrong", "new": NEW}
    answers = [
        await problem(await builder.call("PUT", "/api/me/password", builder.headers(1), json=body))
        for _ in range(11)
    ]
    assert answers == [(403, "wrong_password")] * 10 + [(429, "too_many_attempts")]


async def test_without_a_password_none_is_changed(builder: ScriptedEvent) -> None:
    await builder.set_columns(accounts="optional")
    headers = bearer((await builder.join_by_name(3))["token"])
    body = {"old": "", "new": NEW}
    answer = await builder.call("PUT", "/api/me/password", headers, json=body)
    assert await problem(answer) == (409, "conflict")


async def test_choices_hold_on_every_device(builder: ScriptedEvent) -> None:
    there = {**PAGE, **await sign_in(builder)}
    page = await (await builder.call("GET", "/account", there)).text()
    assert '<html lang="en">' in page
    body = {"language": "fr", "scheme": "dark", "letter_keys": False}
    answer = await builder.call("PATCH", "/api/me", builder.headers(1), json=body)
    changed = await answer.json()
    assert {name: changed[name] for name in body} == body

    page = await (await builder.call("GET", "/account", there)).text()
    assert '<html lang="fr" data-scheme="dark" data-letter-keys="off">' in page
    # one of them alone leaves the others
    await builder.call("PATCH", "/api/me", builder.headers(1), json={"scheme": None})
    page = await (await builder.call("GET", "/account", there)).text()
    assert '<html lang="fr" data-letter-keys="off">' in page


async def test_a_guest_is_called_otherwise(builder: ScriptedEvent) -> None:
    """By the API and by the page; the organiser's list says it too, and nothing else changes."""
    answer = await builder.call("PATCH", "/api/me", builder.headers(1), json={"name": " Ada  L. "})
    changed = await answer.json()
    assert (changed["name"], changed["language"]) == ("Ada L.", "en")
    session = {**PAGE, "Cookie": f"findme_session={builder.tokens[1]}"}
    own = {**session, "Sec-Fetch-Site": "same-origin"}
    assert "Ada L." in await (await builder.call("GET", "/account", session)).text()

    empty = await builder.call("POST", "/account/name", own, data={"name": " "})
    assert empty.status == 422
    assert "Your first name is missing." in await empty.text()
    posted = await builder.call("POST", "/account/name", own, data={"name": "Zoé"})
    assert posted.status == 303
    foreign = {**session, "Sec-Fetch-Site": "cross-site"}
    assert (await builder.call("POST", "/account/name", foreign, data={"name": "X"})).status == 403
    me = await (await builder.call("GET", "/api/me", builder.headers(1))).json()
    assert me["name"] == "Zoé"
    path = f"/api/admin/events/{builder.event_id}/guests"
    listed = await (await builder.call("GET", path, builder.app.admin)).json()
    assert {guest["name"] for guest in listed} == {"Zoé", "Person 2"}


async def test_the_language_switch_wins_over_the_account(builder: ScriptedEvent) -> None:
    await builder.call("PATCH", "/api/me", builder.headers(1), json={"language": "fr"})
    switched = {**PAGE, **builder.headers(1), "Cookie": "findme_lang=en"}
    page = await (await builder.call("GET", "/account", switched)).text()
    assert '<html lang="en"' in page


NO_CHANGES: Sequence[dict[str, object]] = [
    {"language": "xx"},
    {"language": 5},
    {"scheme": "pink"},
    {"scheme": []},
    {"letter_keys": "yes"},
    {"letter_keys": None},
    {"name": " "},
    {"name": None},
    {"name": "N" * 101},
    {"role": "admin"},
    {"id": 1},
]


async def test_nothing_else_can_be_changed(builder: ScriptedEvent) -> None:
    for body in NO_CHANGES:
        answer = await builder.call("PATCH", "/api/me", builder.headers(1), json=body)
        assert await problem(answer) == (422, "invalid_request"), body
        me = await (await builder.call("GET", "/api/me", builder.headers(1))).json()
        assert me["role"] == "guest", body


async def test_the_page_does_all_of_it_without_scripts(builder: ScriptedEvent) -> None:
    session = {
        "Cookie": f"findme_session={builder.tokens[1]}",
        "Sec-Fetch-Site": "same-origin",
        **PAGE,
    }
    form = {"language": "fr", "scheme": "light"}
    answer = await builder.call("POST", "/account/choices", session, data=form)
    assert answer.status == 303
    row = await builder.pool.fetchrow("select * from account where email = '1@example.org'")
    assert row is not None
    assert (row["language"], row["scheme"], row["letter_keys"]) == ("fr", "light", False)
    assert (answer.cookies["findme_lang"].value, answer.cookies["findme_scheme"].value) == (
        "fr",
        "light",
    )

    english = {**session, "Cookie": f"{session['Cookie']}; findme_lang=en"}
    wrong = await builder.call(
        "POST", "/account/password", english, data={"old": "wrong", "new": NEW}
    )
    assert wrong.status == 403
    assert "The present password is not right." in await wrong.text()
    right = await builder.call("POST", "/account/password", english, data={"old": OLD, "new": NEW})
    assert right.headers["Location"] == "/account?done=password#sign-in"
    answer = await builder.call("POST", "/account/sign-out-everywhere", session)
    assert answer.status == 303
    assert not await is_signed_in(builder, builder.headers(1))


async def test_a_name_only_guest_becomes_a_full_one_on_the_page(builder: ScriptedEvent) -> None:
    await builder.set_columns(accounts="optional")
    joined = await builder.join_by_name(3)
    session = {**PAGE, **bearer(joined["token"])}
    page = await (await builder.call("GET", "/account", session)).text()
    assert "Your link is your key." in page
    answer = await builder.call("POST", "/account/key", session)
    assert "/k/fmk_" in await answer.text()

    form = {"email": "1@example.org", "password": OLD}
    answer = await builder.call("POST", "/account/credentials", session, data=form)
    assert answer.status == 409
    assert "Another account has this address." in await answer.text()
    form["email"] = "nia@example.org"
    answer = await builder.call("POST", "/account/credentials", session, data=form)
    assert answer.status == 303
    page = await (await builder.call("GET", "/account", session)).text()
    assert "Change my password" in page
