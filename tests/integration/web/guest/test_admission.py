"""Events whose organiser admits each guest: who waits sees nothing, costs little, takes nothing."""

import io
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import bearer, problem
from tests.support.live_stream import streaming
from tests.support.scripted_engine import Scripted, picture

#: A guest, somebody who resembles her, and somebody else.
ADA, SISTER, OTHER = 1, 2, 3
#: Bodies of the API that name no newcomers.
NO_NEWCOMERS: tuple[dict[str, Any], ...] = (
    {},
    {"guests": []},
    {"guests": "all"},
    {"guests": [{"user_id": "x"}]},
    {"guests": [{"user_id": "1", "selfie_id": "-1"}]},
    {"guests": [{"user_id": "1", "name": "Ada"}]},
    {"guests": [7]},
    {"guests": [{"user_id": "1"}] * 1001},
)
PAGE = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """An event with Ada on a photo, and her sister on another; newcomers wait from now on."""
    endpoint.alike = {frozenset({ADA, SISTER}): 93.0}
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        opened = await EventBuilder.create(app, accounts="optional")
        await opened.join(ADA)
        await opened.upload(ADA)
        await opened.upload(SISTER)
        await app.drain()
        await change(opened, admission="approval")
        yield opened


async def change(builder: EventBuilder, **members: object) -> dict[str, Any]:
    """Change the event as the admin; return it."""
    path = f"/api/admin/events/{builder.event_id}"
    answer = await builder.call("PATCH", path, builder.app.admin, json=members)
    assert answer.status == 200, await answer.text()
    event: dict[str, Any] = await answer.json()
    await builder.app.drain()
    return event


async def waiting(builder: EventBuilder) -> list[dict[str, Any]]:
    """Return the organiser's waiting list, which has the length that the event tells."""
    path = f"/api/admin/events/{builder.event_id}"
    listed: list[dict[str, Any]] = await builder.get_json(f"{path}/waiting", builder.app.admin)
    event = await builder.get_json(path, builder.app.admin)
    assert event["counts"]["waiting"] == len(listed)
    return listed


async def admit(builder: EventBuilder, *newcomers: dict[str, Any]) -> int:
    """Admit them as they are listed; return how many were admitted."""
    seen = [{name: one[name] for name in ("user_id", "selfie_id")} for one in newcomers]
    answer = await builder.call(
        "POST",
        f"/api/admin/events/{builder.event_id}/waiting/admit",
        builder.app.admin,
        json={"guests": seen},
    )
    assert answer.status == 200, await answer.text()
    admitted = int((await answer.json())["admitted"])
    if admitted:
        await builder.app.drain()
    return admitted


async def put_selfie(builder: EventBuilder, person: int, shows: int) -> tuple[int, str | None]:
    """Replace a guest's selfie; return status and code."""
    answer = await builder.put_selfie(person, picture(shows, serial=50 + shows))
    await builder.app.drain()
    return answer.status, (await answer.json()).get("code")


