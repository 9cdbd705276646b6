"""The gallery's top: the guest's own face, and how heavy their photos are."""

from findme import db
from tests.conftest import App
from tests.support.helpers import (
    add_match,
    add_photos,
    join,
    make_event,
    member,
    problem,
    selfie_of,
)

ENGLISH = {"Accept": "text/html", "Accept-Language": "en"}


async def test_an_avatar_is_for_its_guest_alone(app: App) -> None:
    """Not for another guest, nor for a stranger, nor under another event."""
    event, other = await make_event(app), await make_event(app, "Other")
    ada = await join(app, event, selfie_of())
    bob = await member(app.resources.pool, event, "bob@example.org")
    async with db.acquire(app.resources.pool) as conn:
        selfie = await conn.fetchval("select id from selfie")
    path = f"/gallery/me.jpg?event={event['id']}&selfie={selfie}"

    async with app.client.get(path, headers=ada) as answer:
        assert answer.status == 200
        assert answer.content_type == "image/jpeg"
        assert len(await answer.read()) < 8000
    assert await problem(await app.client.get(path, headers=bob.headers)) == (404, "not_found")
    assert await problem(await app.client.get(path)) == (401, "sign_in_required")
    elsewhere = f"/gallery/me.jpg?event={other['id']}&selfie={selfie}"
    assert await problem(await app.client.get(elsewhere, headers=ada)) == (404, "not_found")
    nameless = f"/gallery/me.jpg?event={event['id']}"
    assert await problem(await app.client.get(nameless, headers=ada)) == (404, "not_found")


async def test_the_dock_says_how_heavy_the_photos_are(app: App) -> None:
    """Sure photos that guests see, as they were uploaded; nothing where they are made anew."""
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    async with db.acquire(app.resources.pool) as conn:
        photos = await add_photos(conn, event, 5)
        for photo, similarity in zip(photos, (99, 99, 99, 85, 99), strict=True):
            await add_match(conn, ada.guest_id, photo, similarity)
        await conn.execute(
            """
            insert into image (photo_id, size, media_type, size_bytes, digest)
            select id, 'original', 'image/jpeg', 7000000, id::text from photo"""
        )
        await conn.execute("update photo set review = 'hidden' where id = $1", photos[1])
        await conn.execute(
            "insert into verdict (guest_id, photo_id, says) values ($1, $2, 'not_me')",
            ada.guest_id,
            photos[2],
        )
    path = f"/gallery?event={event['id']}"

    async with app.client.get(path, headers={**ada.headers, **ENGLISH}) as answer:
        page = await answer.text()
    assert "Download my 2 photos" in page
    assert "about 14 MB" in page

    async with db.acquire(app.resources.pool) as conn:
        await conn.execute("update event set download_size = 'large'")
    async with app.client.get(path, headers={**ada.headers, **ENGLISH}) as answer:
        assert "about" not in (await answer.text()).partition("data-take")[2].partition("</a>")[0]
    async with db.acquire(app.resources.pool) as conn:
        await conn.execute("update event set downloads = false")
    async with app.client.get(path, headers={**ada.headers, **ENGLISH}) as answer:
        assert "data-take" not in await answer.text()
