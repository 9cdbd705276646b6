"""An event's cover and colour, its QR code as pixels, and its organiser's pages."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from PIL import Image

from findme.colours import CONTRAST, contrast
from tests.conftest import App
from tests.integration.party import make_event, make_token, member, problem
from tests.integration.test_choices import change
from tests.pictures import drawn

PATH = "/api/admin/events"


async def put_cover(app: App, event: dict[str, Any], picture: bytes) -> str:
    answer = await app.client.put(
        f"{PATH}/{event['id']}/cover",
        data=picture,
        headers={**app.admin, "Content-Type": "image/jpeg"},
    )
    assert answer.status == 200, await answer.text()
    url: str = (await answer.json())["cover_url"]
    return url


async def page_of(app: App, path: str, headers: dict[str, str] | None = None) -> str:
    """Return a page in English."""
    answer = await app.client.get(
        path, headers={**(app.admin if headers is None else headers), "Accept-Language": "en"}
    )
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def test_whoever_has_the_code_sees_the_cover(app: App) -> None:
    """In two sizes, under an address that changes with the picture."""
    event = await make_event(app)
    first = await put_cover(app, event, drawn(1, 2400, 1600))
    second = await put_cover(app, event, drawn(2, 2400, 1600))

    assert first != second
    answer = await app.client.get(second)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert Image.open(io.BytesIO(await answer.read())).size == (1600, 1067)
    small = await app.client.get(f"/e/{event['code']}/cover?size=thumb")
    assert small.headers["Cache-Control"] == "public, no-cache"
    assert Image.open(io.BytesIO(await small.read())).size == (400, 267)
    public = await (await app.client.get(f"/api/events/{event['code']}")).json()
    assert public["cover_url"] == second
    assert (await app.client.get(f"/e/{event['code']}/cover?size=original")).status == 422
    count = "select count(*) from image where event_id is not null"
    assert await app.resources.pool.fetchval(count) == 2


async def test_a_cover_is_taken_away(app: App) -> None:
    event = await make_event(app)
    url = await put_cover(app, event, drawn(1))

    answer = await app.client.delete(f"{PATH}/{event['id']}/cover", headers=app.admin)

    assert answer.status == 204
    assert (await app.client.get(url)).status == 404
    seen = await (await app.client.get(f"{PATH}/{event['id']}", headers=app.admin)).json()
    assert seen["cover_url"] is None
    assert await app.resources.pool.fetchval("select count(*) from image") == 0


async def test_a_cover_goes_with_its_event(app: App) -> None:
    event = await make_event(app)
    url = await put_cover(app, event, drawn(1))

    await app.client.delete(f"{PATH}/{event['id']}", headers=app.admin)

    assert (await app.client.get(url)).status == 404
    assert await app.resources.pool.fetchval("select count(*) from image_chunk") == 0


async def test_what_is_no_cover_is_said(app: App) -> None:
    event = await make_event(app)
    url = f"{PATH}/{event['id']}/cover"
    await put_cover(app, event, drawn(1))
    empty = aiohttp.FormData()
    empty.add_field("words", "no picture")

    text = await app.client.put(url, data=b"no picture", headers=app.admin)
    cut = await app.client.put(url, data=drawn(2)[:2000], headers=app.admin)
    none = await app.client.put(url, data=empty(), headers=app.admin)
    nowhere = await app.client.put(f"{PATH}/999/cover", data=drawn(1), headers=app.admin)

    assert await problem(text) == (415, "unsupported_image")
    assert await problem(cut) == (422, "unreadable_image")
    assert (await problem(none))[0] in (415, 422)
    assert await problem(nowhere) == (404, "not_found")
    # the one before stays
    assert (await app.client.get(f"/e/{event['code']}/cover")).status == 200


async def test_only_admins_choose_a_cover(app: App) -> None:
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    token = await make_token(app, event)

    for headers, status in ((ada.headers, 404), (token, 404), ({}, 401)):
        for method in ("PUT", "DELETE"):
            answer = await app.client.request(
                method, f"{PATH}/{event['id']}/cover", data=drawn(1), headers=headers
            )
            assert answer.status == status


async def test_the_cover_of_an_event_that_is_over_is_gone(app: App) -> None:
    event = await make_event(app)
    url = await put_cover(app, event, drawn(1))
    await app.resources.pool.execute("update event set expires_at = now() - interval '1 s'")

    assert (await app.client.get(url)).status == 404


async def test_the_accent_is_on_guests_pages_readable_in_both_schemes(app: App) -> None:
    event = await make_event(app, accent="#F5B82E", browse=True)
    ada = await member(app.resources.pool, event)

    assert 'href="/accent/f5b82e.css"' in await page_of(app, f"/e/{event['code']}", {})
    assert 'href="/accent/f5b82e.css"' in await page_of(
        app, f"/gallery?event={event['id']}&tab=all", ada.headers
    )
    answer = await app.client.get("/accent/f5b82e.css")
    assert answer.content_type == "text/css"
    assert "immutable" in answer.headers["Cache-Control"]
    pairs = re.findall(r"--act: (#\w{6}); --on-act: (#\w{6})", await answer.text())
    assert len(pairs) == 3
    assert all(contrast(*pair) >= CONTRAST for pair in pairs)
    assert (await app.client.get("/accent/red.css")).status == 404
    # the organiser's own pages keep their ink
    assert "/accent/" not in await page_of(app, f"/admin/events/{event['id']}")


async def test_the_qr_code_comes_as_pixels_too(app: App) -> None:
    event = await make_event(app)

    answer = await app.client.get(f"{PATH}/{event['id']}/qr.png", headers=app.admin)

    assert answer.content_type == "image/png"
    picture = Image.open(io.BytesIO(await answer.read())).convert("L")
    assert picture.width == picture.height > 900
    # four modules of quiet, then the first black one
    assert picture.getpixel((4 * 32 - 1, 4 * 32)) == 255
    assert picture.getpixel((4 * 32, 4 * 32)) == 0
    assert (await app.client.get(f"{PATH}/{event['id']}/qr.png")).status == 401


FORM = {
    "name": "Inès & Malik",
    "starts_at": "2099-11-21T20:00",
    "closes_at": "2099-11-22T04:00",
    "expires_at": "2099-12-21T12:00",
    "time_zone": "Europe/Paris",
    "join_open": "yes",
    "accounts": "optional",
    "gallery": "everyone",
    "browse": "yes",
    "publish": "after_approval",
    "take_home": "large",
    "watermark": "© Léa",
    "accented": "yes",
    "accent": "#7a1f5c",
    "wall": "yes",
}


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
    seen = await (await app.client.get(f"{PATH}/{event['id']}", headers=app.admin)).json()
    assert seen["name"] == "Inès & Malik"
    assert seen["starts_at"] == "2099-11-21T19:00:00.000Z"
    assert seen["closes_at"] == "2099-11-22T03:00:00.000Z"
    assert (seen["accounts"], seen["browse"], seen["publish"]) == (
        "optional",
        True,
        "after_approval",
    )
    assert (seen["downloads"], seen["download_size"], seen["watermark"]) == (True, "large", "© Léa")
    assert (seen["accent"], seen["wall"]) == ("#7a1f5c", True)
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
    seen = await (await app.client.get(f"{PATH}/{event['id']}", headers=app.admin)).json()
    assert [seen[name] for name in ("downloads", "accent", "wall", "join_open", "browse")] == [
        False,
        None,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": " "}, "An event needs a name"),
        ({"closes_at": "soon"}, "It would close before it begins."),
        ({"closes_at": "2099-11-20T04:00"}, "It would close before it begins."),
        ({"time_zone": "Mars"}, "There is no time zone of this name."),
        ({"watermark": "漢"}, "in Latin letters"),
        ({"take_home": None}, "one choice below cannot be"),
        ({"accounts": None}, "one choice below cannot be"),
    ],
)
async def test_a_form_that_cannot_be_comes_back_as_it_was_typed(
    app: App, fields: dict[str, str | None], sentence: str
) -> None:
    event = await make_event(app, "Gala")

    answer = await send_form(app, event, **{"watermark": "© Typed", **fields})

    assert answer.status == 422
    page = await answer.text()
    assert sentence in page
    assert 'value="2099-12-21T12:00"' in page
    assert (
        await (await app.client.get(f"{PATH}/{event['id']}", headers=app.admin)).json()
    ) == event


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
    for path in ("choices", "cover"):
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


async def test_hours_are_those_of_the_event(app: App) -> None:
    """Whatever zone the visitor is in; a day of another year names it."""
    event = await make_event(app, time_zone="Asia/Tokyo")
    ada = await member(app.resources.pool, event)
    async with app.resources.pool.acquire() as conn:
        await conn.execute(
            """
            insert into photo (event_id, digest, filename, width, height, ready_at, state, taken_at)
            values ($1, 'x', 'a.jpg', 400, 300, now(), 'indexed', '2019-11-21T14:30:00Z')""",
            int(event["id"]),
        )
    path = f"/gallery?event={event['id']}&tab=all"

    page = await page_of(app, path, {**ada.headers, "Cookie": "findme_zone=America/New_York"})
    assert 'data-zone="Asia/Tokyo"' in page
    assert "Thursday, November 21, 2019" in page
    assert re.search(r'class="num">11\sPM<', page)

    await change(app, event, time_zone=None)
    page = await page_of(app, path, {**ada.headers, "Cookie": "findme_zone=America/New_York"})
    assert "data-zone" not in page
    assert re.search(r'class="num">9\sAM<', page)


async def test_a_camera_without_a_zone_is_read_in_the_events(app: App) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:07:14 23:30:00"
    out = io.BytesIO()
    Image.open(io.BytesIO(drawn(7))).save(out, "JPEG", exif=exif)
    paris = await make_event(app, "Paris", time_zone="Europe/Paris")
    nowhere = await make_event(app, "Nowhere")

    taken = []
    for event in (paris, nowhere):
        answer = await app.client.post(
            f"/api/events/{event['id']}/photos?filename=a.jpg",
            data=out.getvalue(),
            headers={**app.admin, "Content-Type": "image/jpeg"},
        )
        assert answer.status == 202
        (photo,) = await (
            await app.client.get(f"{PATH}/{event['id']}/photos", headers=app.admin)
        ).json()
        taken.append(photo["taken_at"])

    assert taken == ["2026-07-14T21:30:00.000Z", "2026-07-14T23:30:00.000Z"]