async def test_who_waits_sees_no_photo_costs_no_search_and_takes_no_face(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    adas, sisters = builder.photos
    assert await builder.guest_photos(ADA) == {adas, sisters}
    searches = endpoint.calls["SearchFaces"]

    await builder.join(SISTER)
    await builder.app.drain()
    assert endpoint.calls["SearchFaces"] == searches
    later = await builder.upload(SISTER)
    # the search for Ada finds the newcomer's vector in the collection, too
    await builder.app.drain()

    who = builder.headers(SISTER)
    for path in ("/api/my-photos", "/api/all-photos"):
        answer = await builder.call("GET", path, who, params={"event": builder.event_id})
        assert await problem(answer) == (403, "not_admitted")
    for path in (f"/api/photo/{sisters}", f"/gallery/{sisters}", "/api/my-photos.zip"):
        answer = await builder.call("GET", path, who, params={"event": builder.event_id})
        assert answer.status == 404, path
    export = await builder.call("HEAD", "/api/me/export", who)
    assert export.headers["X-Total-Count"] == "0"
    page = await builder.call("GET", "/gallery", {**who, **PAGE})
    text = await page.text()
    assert "The organiser will let you in" in text
    assert not re.search("/api/photo/|data-count", text)
    async with streaming(builder.app, builder.event, who) as stream:
        heard = await stream.until(waits=True)
    assert [message.data for message in heard] == [
        {"queued": 0, "done": 0, "mine": 0, "maybe": 0, "all": 0, "selfie": "accepted"}
        | {"waits": True}
    ]
    assert await builder.guest_photos(ADA) == {adas, sisters, later}

    assert await admit(builder, *await waiting(builder)) == 1

    assert await builder.guest_photos(SISTER) == {sisters, later}
    assert await builder.guest_photos(ADA) == {adas}
    page = await builder.call("GET", "/gallery", {**who, **PAGE})
    assert "/api/photo/" in await page.text()


async def test_only_the_organiser_sees_a_selfie_and_only_while_its_guest_waits(
    builder: EventBuilder,
) -> None:
    await builder.join(SISTER)
    (newcomer,) = await waiting(builder)

    seen = await builder.call("GET", newcomer["selfie_url"], builder.app.admin)
    assert seen.status == 200
    assert seen.headers["Cache-Control"] == "private, no-store"
    with Image.open(io.BytesIO(await seen.read())) as portrait:
        assert max(portrait.size) <= 288
    for who in (ADA, SISTER):
        answer = await builder.call("GET", newcomer["selfie_url"], builder.headers(who))
        assert answer.status == 404
    (text,) = [
        row["consent_text"]
        for row in await builder.pool.fetch(
            "select consent_text from guest join account on account.id = account_id"
            " where email = $1",
            f"{SISTER}@example.org",
        )
    ]
    assert "the organiser also sees a small picture of your selfie" in text

    await admit(builder, newcomer)

    answer = await builder.call("GET", newcomer["selfie_url"], builder.app.admin)
    assert answer.status == 404


async def test_nobody_is_admitted_with_one_face_and_looked_for_with_another(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    """Neither before the organiser has looked, nor after; who starts anew waits again."""
    await builder.join(SISTER)
    (first,) = await waiting(builder)
    assert await put_selfie(builder, SISTER, OTHER) == (422, "not_alike")
    assert await put_selfie(builder, SISTER, SISTER) == (200, None)
    held = [face.person for face in endpoint.faces.values() if face.external_id.startswith("g:")]
    assert sorted(held) == [ADA, SISTER]  # the replaced one is gone, without a search

    assert await admit(builder, first) == 0  # the organiser saw the other selfie
    (second,) = await waiting(builder)
    assert await admit(builder, {**second, "selfie_id": None}) == 0
    assert await admit(builder, second) == 1
    assert await admit(builder, second) == 0
    assert await put_selfie(builder, SISTER, OTHER) == (422, "not_alike")

    await change(builder, browse=True)
    path = f"/api/me/events/{builder.event_id}/consent"
    answer = await builder.call("DELETE", path, builder.headers(SISTER))
    assert answer.status == 204
    assert await builder.all_photos(SISTER) == set(builder.photos)
    # a selfie that is refused leaves the guest as they were
    refused = await builder.send_join_form(picture(), builder.headers(SISTER))
    assert await problem(refused) == (422, "no_face")
    assert await builder.all_photos(SISTER) == set(builder.photos)
    again = await builder.send_join_form(picture(OTHER), builder.headers(SISTER))
    assert (await again.json())["admitted"] is False
    assert [one["user_id"] for one in await waiting(builder)] == [second["user_id"]]


async def test_a_refused_newcomer_is_erased_with_a_receipt(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    joined = await builder.join_by_name(OTHER)
    (newcomer,) = await waiting(builder)
    path = f"/admin/events/{builder.event_id}/guests/{newcomer['user_id']}/remove"
    answer = await builder.call("POST", path, builder.app.admin, data={"back": "waiting"})
    await builder.app.drain()

    assert answer.headers["Location"].startswith(f"/admin/events/{builder.event_id}/waiting?rec")
    assert await waiting(builder) == []
    assert OTHER not in {face.person for face in endpoint.faces.values()}
    page = await builder.call("GET", answer.headers["Location"], {**builder.app.admin, **PAGE})
    (receipt,) = re.findall('href="(/receipt/[^"]+)"', await page.text())
    assert (await builder.call("GET", receipt)).status == 200
    gone = await builder.call("GET", "/gallery", {**bearer(joined["token"]), **PAGE})
    assert gone.status != 200


async def test_an_event_that_opens_admits_all_and_one_that_closes_keeps_its_guests(
    builder: EventBuilder,
) -> None:
    assert len(await builder.guest_photos(ADA)) == 2
    await builder.join(SISTER)
    await change(builder, browse=True)
    browser = bearer((await builder.browse())["token"])
    assert len(await waiting(builder)) == 2
    answer = await builder.call("GET", "/api/all-photos", browser)
    assert await problem(answer) == (403, "not_admitted")

    opened = await change(builder, admission="open")

    assert (opened["admission"], opened["counts"]["waiting"]) == ("open", 0)
    assert await builder.guest_photos(SISTER) == {builder.photos[1]}
    answer = await builder.call("GET", "/api/all-photos", browser)
    assert len(await answer.json()) == 2
    await change(builder, admission="approval")
    assert await waiting(builder) == []
    assert await builder.guest_photos(SISTER) == {builder.photos[1]}


async def test_the_page_admits_one_or_all_that_it_shows(builder: EventBuilder) -> None:
    for person in (SISTER, OTHER, 4):
        answer = await builder.send_join_form(picture(person), name=f"<b>{person}</b>")
        assert answer.status == 201
    path = f"/admin/events/{builder.event_id}/waiting"
    page = await builder.call("GET", path, {**builder.app.admin, **PAGE})
    shown = re.findall('name="shown" value="([0-9]+-[0-9]+)"', await page.text())
    assert len(shown) == 3
    assert "&lt;b&gt;4&lt;/b&gt;" in await page.text()
    names = {"only": shown[0], "shown": shown}
    for data, admitted in (
        ({}, 0),
        (names, 1),
        ({"all": "yes", "shown": shown}, 2),
        ({"all": "yes", "shown": shown}, 0),
    ):
        answer = await builder.call("POST", path, builder.app.admin, data=pairs(data))
        assert answer.headers["Location"].endswith(f"?admitted={admitted}")
    for wrong in ("-", "1-x", "9" * 30):
        answer = await builder.call("POST", path, builder.app.admin, data={"who": wrong})
        assert answer.status == 422
    log = await builder.get_json("/api/admin/audit", builder.app.admin)
    details = [entry["detail"] for entry in log if entry["action"] == "guest.admitted"]
    assert details == [{"guests": 2}, {"guests": 1}]
    for body in NO_NEWCOMERS:
        answer = await builder.call("POST", f"/api{path}/admit", builder.app.admin, json=body)
        assert (await problem(answer))[0] == 422, body


def pairs(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a form's fields; a list is a field that is there several times."""
    return [
        (name, value)
        for name, values in data.items()
        for value in (values if isinstance(values, list) else [values])
    ]


async def test_without_the_engine_a_newcomer_is_admitted_once_their_selfie_is_checked(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await endpoint.down()
    assert await builder.join(SISTER) == "pending"
    (newcomer,) = await waiting(builder)
    assert (newcomer["selfie"], newcomer["ready"]) == ("pending", False)
    assert await admit(builder, newcomer) == 0

    await endpoint.up()
    await builder.pool.execute("update job set parked = false, run_at = now()")
    await builder.app.drain()

    (newcomer,) = await waiting(builder)
    assert await admit(builder, newcomer) == 1
    assert builder.photos[1] in await builder.guest_photos(SISTER)
