"""What an organiser approves and hides, and when guests hear of it."""

from collections.abc import Sequence

from tests.conftest import App
from tests.support.helpers import (
    add_match,
    add_photos,
    change_event,
    make_event,
    make_token,
    member,
    problem,
    upload,
)
from tests.support.live_stream import changed, streaming
from tests.support.pictures import drawn

PATH = "/api/admin/photos/review"


async def review(app: App, word: str, *photos: object) -> list[str]:
    answer = await app.client.post(
        PATH, json={"ids": [str(photo) for photo in photos], "review": word}, headers=app.admin
    )
    assert answer.status == 200, await answer.text()
    told: list[str] = (await answer.json())["changed"]
    return told


async def seen(app: App, event: dict[str, object], headers: dict[str, str]) -> list[str]:
    """Return the photos that a guest has in the list of all."""
    answer = await app.client.get(
        "/api/all-photos", params={"event": str(event["id"])}, headers=headers
    )
    return [photo["id"] for photo in await answer.json()]


async def test_photos_wait_where_approval_is_asked_for(app: App) -> None:
    """Nobody but the admin sees them; approved, everybody does; hidden, nobody again."""
    event = await make_event(app, publish="after_approval")
    ada = await member(app.resources.pool, event)
    photo = (await upload(app, event, "a.jpg", drawn(1)))["photo_id"]
    await app.drain()
    url = f"/api/photo/{photo}?size=thumb"

    assert await seen(app, event, ada.headers) == []
    assert (await app.client.get(url, headers=ada.headers)).status == 404
    assert (await app.client.get(url, headers=app.admin)).status == 200

    assert await review(app, "shown", photo) == [photo]
    assert await seen(app, event, ada.headers) == [photo]
    assert (await app.client.get(url, headers=ada.headers)).status == 200

    assert await review(app, "hidden", photo) == [photo]
    assert await seen(app, event, ada.headers) == []
    assert (await app.client.get(url, headers=ada.headers)).status == 404


async def test_what_is_not_approved_is_in_no_shelf_count_and_archive(app: App) -> None:
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    async with app.resources.pool.acquire() as conn:
        (photo,) = await add_photos(conn, event, 1)
        await add_match(conn, ada.guest_id, photo, 99)
    await review(app, "waiting", photo)

    mine = await app.client.get(
        "/api/my-photos", params={"event": event["id"]}, headers=ada.headers
    )
    archive = await app.client.get(
        "/api/my-photos.zip", params={"event": event["id"]}, headers=ada.headers
    )

    assert await mine.json() == []
    assert mine.headers["X-Total-Count"] == "0"
    assert archive.status == 404


async def test_several_are_reviewed_at_once_or_none(app: App) -> None:
    event = await make_event(app)
    async with app.resources.pool.acquire() as conn:
        photos = await add_photos(conn, event, 3)

    assert await review(app, "hidden", *photos) == [str(photo) for photo in photos]
    # those that are hidden already are not told again
    assert await review(app, "hidden", *photos) == []
    answer = await app.client.post(
        PATH, json={"ids": [str(photos[0]), "999999"], "review": "shown"}, headers=app.admin
    )
    assert await problem(answer) == (404, "not_found")
    listed = await app.client.get(
        f"/api/admin/events/{event['id']}/photos?review=hidden", headers=app.admin
    )
    assert listed.headers["X-Total-Count"] == "3"
    shown = await app.client.get(
        f"/api/admin/events/{event['id']}/photos?review=shown", headers=app.admin
    )
    assert await shown.json() == []


NO_REVIEWS: Sequence[dict[str, object]] = [
    {},
    {"ids": [], "review": "shown"},
    {"ids": "1", "review": "shown"},
    {"ids": ["1"], "review": "deleted"},
    {"ids": ["1"]},
    {"ids": ["1"] * 1001, "review": "shown"},
]


