"""The gallery without a selfie: who browses is looked for nowhere."""

import io
from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.support.helpers import bearer, problem
from tests.support.scripted_engine import picture
from tests.support.scripted_event import PAGE, ScriptedEvent, open_scripted_event


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        await opened.set_columns(browse=True)
        yield opened


async def test_who_browses_sees_the_gallery_and_is_never_looked_for(builder: ScriptedEvent) -> None:
    calls, jobs = builder.endpoint.calls.copy(), await builder.count("job")
    came = await builder.browse(name="Léa")
    headers = bearer(came["token"])

    assert came["selfie"] == {"status": None}
    assert came["user"]["name"] == "Léa"
    assert len(await builder.get_json("/api/all-photos", headers)) == 3
    assert await builder.get_json("/api/my-photos", headers) == []
    assert await builder.get_json("/api/my-photos", headers, shelf="maybe") == []
    await builder.app.drain()
    assert await builder.count("job") == jobs
    assert builder.endpoint.calls == calls
    photo = f"/api/photo/{builder.photos[0]}?size=thumb"
    assert (await builder.call("GET", photo, headers)).status == 200
    me = await (await builder.call("GET", "/api/me", headers)).json()
    assert me["events"][0]["consented"] is False


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"browse": False}, (403, "browsing_closed")),
        ({"gallery": "own"}, (403, "browsing_closed")),
        ({"join_open": False}, (409, "join_closed")),
        ({"closes_at": "past"}, (409, "event_closed")),
    ],
)
async def test_only_where_the_organiser_allows_it(
    builder: ScriptedEvent, choices: dict[str, object], expected: tuple[int, str]
) -> None:
    if "closes_at" in choices:
        await builder.pool.execute("update event set closes_at = now() - interval '1 second'")
    else:
        await builder.set_columns(**choices)
    answer = await builder.call("POST", f"/api/events/{builder.code}/browse", json={})
    assert await problem(answer) == expected
    assert await builder.count("account") == 3


async def test_past_its_closing_time_nobody_joins(builder: ScriptedEvent) -> None:
    await builder.pool.execute("update event set closes_at = now() - interval '1 second'")
    answer = await builder.send_join_form(
        picture(3), name="Nia", email="nia@example.org", password="a long password"
    )
    assert await problem(answer) == (409, "event_closed")
    page = await builder.call("GET", f"/e/{builder.code}", PAGE)
    assert "The event is closed." in await page.text()
    # who is in already goes on as before
    assert len(await builder.get_json("/api/my-photos", builder.headers(1))) == 3
    form = {"selfie": io.BytesIO(picture(1))}
    path = f"/api/me/events/{builder.event_id}/selfie"
    assert (await builder.call("PUT", path, builder.headers(1), data=form)).status == 200


async def test_no_answer_about_a_face_without_consent(builder: ScriptedEvent) -> None:
    """`That's me` would make a reference of a face; a selfie would be compared."""
    headers = bearer((await builder.browse())["token"])
    for says in ("me", "not-me"):
        path = f"/api/photos/{builder.photos[0]}/{says}"
        answer = await builder.call("POST", path, headers, json={})
        assert await problem(answer) == (422, "consent_required")
    for method, kind in (("PUT", "selfie"), ("POST", "selfies")):
        path = f"/api/me/events/{builder.event_id}/{kind}"
        answer = await builder.call(method, path, headers, data={"selfie": io.BytesIO(picture(3))})
        assert await problem(answer) == (422, "consent_required")
    assert await builder.count("reference where kind = 'confirmed'") == 0
    assert await builder.count("selfie") == 2


async def test_consent_and_selfie_may_come_later(builder: ScriptedEvent) -> None:
    came = await builder.browse()
    headers = bearer(came["token"])
    answer = await builder.send_join_form(picture(3), headers)
    assert answer.status == 201
    assert (await answer.json())["token"] is None
    await builder.app.drain()
    assert len(await builder.get_json("/api/my-photos", headers)) == 1
    assert await builder.count("guest") == 3


