"""A photo's own page: for whom it is, and the forms on it."""

from typing import Any

from findme import db
from tests.conftest import App
from tests.support.helpers import Member, add_match, add_photos, make_event, member

#: What a browser sends along with a form of ours.
PAGE = {"Accept": "text/html", "Accept-Language": "en"}


async def guest_with_photos(
    app: App, gallery: str = "everyone"
) -> tuple[dict[str, Any], Member, list[int]]:
    """Make an event with three photos; the guest is on the middle one."""
    event = await make_event(app, gallery=gallery)
    ada = await member(app.resources.pool, event)
    async with db.acquire(app.resources.pool) as conn:
        photos = await add_photos(conn, event, 3)
        await add_match(conn, ada.guest_id, photos[1], 99)
    return event, ada, photos


async def status(app: App, path: str, guest: Member) -> int:
    """Return how a page answers."""
    async with app.client.get(path, headers={**guest.headers, **PAGE}) as answer:
        return answer.status


async def test_a_photo_is_for_those_who_may_see_it(app: App) -> None:
    """With a gallery of own, one's own; never one of another event, nor for a stranger."""
    event, ada, photos = await guest_with_photos(app, gallery="own")
    query = f"?event={event['id']}"
    assert await status(app, f"/gallery/{photos[1]}{query}", ada) == 200
    assert await status(app, f"/gallery/{photos[0]}{query}", ada) == 404
    assert await status(app, f"/gallery/{photos[1]}{query}&tab=all", ada) == 422
    other = await make_event(app)
    bob = await member(app.resources.pool, other, "bob@example.org")
    assert await status(app, f"/gallery/{photos[1]}{query}", bob) == 404
    assert await status(app, f"/gallery/{photos[1]}?event={other['id']}", bob) == 404


async def test_a_photo_shows_its_neighbours_of_the_tab(app: App) -> None:
    """Among all it has two, among one's own none."""
    event, ada, photos = await guest_with_photos(app)
    path = f"/gallery/{photos[1]}?event={event['id']}"
    async with app.client.get(f"{path}&tab=all", headers={**ada.headers, **PAGE}) as answer:
        page = await answer.text()
    assert f"/gallery/{photos[0]}?" in page
    assert f"/gallery/{photos[2]}?" in page
    assert "2 of 3" in page
    async with app.client.get(path, headers={**ada.headers, **PAGE}) as answer:
        assert "1 of 1" in await answer.text()


async def test_a_form_puts_a_photo_aside_and_takes_that_back(app: App) -> None:
    """Each form leads back to the photo, which says what was said."""
    event, ada, photos = await guest_with_photos(app)
    headers = {**ada.headers, **PAGE}
    base, query = f"/gallery/{photos[1]}", f"?event={event['id']}&tab=mine"
    for answer, said in (("not-me", True), ("undo", False)):
        async with app.client.post(
            f"{base}/{answer}{query}", headers=headers, allow_redirects=False
        ) as posted:
            assert posted.status == 303
            assert posted.headers["Location"] == base + query
        async with app.client.get(base + query, headers=headers) as shown:
            assert ("Removed from your photos." in await shown.text()) is said


async def test_an_answer_to_the_question_leads_to_the_next(app: App) -> None:
    event, ada, photos = await guest_with_photos(app)
    async with app.client.post(
        f"/gallery/{photos[1]}/me?event={event['id']}&tab=maybe",
        headers={**ada.headers, **PAGE},
        allow_redirects=False,
    ) as answer:
        assert answer.headers["Location"] == f"/gallery?event={event['id']}&tab=maybe"


async def test_where_nobody_takes_photos_home_none_is_shared(app: App) -> None:
    """Neither from a photo's page nor from the viewer over the gallery."""
    event, ada, photos = await guest_with_photos(app)
    paths = [f"/gallery/{photos[1]}?event={event['id']}", f"/gallery?event={event['id']}"]
    for downloads in (True, False):
        async with db.acquire(app.resources.pool) as conn:
            await conn.execute("update event set downloads = $1", downloads)
        for path in paths:
            async with app.client.get(path, headers={**ada.headers, **PAGE}) as answer:
                page = await answer.text()
            assert ('data-act="share"' in page) is downloads, path
            assert ("data-preview=" in page or "data-share" in page) is downloads, path


async def test_the_report_shows_the_photo_that_it_is_about(app: App) -> None:
    event, ada, photos = await guest_with_photos(app)
    path = f"/gallery/{photos[1]}/report?event={event['id']}"
    async with app.client.get(path, headers={**ada.headers, **PAGE}) as answer:
        assert f'src="/api/photo/{photos[1]}?size=thumb"' in await answer.text()
    other = await make_event(app)
    bob = await member(app.resources.pool, other, "bob@example.org")
    assert await status(app, path, bob) == 404