async def test_what_is_no_review_is_said(app: App) -> None:
    for body in NO_REVIEWS:
        answer = await app.client.post(PATH, json=body, headers=app.admin)

        assert await problem(answer) == (422, "invalid_request"), body


async def test_only_admins_review(app: App) -> None:
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    token = await make_token(app, event)
    async with app.resources.pool.acquire() as conn:
        (photo,) = await add_photos(conn, event, 1)
    body = {"ids": [str(photo)], "review": "hidden"}

    for headers, status in ((ada.headers, 404), (token, 404), ({}, 401)):
        assert (await app.client.post(PATH, json=body, headers=headers)).status == status
    assert await seen(app, event, ada.headers) == [str(photo)]


async def test_photos_stay_waiting_when_approval_is_no_longer_asked_for(app: App) -> None:
    """What somebody held back is not shown by a switch; what comes from then on is."""
    event = await make_event(app, publish="after_approval")
    ada = await member(app.resources.pool, event)
    await upload(app, event, "a.jpg", drawn(1))
    await change_event(app, event, publish="at_once")
    later = (await upload(app, event, "b.jpg", drawn(2)))["photo_id"]
    await app.drain()

    assert await seen(app, event, ada.headers) == [later]


async def test_an_open_page_hears_of_what_is_approved(app: App) -> None:
    """However old the photo is: it is told once, as the guest's own where it shows them."""
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    async with app.resources.pool.acquire() as conn:
        old, other = await add_photos(conn, event, 2)
        await add_match(conn, ada.guest_id, old, 99)
        # as they were before this evening's photos came
        await conn.execute(
            "update photo set review = 'waiting', uploaded_at = now() - interval '1 h'"
        )
        await conn.execute("update match set found_at = now() - interval '1 h'")
        (newest,) = await add_photos(conn, event, 1, prefix="new")
        await conn.execute(
            "update photo set uploaded_at = now() - interval '10 min' where id = $1", newest
        )
    async with streaming(app, event, ada.headers) as stream:
        assert await stream.photos(all=1, mine=0) == []
        await review(app, "shown", old)
        assert await stream.photos(all=2, mine=1) == [(str(old), True)]
        await review(app, "shown", other)
        assert await stream.photos(all=3) == [(str(other), False)]
        async with app.resources.pool.acquire() as conn:
            (fresh,) = await add_photos(conn, event, 1, prefix="fresh")
        await changed(app, event)
        assert await stream.photos(all=4) == [(str(fresh), False)]


async def test_a_page_that_slept_hears_of_what_was_approved_meanwhile(app: App) -> None:
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    async with app.resources.pool.acquire() as conn:
        old, _ = await add_photos(conn, event, 2)
        await conn.execute("update photo set review = 'waiting' where id = $1", old)
        await conn.execute("update photo set uploaded_at = now() - interval '10 min'")
    async with streaming(app, event, ada.headers) as stream:
        last = (await stream.until(all=1))[-1].id
    await review(app, "shown", old)

    async with streaming(app, event, ada.headers, last=last) as stream:
        assert await stream.photos(all=2) == [(str(old), False)]


async def test_a_photo_without_a_picture_is_not_said_to_be_shown(app: App) -> None:
    """Approved with others, the one that could not be read is among those that nobody sees."""
    event = await make_event(app, publish="after_approval")
    good = (await upload(app, event, "a.jpg", drawn(1)))["photo_id"]
    bad = (await upload(app, event, "cut.jpg", drawn(2)[:-4000]))["photo_id"]
    await app.drain()
    body = {"ids": [good, bad], "review": "shown"}

    answer = await (await app.client.post(PATH, json=body, headers=app.admin)).json()
    hidden = await (
        await app.client.post(PATH, json={**body, "review": "hidden"}, headers=app.admin)
    ).json()

    assert (answer["changed"], answer["visible"]) == ([good, bad], [good])
    assert (hidden["changed"], hidden["visible"]) == ([good, bad], [])