async def test_who_only_looked_says_their_name_on_joining(builder: ScriptedEvent) -> None:
    """If they like; a guest who was looked for before is not renamed by a selfie."""
    headers = bearer((await builder.browse())["token"])
    page = await builder.call("GET", f"/e/{builder.code}", {**PAGE, **headers})
    assert 'name="name"' in await page.text()
    refused = await builder.send_join_form(picture(3), headers, name="N" * 101)
    assert await problem(refused) == (422, "invalid_request")
    assert (await builder.send_join_form(picture(3), headers, name=" ")).status == 201
    me = await (await builder.call("GET", "/api/me", headers)).json()
    assert me["name"] == "Guest"

    other = bearer((await builder.browse())["token"])
    joined = await builder.send_join_form(picture(4), other, name="Zoé")
    assert (await joined.json())["user"]["name"] == "Zoé"
    again = await builder.send_join_form(picture(4, serial=2), other, name="Eve")
    assert again.status == 201
    me = await (await builder.call("GET", "/api/me", other)).json()
    assert me["name"] == "Zoé"
    page = await builder.call("GET", f"/e/{builder.code}", {**PAGE, **other})
    assert 'name="name"' not in await page.text()


async def test_a_refused_selfie_leaves_the_browsing_guest(builder: ScriptedEvent) -> None:
    """They stay, with what they marked, and without a consent."""
    headers = bearer((await builder.browse())["token"])
    path = f"/api/photos/{builder.photos[0]}/favourite"
    assert (await builder.call("PUT", path, headers)).status == 204
    assert await problem(await builder.send_join_form(picture(), headers)) == (422, "no_face")

    assert await builder.count("favourite") == 1
    me = await (await builder.call("GET", "/api/me", headers)).json()
    assert me["events"][0]["consented"] is False
    assert len(await builder.get_json("/api/all-photos", headers)) == 3


async def test_a_guest_who_is_in_already_comes_in_as_who_they_are(builder: ScriptedEvent) -> None:
    path = f"/api/events/{builder.code}/browse"
    answer = await builder.call("POST", path, builder.headers(1), json={})
    assert answer.status == 201
    body = await answer.json()
    assert (body["token"], body["selfie"]) == (None, {"status": "accepted"})
    assert await builder.count("guest") == 2


async def test_the_gallery_closes_when_the_organiser_closes_it(builder: ScriptedEvent) -> None:
    headers = bearer((await builder.browse())["token"])
    await builder.set_columns(browse=False)
    answer = await builder.call(
        "GET", "/api/all-photos", headers, params={"event": builder.event_id}
    )
    assert await problem(answer) == (403, "gallery_own")
    photo = f"/api/photo/{builder.photos[0]}"
    assert (await builder.call("GET", photo, headers)).status == 404
    # guests with consent see it as before
    assert len(await builder.get_json("/api/all-photos", builder.headers(2))) == 3


@pytest.mark.parametrize(("accepts", "language"), [("de, en;q=0.8", "en"), ("fr-CA", "fr")])
async def test_without_a_language_the_browsers_counts(
    builder: ScriptedEvent, accepts: str, language: str
) -> None:
    """For who joins and for who browses; a language that is named wins."""
    await builder.set_columns(accounts="optional")
    header = {"Accept-Language": accepts}
    code = builder.code
    joined = await builder.send_join_form(picture(3), header, name="Nia")
    browsed = await builder.call("POST", f"/api/events/{code}/browse", header, json={})
    named = await builder.send_join_form(picture(4), header, name="Zoe", language="en")
    for answer, expected in ((joined, language), (browsed, language), (named, "en")):
        assert answer.status == 201
        user_id = int((await answer.json())["user"]["id"])
        kept = await builder.pool.fetchrow(
            """
            select account.language, consent_language
              from account join guest on account_id = account.id where account.id = $1""",
            user_id,
        )
        assert kept is not None
        assert kept["language"] == expected
        assert kept["consent_language"] == (None if answer is browsed else expected)


async def test_a_button_does_without_scripts(builder: ScriptedEvent) -> None:
    page = await (await builder.call("GET", f"/e/{builder.code}", PAGE)).text()
    assert "See the gallery without a selfie" in page
    path = f"/e/{builder.code}/browse"
    answer = await builder.call("POST", path, PAGE, data={"name": "Guest"})
    assert answer.status == 303
    headers = bearer(answer.cookies["findme_session"].value)
    shown = await builder.call("GET", answer.headers["Location"], {**PAGE, **headers})
    assert shown.status == 200
    await builder.set_columns(browse=False)
    page = await (await builder.call("GET", f"/e/{builder.code}", PAGE)).text()
    assert "See the gallery without a selfie" not in page
