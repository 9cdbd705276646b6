"""The join page as a form: what it tells before anyone agrees, and what it keeps when refused."""

import io
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.support.helpers import bearer
from tests.support.scripted_engine import picture
from tests.support.scripted_event import PAGE, ScriptedEvent, open_scripted_event


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        yield opened


async def send(builder: ScriptedEvent, **fields: str) -> tuple[int, str]:
    """Send the form with a picture nobody is on; return what comes back."""
    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("selfie", io.BytesIO(picture()), filename="selfie.jpg")
    answer = await builder.call("POST", f"/e/{builder.code}", PAGE, data=form)
    return answer.status, await answer.text()


def box(page: str, name: str) -> str:
    """Return an input of the page."""
    found = re.search(rf'<input id="{name}"[^>]*>', page)
    assert found is not None, name
    return found[0]


async def test_a_refused_form_keeps_what_was_typed(builder: ScriptedEvent) -> None:
    """Nothing typed is asked twice (WCAG 3.3.7), but for the password, which no page repeats."""
    typed = {"name": 'Zoé "Z"', "email": "zoe@example.org", "password": "a long password"}
    status, page = await send(builder, **typed, consent="yes")

    assert status == 422
    assert 'value="Zoé &#34;Z&#34;"' in box(page, "name")
    assert 'value="zoe@example.org"' in box(page, "email")
    assert " checked" in box(page, "consent")
    assert typed["password"] not in page


async def test_nobody_agrees_by_what_they_did_not_tick(builder: ScriptedEvent) -> None:
    status, page = await send(builder, name="Zoé", email="zoe@example.org", password="a long word")
    assert status == 422
    assert " checked" not in box(page, "consent")
    fresh = await (await builder.call("GET", f"/e/{builder.code}", PAGE)).text()
    assert " checked" not in box(fresh, "consent")


async def test_an_address_opens_the_account_that_was_folded_away(builder: ScriptedEvent) -> None:
    await builder.set_columns(accounts="optional")
    _, page = await send(
        builder, name="Zoé", email="zoe@example.org", password="a long word", consent="yes"
    )
    assert '<details class="folded" data-account open>' in page
    _, page = await send(builder, name="Zoé", email="", password="", consent="yes")
    assert '<details class="folded" data-account>' in page


async def test_a_guest_of_a_closed_event_replaces_their_selfie_by_the_form(
    builder: ScriptedEvent,
) -> None:
    """As the camera does; who is no guest, or took their consent back, stays out."""
    cookie = {"Cookie": f"findme_session={builder.tokens[1]}", "Sec-Fetch-Site": "same-origin"}
    path = f"/e/{builder.code}"
    await builder.pool.execute("update event set closes_at = now() - interval '1 second'")
    page = await (await builder.call("GET", path, {**cookie, **PAGE})).text()
    assert 'name="selfie"' in page
    assert "Send my selfie" in page

    def form() -> dict[str, object]:
        return {"consent": "yes", "selfie": io.BytesIO(picture(1, serial=5))}

    selfies = "select count(*) from selfie join guest on guest.id = guest_id where account_id = $1"
    me = (await (await builder.call("GET", "/api/me", builder.headers(1))).json())["id"]
    answer = await builder.call("POST", path, {**cookie, **PAGE}, data=form())
    assert answer.status == 303
    assert answer.headers["Location"] == f"/gallery?event={builder.event_id}"
    await builder.app.drain()
    assert await builder.pool.fetchval(selfies, int(me)) == 1
    assert len(await builder.get_json("/api/my-photos", builder.headers(1))) == 3

    await builder.set_columns(browse=True)
    consent = f"/api/me/events/{builder.event_id}/consent"
    assert (await builder.call("DELETE", consent, builder.headers(1))).status == 204
    answer = await builder.call("POST", path, {**cookie, **PAGE}, data=form())
    assert answer.status == 409
    assert await builder.pool.fetchval(selfies, int(me)) == 0


async def test_the_button_says_what_it_does_without_scripts(builder: ScriptedEvent) -> None:
    """Beside a field for a file it takes no selfie: it sends one."""
    page = await (await builder.call("GET", f"/e/{builder.code}", PAGE)).text()
    without = " ".join(re.findall(r"<noscript>(.*?)</noscript>", page, re.DOTALL))
    assert "Join with this selfie" in without
    assert 'type="file"' in without
    assert re.search(r"/plain\.css", without)
    assert re.search(r'<button class="[^"]* scripted">.*Take my selfie', page)


async def test_the_whole_text_says_who_measures_the_face(builder: ScriptedEvent) -> None:
    """The scripted engine is no child of this service, so it counts as Amazon's."""
    page = await (await builder.call("GET", f"/e/{builder.code}", PAGE)).text()
    assert "The whole text" in page
    assert f"Amazon Rekognition ({builder.app.resources.faces.region})" in page
    assert "nobody looks for you" in page
    await builder.set_columns(browse=True)
    page = await (await builder.call("GET", f"/e/{builder.code}", PAGE)).text()
    assert "the gallery is open to you without a selfie" in page


async def test_a_tab_that_is_gone_leads_to_the_first_one(builder: ScriptedEvent) -> None:
    """Addresses are kept: what they showed may end with a consent, or by the organiser."""
    gallery = f"/gallery?event={builder.event_id}"
    await builder.set_columns(browse=True)
    visitor = bearer((await builder.browse(name="Léa"))["token"])
    for tab in ("mine", "maybe"):
        answer = await builder.call("GET", f"{gallery}&tab={tab}", {**PAGE, **visitor})
        assert (answer.status, answer.headers["Location"]) == (303, f"{gallery}&tab=all")

    await builder.set_columns(browse=False, gallery="own")
    guest = {**PAGE, **builder.headers(1)}
    answer = await builder.call("GET", f"{gallery}&tab=all", guest)
    assert (answer.status, answer.headers["Location"]) == (303, f"{gallery}&tab=mine")
    assert (await builder.call("GET", f"{gallery}&tab=none", guest)).status == 422


async def test_a_closed_event_says_how_long_its_photos_stay(builder: ScriptedEvent) -> None:
    gallery, guest = f"/gallery?event={builder.event_id}", {**PAGE, **builder.headers(1)}
    page = await (await builder.call("GET", gallery, guest)).text()
    assert "The event is closed." not in page
    await builder.pool.execute(
        "update event set closes_at = now() - interval '1 second', expires_at = '2100-05-04 12:00Z'"
    )
    page = await (await builder.call("GET", gallery, guest)).text()
    assert "The event is closed. Photos already found stay until May 4, 2100." in page
