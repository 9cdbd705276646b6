"""The live wall's calls: what its token opens, and what nobody sees there."""

import asyncio
from typing import Any

import asyncpg

from findme import db
from tests.conftest import App
from tests.support.helpers import (
    add_photos,
    make_event,
    member,
    problem,
    side_by_side,
    someone,
    upload,
)
from tests.support.pictures import drawn

TOKEN = "a-wall-token"
PHOTOS = f"/api/wall/{TOKEN}/photos"


async def execute(app: App, query: str, *values: object) -> None:
    async with db.acquire(app.resources.pool) as conn:
        await conn.execute(query, *values)


async def make_wall(app: App, name: str = "Gala", **members: object) -> dict[str, Any]:
    """Make an event whose organiser has turned the wall on."""
    event = await make_event(app, name, **members)
    await execute(app, "update event set wall_token = $2 where id = $1", int(event["id"]), TOKEN)
    return event


async def shown(app: App, **query: str) -> list[dict[str, Any]]:
    async with app.client.get(PHOTOS, params=query) as answer:
        assert answer.status == 200, await answer.text()
        photos: list[dict[str, Any]] = await answer.json()
        return photos


async def test_a_wall_shows_photos_and_where_faces_are(app: App) -> None:
    """Two faces of one photo, nobody's name, and the preview under the same token."""
    event = await make_wall(app)
    _, photo = someone()
    await upload(app, event, "two.jpg", side_by_side(photo, photo))
    await app.drain()

    (only,) = await shown(app)

    assert len(only["faces"]) == 2
    assert all(0 <= face["left"] < 1 and 0 < face["width"] < 1 for face in only["faces"])
    assert set(only) == {
        *("id", "width", "height", "taken_at", "shown_at", "placeholder", "faces", "preview_url")
    }
    async with app.client.get(only["preview_url"]) as picture:
        assert picture.content_type == "image/jpeg"
        assert (await picture.read()).startswith(b"\xff\xd8\xff")
        assert picture.headers["Cache-Control"] == "private, no-cache"
        tag = picture.headers["ETag"]
    async with app.client.get(only["preview_url"], headers={"If-None-Match": tag}) as again:
        assert again.status == 304


async def test_what_was_shown_last_comes_first(app: App) -> None:
    """A photo that was approved late is news, whatever its id; *after* leaves out what is old."""
    event = await make_wall(app)
    async with db.acquire(app.resources.pool) as conn:
        old, late, new = await add_photos(conn, event, 3)
        await conn.execute(
            "update photo set ready_at = now() - interval '1 hour' where id = any($1)", [old, late]
        )
        await conn.execute("update photo set approved_at = now() where id = $1", late)
        await conn.execute("update photo set ready_at = now() - interval '1 s' where id = $1", new)

    everything = await shown(app)

    assert [photo["id"] for photo in everything] == [str(late), str(new), str(old)]
    fresh = await shown(app, after=everything[0]["shown_at"])
    assert [photo["id"] for photo in fresh] == [str(late), str(new)]
    assert [photo["id"] for photo in await shown(app, limit="1")] == [str(late)]


async def test_what_is_held_back_is_never_on_it(app: App) -> None:
    """Hidden, waiting and unfinished photos, those of another event; neither list nor picture."""
    event = await make_wall(app)
    other = await make_event(app, "Other")
    for number in (1, 2):
        await upload(app, event, f"{number}.jpg", drawn(number))
    await upload(app, other, "3.jpg", drawn(3))
    await app.drain()
    newest, oldest = await shown(app)
    await execute(app, "update photo set review = 'hidden' where id = $1", int(newest["id"]))
    await upload(app, event, "unfinished.jpg", drawn(4))

    assert [photo["id"] for photo in await shown(app)] == [oldest["id"]]
    async with app.client.get(PHOTOS) as answer:
        assert answer.headers["X-Total-Count"] == "1"
    assert await problem(await app.client.get(newest["preview_url"])) == (404, "not_found")
    await execute(app, "update photo set review = 'waiting' where id = $1", int(oldest["id"]))
    assert await problem(await app.client.get(oldest["preview_url"])) == (404, "not_found")
    foreign = int(newest["id"]) + 1
    assert await problem(await app.client.get(f"{PHOTOS}/{foreign}")) == (404, "not_found")


async def test_a_wall_is_open_by_its_token_alone(app: App) -> None:
    """A wrong token, one that was taken back, an event that is over, one that has no wall."""
    event = await make_wall(app)
    ada = await member(app.resources.pool, event)
    for token in ("another", "%00", "é", "x" * 500, "None", ""):
        path = f"/api/wall/{token}/photos"
        assert (await problem(await app.client.get(path, headers=ada.headers)))[0] == 404
        assert (await app.client.get(f"/wall/{token}", headers=ada.headers)).status == 404
    assert (await app.client.get(f"/wall/{TOKEN}")).status == 200
    assert (await app.client.get(f"/wall/{TOKEN}/qr.svg")).content_type == "image/svg+xml"

    await execute(app, "update event set expires_at = now() - interval '1 s'")
    assert await problem(await app.client.get(PHOTOS)) == (404, "not_found")
    await execute(app, "update event set expires_at = null, wall_token = null")
    for path in (PHOTOS, f"{PHOTOS}/1", f"/wall/{TOKEN}", f"/wall/{TOKEN}/qr.svg"):
        assert (await app.client.get(path)).status == 404


async def test_the_page_invites_while_guests_may_join(app: App) -> None:
    """The join card goes when the event takes nobody any more; markup of a name stays text."""
    await make_wall(app, name="<b>Inès</b> & Malik", gallery="own")
    english = {"Accept-Language": "en"}
    async with app.client.get(f"/wall/{TOKEN}", headers=english) as answer:
        page = await answer.text()
    assert "&lt;b&gt;Inès&lt;/b&gt; &amp; Malik" in page
    assert "qr.svg" in page
    assert "Un selfie, et vos photos arrivent." in page
    for change in ("join_open = false", "join_open = true, closes_at = now() - interval '1 s'"):
        await execute(app, f"update event set {change}")
        async with app.client.get(f"/wall/{TOKEN}") as answer:
            assert "qr.svg" not in await answer.text()


async def test_a_page_of_the_wall_can_be_asked_for_wrongly(app: App) -> None:
    """What is no time and no number is said to be none."""
    await make_wall(app)
    for query in ({"after": "yesterday"}, {"limit": "0"}, {"limit": "x"}):
        assert await problem(await app.client.get(PHOTOS, params=query)) == (422, "invalid_request")


async def test_two_events_cannot_have_one_wall(app: App) -> None:
    """The database itself refuses it."""
    await make_wall(app)
    try:
        await make_wall(app, name="Other")
    except asyncpg.UniqueViolationError:
        return
    raise AssertionError("the same token opens two walls")


async def test_a_wall_counts_what_it_lists_while_photos_come_and_go(app: App) -> None:
    event = await make_wall(app)
    at_work = True

    async def come_and_go() -> None:
        nonlocal at_work
        async with db.acquire(app.resources.pool) as conn:
            for _ in range(150):
                (photo_id,) = await add_photos(conn, event, 1)
                await conn.execute("delete from photo where id = $1", photo_id)
        at_work = False

    async def look() -> None:
        while at_work:
            async with app.client.get(PHOTOS, params={"limit": "100"}) as answer:
                assert int(answer.headers["X-Total-Count"]) == len(await answer.json())

    async with asyncio.TaskGroup() as group:
        group.create_task(come_and_go())
        group.create_task(look())
