"""An event's pages for its organiser: the list that warns, the form of choices, the table card."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from tests.conftest import App
from tests.support.helpers import make_event, member, page_of, put_cover
from tests.support.pictures import drawn

FORM = {
    "name": "Inès & Malik",
    "kind": "wedding",
    "starts_at": "2099-11-21T20:00",
    "closes_at": "2099-11-22T04:00",
    "expires_at": "2099-12-21T12:00",
    "time_zone": "Europe/Paris",
    "join_open": "yes",
    "admission": "open",
    "accounts": "optional",
    "gallery": "everyone",
    "browse": "yes",
    "publish": "after_approval",
    "take_home": "large",
    "metadata": "full",
    "watermark": "© Léa",
    "controller": "Léa Martin",
    "contact": "lea@example.org",
    "accented": "yes",
    "accent": "#7a1f5c",
    "wall": "yes",
}

PATH = "/api/admin/events"


async def send_form(app: App, event: dict[str, Any], **fields: str | None) -> Any:
    """Send the form of choices, *fields* otherwise than usual; None: left out, as a box is."""
    form = {name: value for name, value in {**FORM, **fields}.items() if value is not None}
    answer = await app.client.post(
        f"/admin/events/{event['id']}/choices",
        data=form,
        headers={**app.admin, "Accept-Language": "en"},
        allow_redirects=False,
    )
    await answer.read()
    return answer


async def test_the_form_chooses_all_at_once(app: App) -> None:
    """Its moments are those of the zone that stands in it; a box that is not ticked is a no."""
    event = await make_event(app, "Gala")

    answer = await send_form(app, event)

    assert (answer.status, answer.headers["Location"]) == (
        303,
        f"/admin/events/{event['id']}/choices?saved=1",
    )
    seen = await (
        await app.client.get(f"/api/admin/events/{event['id']}", headers=app.admin)
    ).json()
    assert (seen["name"], seen["kind"]) == ("Inès & Malik", "wedding")
    assert seen["starts_at"] == "2099-11-21T19:00:00.000Z"
    assert seen["closes_at"] == "2099-11-22T03:00:00.000Z"
    assert (seen["accounts"], seen["browse"], seen["publish"]) == (
        "optional",
        True,
        "after_approval",
    )
    assert (seen["downloads"], seen["download_size"], seen["watermark"]) == (True, "large", "© Léa")
    assert (seen["accent"], seen["wall"], seen["metadata"]) == ("#7a1f5c", True, "full")
    page = await page_of(app, f"/admin/events/{event['id']}/choices?saved=1")
    assert 'value="2099-11-21T20:00"' in page
    assert "Saved." in page
    noted = await (
        await app.client.get(f"/api/admin/audit?event_id={event['id']}", headers=app.admin)
    ).json()
    assert noted[0]["action"] == "event.changed"
    assert {"watermark", "publish", "name"} <= set(noted[0]["detail"]["members"])
    assert "gallery" not in noted[0]["detail"]["members"]

    await send_form(
        app, event, take_home="nothing", accented=None, wall=None, join_open=None, browse=None
    )
    seen = await (
        await app.client.get(f"/api/admin/events/{event['id']}", headers=app.admin)
    ).json()
    assert [seen[name] for name in ("downloads", "accent", "wall", "join_open", "browse")] == [
        False,
        None,
        False,
        False,
        False,
    ]


WRONG_FORMS: Sequence[tuple[dict[str, str | None], str]] = [
    ({"name": " "}, "An event needs a name"),
    ({"closes_at": "soon"}, "It would close before it begins."),
    ({"closes_at": "2099-11-20T04:00"}, "It would close before it begins."),
    ({"starts_at": "", "closes_at": "", "expires_at": "2019-12-21T12:00"}, "erased before now"),
    ({"time_zone": "Mars"}, "There is no time zone of this name."),
    ({"watermark": "漢"}, "in Latin letters"),
    ({"take_home": None}, "one choice below cannot be"),
    ({"accounts": None}, "one choice below cannot be"),
    ({"metadata": None}, "one choice below cannot be"),
]


async def test_a_form_that_cannot_be_comes_back_as_it_was_typed(app: App) -> None:
    event = await make_event(app, "Gala")

    for fields, sentence in WRONG_FORMS:
        answer = await send_form(app, event, **{"watermark": "© Typed", **fields})

        assert answer.status == 422, (fields, sentence)
        page = await answer.text()
        assert sentence in page, (fields, sentence)
        assert f'value="{fields.get("expires_at", "2099-12-21T12:00")}"' in page, (fields, sentence)
        assert (
            await (await app.client.get(f"{PATH}/{event['id']}", headers=app.admin)).json()
        ) == event, (fields, sentence)


async def test_the_cover_form_takes_a_picture_and_takes_it_away(app: App) -> None:
    event = await make_event(app)
    path = f"/admin/events/{event['id']}/cover"

    def form(picture: bytes) -> aiohttp.FormData:
        made = aiohttp.FormData()
        made.add_field("cover", picture, filename="cover.jpg", content_type="image/jpeg")
        return made

    bad = await app.client.post(path, data=form(b"text"), headers=app.admin)
    good = await app.client.post(
        path, data=form(drawn(1)), headers=app.admin, allow_redirects=False
    )
    assert (bad.status, good.status) == (422, 303)
    assert (await app.client.get(f"/e/{event['code']}/cover")).status == 200
    assert "background-image:url(" in await page_of(app, f"/e/{event['code']}", {})

    gone = await app.client.post(f"{path}?remove", headers=app.admin, allow_redirects=False)
    assert gone.status == 303
    assert (await app.client.get(f"/e/{event['code']}/cover")).status == 404


async def test_only_admins_see_the_pages_and_change_by_them(app: App) -> None:
    event = await make_event(app)
    ada = await member(app.resources.pool, event)

    for page in ("", "/choices", "/card"):
        path = f"/admin/events/{event['id']}{page}"
        assert (await app.client.get(path, headers=ada.headers)).status == 404
        assert (await app.client.get(path)).status == 401
        assert (await app.client.get(f"/admin/events/999{page}", headers=app.admin)).status == 404
    for path in ("choices", "cover", "responsible"):
        answer = await app.client.post(
            f"/admin/events/{event['id']}/{path}", data=FORM, headers=ada.headers
        )
        assert answer.status == 404


async def test_an_event_that_ends_soon_leads_the_list_and_warns(app: App) -> None:
    def in_days(days: float) -> str:
        return (datetime.now(UTC) + timedelta(days=days)).isoformat()

    await make_event(app, "Ends third", expires_at=in_days(6), time_zone="UTC")
    soon = await make_event(app, "Ends second", expires_at=in_days(3), time_zone="UTC")
    await make_event(app, "Ends first", expires_at=in_days(1), time_zone="UTC")
    later = await make_event(app, "Ends later", expires_at=in_days(30), time_zone="UTC")
    await make_event(app, "Stays")

    page = await page_of(app, "/admin/events")

    names = re.findall(r"<strong>(Ends \w+|Stays)</strong>", page)
    assert names == ["Ends first", "Ends second", "Ends third", "Stays", "Ends later"]
    assert "Ends tomorrow" in page
    assert "Ends in 3 days" in page
    assert "its photos, faces and guests are erased" in await page_of(
        app, f"/admin/events/{soon['id']}"
    )
    assert "its photos, faces and guests are erased" not in await page_of(
        app, f"/admin/events/{later['id']}"
    )


async def test_the_page_asks_once_who_is_responsible(app: App) -> None:
    """What is confirmed is what was shown; a consent in an open join page stays valid."""
    event = await make_event(app)
    page, path = f"/admin/events/{event['id']}", f"/e/{event['code']}"
    assert "guests read: Admin, admin@example.org." in await page_of(app, page)
    (consent,) = re.findall(r'name="consent_id" value="[^"]+"', await page_of(app, path, {}))

    shown = {"controller": "Admin", "contact": "admin@example.org"}
    answer = await app.client.post(
        f"{page}/responsible", data=shown, headers=app.admin, allow_redirects=False
    )

    assert (answer.status, answer.headers["Location"]) == (303, page)
    assert "Who is responsible" not in await page_of(app, page)
    seen = await (await app.client.get(f"{PATH}/{event['id']}", headers=app.admin)).json()
    assert {name: seen[name] for name in shown} == shown
    assert consent in await page_of(app, path, {})


async def test_the_table_card_says_the_same_in_both_languages(app: App) -> None:
    event = await make_event(app, "Inès & Malik")
    await put_cover(app, event, drawn(1))

    page = await page_of(app, f"/admin/events/{event['id']}/card")

    assert "Scan, take a selfie." in page
    assert "Scannez, prenez un selfie." in page
    assert f"{event['code'][:4]} {event['code'][4:]}" in page
    (width,) = re.findall(r'class="qr"[^>]* style="width:([\d.]+)mm', page)
    # 54 mm of code, and four modules of quiet on either side
    assert 60 < float(width) < 75
