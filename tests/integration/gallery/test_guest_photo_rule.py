"""Which photos are a guest's: everything that shows, counts, tells or opens them agrees."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings

from findme import db
from findme.db import Connection
from findme.gallery import exports
from findme.messaging import live_updates, notifications
from findme.messaging.live_updates import Mark
from findme.models import Gallery, Shelf
from findme.privacy import erasure_receipts
from tests.conftest import App
from tests.support.guest_photo_world import Scene, World, scenes, write
from tests.support.helpers import Member
from tests.support.no_engine_app import app

__all__ = ["app"]

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def undone(conn: Connection) -> AsyncIterator[None]:
    """Take back whatever the block writes."""
    transaction = conn.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def listed(app: App, world: World, guest: Member, path: str, **query: str) -> dict[int, Any]:
    """Return a list of the API by photo; its total is checked on the way."""
    answer = await app.client.get(
        path, params={"event": world.event["id"], "limit": "1000", **query}, headers=guest.headers
    )
    assert answer.status == 200, await answer.text()
    photos = {int(photo["id"]): photo for photo in await answer.json()}
    assert answer.headers["X-Total-Count"] == str(len(photos))
    return photos


async def page(app: App, path: str, guest: Member, **query: str) -> str:
    answer = await app.client.get(
        path,
        params=query,
        headers={**guest.headers, "Accept": "text/html", "Accept-Language": "en"},
    )
    assert answer.status == 200, await answer.text()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await answer.text()))


async def of_admin(app: App, path: str) -> Any:
    answer = await app.client.get(path, headers=app.admin)
    assert answer.status == 200, await answer.text()
    return await answer.json()


def numbers(world: World, photo_ids: Collection[int]) -> set[int]:
    return {world.photo_ids.index(photo_id) for photo_id in photo_ids}


async def check_lists(app: App, world: World, number: int) -> None:
    """The lists, what of the gallery they mark, favourites, what opens, and the tabs' counts."""
    scene, guest = world.scene, world.guests[number]
    if number in scene.waiting:
        await check_closed(app, world, guest)
        return
    shelves = {shelf: shelf_of(scene, number, shelf) for shelf in Shelf}
    for shelf in Shelf:
        found = await listed(app, world, guest, "/api/my-photos", shelf=shelf)
        assert numbers(world, found) == shelves[shelf]
        assert {photo["match"] for photo in found.values()} <= {shelf}
    if scene.gallery is Gallery.EVERYONE:
        found = await listed(app, world, guest, "/api/all-photos")
        assert {
            world.photo_ids.index(photo_id): found[photo_id]["match"] for photo_id in found
        } == {
            photo: scene.shelf(number, photo)
            for photo in range(len(scene.photos))
            if scene.visible(photo)
        }
    opened = {photo for photo in range(len(scene.photos)) if scene.opens(number, photo)}
    found = await listed(app, world, guest, "/api/my-photos", shelf="favourites")
    assert numbers(world, found) == opened
    for photo, photo_id in enumerate(world.photo_ids):
        answer = await app.client.get(
            f"/api/photo/{photo_id}", headers={**guest.headers, "If-None-Match": "*"}
        )
        assert answer.status == (304 if photo in opened else 404), photo
    counts = await app.client.get(
        "/gallery/counts", params={"event": world.event["id"]}, headers=guest.headers
    )
    tabs = await counts.json()
    assert (tabs["mine"], tabs["maybe"], tabs["favourites"]) == (
        len(shelves[Shelf.SURE]),
        len(shelves[Shelf.MAYBE]),
        len(opened),
    )


async def check_closed(app: App, world: World, guest: Member) -> None:
    """Somebody who waits to be admitted gets no list, no photo and no number of photos."""
    for path in ("/api/my-photos", "/api/all-photos"):
        answer = await app.client.get(
            path, params={"event": world.event["id"]}, headers=guest.headers
        )
        assert answer.status == 403, path
    for photo_id in world.photo_ids:
        answer = await app.client.get(f"/api/photo/{photo_id}", headers=guest.headers)
        assert answer.status == 404
    counts = await app.client.get(
        "/gallery/counts", params={"event": world.event["id"]}, headers=guest.headers
    )
    assert await counts.json() == {"waits": True, "selfie": "accepted"}


