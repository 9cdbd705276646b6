"""Photos are reviewed without an HTTP request; each way to hide or delete one leaves the same."""

import json

import pytest

from findme import db
from findme.errors import Conflict, NotFound
from findme.gallery import reports
from findme.gallery.reports import Reason
from findme.models import EventId, PhotoId, Review, UserId
from findme.services.photo_review import PhotoReview, Reviewed, Settlement
from findme.web.keys import PHOTO_REVIEW
from tests.conftest import App
from tests.support.helpers import add_gala, add_photos, member
from tests.support.no_engine_app import app, settings

__all__ = ["app", "settings"]

Entry = tuple[str, list[int], dict[str, object]]


@pytest.fixture
def service(app: App) -> PhotoReview:
    assert app.client.app is not None
    return app.client.app[PHOTO_REVIEW]


@pytest.fixture
async def event_id(app: App) -> EventId:
    async with db.transaction(app.resources.pool) as conn:
        return (await add_gala(conn)).id


async def add(app: App, event_id: EventId, number: int) -> list[PhotoId]:
    async with db.transaction(app.resources.pool) as conn:
        return [PhotoId(photo_id) for photo_id in await add_photos(conn, {"id": event_id}, number)]


async def report(app: App, event_id: EventId, photo_id: PhotoId) -> int:
    guest = await member(app.resources.pool, {"id": event_id}, f"{photo_id}@example.org")
    async with db.transaction(app.resources.pool) as conn:
        return await reports.add(conn, guest.guest_id, photo_id, Reason.PRIVATE, "")


async def noted(app: App) -> list[Entry]:
    rows = await app.resources.pool.fetch("select action, subjects, detail from audit order by id")
    return [(row["action"], row["subjects"], json.loads(row["detail"])) for row in rows]


async def version(app: App, event_id: EventId) -> object:
    return await app.resources.cache.version(event_id)


async def test_a_review_changes_only_what_is_otherwise_and_makes_lists_stale(
    app: App, service: PhotoReview, admin_id: UserId, event_id: EventId
) -> None:
    one, two, three = await add(app, event_id, 3)
    await service.review(admin_id, [two], Review.HIDDEN)
    before = await version(app, event_id)

    reviewed = await service.review(admin_id, [one, two], Review.HIDDEN)

    assert reviewed == Reviewed(changed=[one], visible=[])
    assert await version(app, event_id) != before
    shown = await service.review(admin_id, [three, two], Review.SHOWN)
    assert shown == Reviewed(changed=[two], visible=[two, three])
    assert await noted(app) == [
        ("photos.reviewed", [two], {"review": "hidden"}),
        ("photos.reviewed", [one], {"review": "hidden"}),
        ("photos.reviewed", [two], {"review": "shown"}),
    ]


async def test_nothing_is_reviewed_if_one_photo_is_not_there(
    app: App, service: PhotoReview, admin_id: UserId, event_id: EventId
) -> None:
    (photo_id,) = await add(app, event_id, 1)
    with pytest.raises(NotFound):
        await service.review(admin_id, [photo_id, PhotoId(photo_id + 1)], Review.HIDDEN)

    assert await app.resources.pool.fetchval("select review from photo") == "shown"
    assert await noted(app) == []


async def test_a_report_hides_its_photo_through_the_same_door_as_the_contact_sheet(
    app: App, service: PhotoReview, admin_id: UserId, event_id: EventId
) -> None:
    (photo_id,) = await add(app, event_id, 1)
    report_id = await report(app, event_id, photo_id)
    before = await version(app, event_id)

    await service.settle_report(admin_id, event_id, report_id, Settlement.HIDE)

    assert await noted(app) == [
        ("photos.reviewed", [photo_id], {"review": "hidden"}),
        ("report.settled", [photo_id], {"photo": "hide"}),
    ]
    assert await version(app, event_id) != before
    assert await app.resources.pool.fetchval("select review from photo") == "hidden"


async def test_a_report_deletes_its_photo_through_the_same_door_as_the_contact_sheet(
    app: App, service: PhotoReview, admin_id: UserId, event_id: EventId
) -> None:
    reported, other = await add(app, event_id, 2)
    report_id = await report(app, event_id, reported)

    await service.settle_report(admin_id, event_id, report_id, Settlement.DELETE)
    assert await service.delete(admin_id, [other, reported]) == [other]

    assert await noted(app) == [
        ("photo.deleted", [reported], {}),
        ("report.settled", [reported], {"photo": "delete"}),
        ("photo.deleted", [other], {}),
    ]
    assert await app.resources.pool.fetchval("select count(*) from photo") == 0


async def test_a_report_of_another_event_is_not_found_and_hides_nothing(
    app: App, service: PhotoReview, admin_id: UserId, event_id: EventId
) -> None:
    (photo_id,) = await add(app, event_id, 1)
    report_id = await report(app, event_id, photo_id)
    async with db.transaction(app.resources.pool) as conn:
        other = (await add_gala(conn, "Other")).id
    with pytest.raises(NotFound):
        await service.settle_report(admin_id, other, report_id, Settlement.HIDE)

    assert await app.resources.pool.fetchval("select review from photo") == "shown"
    assert await noted(app) == []


async def test_a_photo_in_work_is_not_enqueued_twice(
    app: App, service: PhotoReview, admin_id: UserId, event_id: EventId
) -> None:
    one, two = await add(app, event_id, 2)
    job_id = await service.retry_one(admin_id, one, thorough=True)
    with pytest.raises(Conflict):
        await service.retry_one(admin_id, one, thorough=True)
    gone = PhotoId(two + 1)

    assert await service.retry(admin_id, [two, gone, one], thorough=False) == [two]
    rows = await app.resources.pool.fetch("select id, photo_id from job order by id")
    assert [(row["id"] == job_id, row["photo_id"]) for row in rows] == [(True, one), (False, two)]
    assert await noted(app) == [("photos.retried", [one], {}), ("photos.retried", [two], {})]
