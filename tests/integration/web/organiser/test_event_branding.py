"""An event's cover and colour, its QR code as pixels, and the zone of its clocks."""

import io
import re

import aiohttp
from PIL import Image

from findme.media.accent_colour import CONTRAST, contrast
from tests.conftest import App
from tests.support.helpers import (
    change_event,
    make_event,
    make_token,
    member,
    page_of,
    problem,
    put_cover,
)
from tests.support.pictures import drawn

PATH = "/api/admin/events"


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


async def test_hours_are_those_of_the_event(app: App) -> None:
    """Whatever zone the visitor is in; a day of another year names it."""
    event = await make_event(app, time_zone="Asia/Tokyo")
    ada = await member(app.resources.pool, event)
    async with app.resources.pool.acquire() as conn:
        await conn.execute(
            """
            insert into photo (event_id, digest, filename, width, height, ready_at, state,
                               taken_at, uploaded_at)
            values ($1, 'x', 'a.jpg', 400, 300, now(), 'indexed',
                    '2019-11-21T14:30:00Z', '2019-11-21T14:31:00Z')""",
            int(event["id"]),
        )
    path = f"/gallery?event={event['id']}&tab=all"

    page = await page_of(app, path, {**ada.headers, "Cookie": "findme_zone=America/New_York"})
    assert 'data-zone="Asia/Tokyo"' in page
    assert "Thursday, November 21, 2019" in page
    assert re.search(r'class="num">11\sPM<', page)

    await change_event(app, event, time_zone=None)
    page = await page_of(app, path, {**ada.headers, "Cookie": "findme_zone=America/New_York"})
    assert "data-zone" not in page
    assert re.search(r'class="num">9\sAM<', page)


async def test_days_of_an_event_are_those_of_its_zone_on_every_page(app: App) -> None:
    """A party that begins at eight in Tokyo is not of the day before, on whatever phone."""
    start, end = "2031-05-03T23:30:00Z", "2031-06-09T20:00:00Z"
    event = await make_event(app, time_zone="Asia/Tokyo", starts_at=start, expires_at=end)
    ada = await member(app.resources.pool, event)
    await app.resources.pool.execute("update guest set joined_at = '2031-05-07T16:00:00Z'")
    cookie = {**ada.headers, "Cookie": "findme_zone=America/New_York"}
    erase = f"/account/erase?what=event&event={event['id']}"
    shown = {
        "/": "May 4",
        f"/e/{event['code']}": "May 4",
        erase: "May 4",
        "/account": "June 10",
    }
    for path, day in shown.items():
        assert day in await page_of(app, path, cookie), path
    assert "Joined on May 8" in await page_of(app, "/account", cookie)

    await change_event(app, event, time_zone=None)
    for path, day in {"/": "May 3", erase: "May 3", "/account": "June 9"}.items():
        assert day in await page_of(app, path, cookie), path


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