async def check_what_is_taken_along(app: App, world: World, number: int) -> None:
    """The ZIP, its size as the page tells it, the export, the erase page and the receipt."""
    guest, event_id = world.guests[number], world.event["id"]
    sure = shelf_of(world.scene, number, Shelf.SURE)
    maybe = shelf_of(world.scene, number, Shelf.MAYBE)
    zipped = await app.client.head(
        "/api/my-photos.zip", params={"event": event_id}, headers=guest.headers
    )
    assert (zipped.status == 404) if not sure else zipped.headers["X-Total-Count"] == str(len(sure))
    whole = await app.client.head("/api/me/export", headers=guest.headers)
    assert whole.headers["X-Total-Count"] == str(len(sure))
    lost = await page(app, "/account/erase", guest, what="event", event=event_id)
    (told,) = re.findall(r"You will lose access to your (\d+) photo|$", lost)[:1]
    assert int(told or 0) == len(sure)
    async with db.acquire(app.resources.pool) as conn:
        held = await exports.everything_on(conn, guest.user_id)
        (part,) = held["events"]
        assert Counter(row["shelf"] for row in part["photos"]) == Counter(
            {"sure": len(sure), "maybe": len(maybe)}
        )
        async with undone(conn):
            opened = await erasure_receipts.begin(conn, guest.user_id, whole=True)
            _, receipt = await erasure_receipts.find(conn, opened.token)
    assert (receipt.sure, receipt.maybe) == (len(sure), len(maybe))


async def check_messages(app: App, world: World) -> None:
    """The live stream, and what mails and notifications count: what a guest did not say."""
    scene, everyone = world.scene, range(world.scene.guests)
    guest_ids = [guest.guest_id for guest in world.guests]
    async with db.acquire(app.resources.pool) as conn:
        news = await live_updates.look(conn, world.event_id, guest_ids, Mark(0, LONG_AGO))
        assert news is not None
        for number in everyone:
            stand = news.guests[guest_ids[number]]
            sure = shelf_of(scene, number, Shelf.SURE)
            maybe = shelf_of(scene, number, Shelf.MAYBE)
            assert (stand.mine, stand.maybe) == (len(sure), len(maybe))
            assert {
                world.photo_ids.index(photo): found for photo, found in stand.found.items()
            } == {
                **dict.fromkeys(sure, True),
                **dict.fromkeys(maybe, False),
            }
            fresh = [photo for photo in sure if (number, photo) not in scene.verdicts]
            async with undone(conn):
                found = await notifications.take(
                    conn, world.event_id, guest_ids[number], app.resources.settings
                )
            assert (0 if found is None else found.photos) == len(fresh)


async def check_what_organisers_see(app: App, world: World) -> None:
    """The list of guests, each photo closely, and the preview of thresholds."""
    scene = world.scene
    sure = {n: shelf_of(scene, n, Shelf.SURE) for n in range(scene.guests)}
    maybe = {n: shelf_of(scene, n, Shelf.MAYBE) for n in range(scene.guests)}
    rows = await of_admin(app, f"/api/admin/events/{world.event['id']}/guest-list")
    for number, guest in enumerate(world.guests):
        (row,) = [row for row in rows if row["user_id"] == str(guest.user_id)]
        assert row["photos"] == {"sure": len(sure[number]), "maybe": len(maybe[number])}
    for photo, photo_id in enumerate(world.photo_ids):
        if scene.visible(photo):
            seen = await of_admin(app, f"/api/admin/photos/{photo_id}")
            on_it = {row["user_id"]: row["match"] for row in seen["shows"] if row["match"]}
            expected = {
                str(guest.user_id): scene.shelf(number, photo)
                for number, guest in enumerate(world.guests)
                if scene.shelf(number, photo)
            }
            assert on_it == expected
            assert seen["guests"] == len(expected)
    tally = (await of_admin(app, f"/api/admin/events/{world.event['id']}/rehearsal"))["tally"]
    unsaid = [
        scene.shelf(number, photo)
        for number in range(scene.guests)
        for photo in range(len(scene.photos))
        if (number, photo) not in scene.verdicts
    ]
    assert (tally["sure"], tally["maybe"]) == (
        unsaid.count(Shelf.SURE),
        unsaid.count(Shelf.MAYBE),
    )


def shelf_of(scene: Scene, guest: int, shelf: Shelf) -> set[int]:
    return {photo for photo in range(len(scene.photos)) if scene.shelf(guest, photo) is shelf}


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(scene=scenes())
async def test_all_that_is_told_of_a_guests_photos_agrees(app: App, scene: Scene) -> None:
    """Over random thresholds, selfies, verdicts, galleries, and hidden and deleted photos."""
    world = await write(app.resources.pool, app.resources.settings, scene)
    for number in range(scene.guests):
        await check_lists(app, world, number)
        await check_what_is_taken_along(app, world, number)
    await check_messages(app, world)
    await check_what_organisers_see(app, world)
