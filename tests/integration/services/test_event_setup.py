"""Events are set up without an HTTP request: created, changed, given a cover, deleted."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from findme import db
from findme.db import Pool
from findme.errors import BadImage, InvalidRequest, NotFound
from findme.gallery import events
from findme.messaging import webhooks
from findme.models import Event, EventId, Publish, Size, UserId
from findme.services.event_setup import LIFETIME, EventSetup
from findme.web.keys import EVENT_SETUP
from tests.conftest import App
from tests.support.no_engine_app import app, settings
from tests.support.pictures import drawn

__all__ = ["app", "settings"]

FAR, LONG_AGO = datetime(2099, 1, 1, tzinfo=UTC), datetime(1999, 1, 1, tzinfo=UTC)
Noted = Callable[[], Awaitable[list[tuple[str, dict[str, object]]]]]


@pytest.fixture
def service(app: App) -> EventSetup:
    assert app.client.app is not None
    return app.client.app[EVENT_SETUP]


async def stored(pool: Pool, event_id: EventId) -> Event:
    async with db.acquire(pool) as conn:
        return await events.get(conn, event_id)


async def test_a_new_event_is_announced_and_noted(
    pool: Pool, service: EventSetup, admin_id: UserId, noted: Noted
) -> None:
    async with db.transaction(pool) as conn:
        await webhooks.create(conn, "https://example.org", ["event.created"])
    end = datetime(2030, 1, 2, 3, 4, 5, 678_900, UTC)

    event = await service.create(admin_id, {"name": "Gala", "expires_at": end, "wall": True})

    assert event == await stored(pool, event.id)
    assert event.wall_token is not None
    (delivery,) = await pool.fetch("select topic, event_id, data from webhook_delivery")
    assert (delivery["topic"], delivery["event_id"]) == ("event.created", event.id)
    assert '"2030-01-02T03:04:05.678Z"' in delivery["data"]
    assert await noted() == [("event.created", {})]


async def test_a_contradiction_leaves_nothing_behind(
    pool: Pool, service: EventSetup, admin_id: UserId, noted: Noted
) -> None:
    now = datetime.now(UTC)
    with pytest.raises(InvalidRequest) as refused:
        await service.create(
            admin_id, {"name": "Gala", "starts_at": now, "closes_at": now - timedelta(hours=1)}
        )
    assert refused.value.extra["field"] == "closes_at"
    event = await service.create(admin_id, {"name": "Gala", "maybe_threshold": 85.0})
    with pytest.raises(InvalidRequest) as refused:
        await service.change(admin_id, event.id, {"match_threshold": 80.0})
    assert refused.value.extra["field"] == "maybe_threshold"

    assert await pool.fetchval("select count(*) from event") == 1
    assert await stored(pool, event.id) == event
    assert await noted() == [("event.created", {})]


async def test_a_change_makes_the_lists_stale_and_keeps_the_address_of_the_wall(
    app: App, pool: Pool, service: EventSetup, admin_id: UserId, noted: Noted
) -> None:
    event = await service.create(admin_id, {"name": "Gala", "wall": True})
    before = await app.resources.cache.version(event.id)

    changed = await service.change(
        admin_id, event.id, {"wall": True, "publish": Publish.AFTER_APPROVAL, "name": "Gala 2"}
    )

    assert (changed.name, changed.publish) == ("Gala 2", Publish.AFTER_APPROVAL)
    assert changed.wall_token == event.wall_token
    assert await app.resources.cache.version(event.id) != before
    off = await service.change(admin_id, event.id, {"wall": False})
    assert off.wall_token is None
    assert await stored(pool, event.id) == off
    assert await noted() == [
        ("event.created", {}),
        ("event.changed", {"members": ["name", "publish", "wall"]}),
        ("event.changed", {"members": ["wall"]}),
    ]


async def test_an_end_that_has_passed_is_refused(
    pool: Pool, service: EventSetup, admin_id: UserId
) -> None:
    """Somebody who mistypes the year does not erase the event."""
    event = await service.create(admin_id, {"name": "Gala", "expires_at": None})
    past = {"expires_at": datetime.now(UTC) - timedelta(days=365)}
    for attempt in (
        service.change(admin_id, event.id, past),
        service.create(admin_id, {"name": "Other", **past}),
    ):
        with pytest.raises(InvalidRequest) as refused:
            await attempt
        assert refused.value.extra["field"] == "expires_at"
    assert (await stored(pool, event.id)).expires_at is None
    assert await pool.fetchval("select count(*) from event") == 1

    # the form sends the time again that is there already
    await pool.execute("update event set expires_at = $1", past["expires_at"])
    again = await service.change(admin_id, event.id, {"name": "Gala 2", **past})
    assert again.name == "Gala 2"


@pytest.mark.parametrize("named", ["starts_at", "closes_at"])
async def test_an_event_ends_by_itself_unless_somebody_says_otherwise(
    service: EventSetup, admin_id: UserId, named: str
) -> None:
    before = datetime.now(UTC)
    plain = await service.create(admin_id, {"name": "Gala"})
    assert plain.expires_at is not None
    assert before + LIFETIME <= plain.expires_at <= datetime.now(UTC) + LIFETIME

    # not before it begins, nor at once if it was long ago
    for moment, start in ((FAR, FAR), (LONG_AGO, before)):
        event = await service.create(admin_id, {"name": "Gala", named: moment})
        assert event.expires_at is not None
        assert event.expires_at >= start + LIFETIME
    last = await service.create(admin_id, {"name": "Gala", named: datetime.max.replace(tzinfo=UTC)})
    never = await service.create(admin_id, {"name": "Gala", "expires_at": None})
    assert (last.expires_at, never.expires_at) == (None, None)


async def test_a_cover_comes_from_a_file_and_goes(
    pool: Pool, service: EventSetup, admin_id: UserId, tmp_path: Path, noted: Noted
) -> None:
    event = await service.create(admin_id, {"name": "Gala"})
    path = tmp_path / "cover"
    path.write_bytes(b"no picture")
    with pytest.raises(BadImage):
        await service.set_cover(admin_id, event.id, path)
    path.write_bytes(drawn())

    covered = await service.set_cover(admin_id, event.id, path)

    assert covered.cover is not None
    sizes = [row["size"] for row in await pool.fetch("select size from image order by size")]
    assert sizes == sorted([Size.PREVIEW, Size.THUMB])
    await service.remove_cover(admin_id, event.id)
    assert (await stored(pool, event.id)).cover is None
    assert await pool.fetchval("select count(*) from image") == 0
    assert (await noted())[1:] == [("event.changed", {"members": ["cover"]})] * 2


async def test_a_deleted_event_leaves_its_entry_and_the_job_for_the_engine(
    pool: Pool, service: EventSetup, admin_id: UserId
) -> None:
    event = await service.create(admin_id, {"name": "Gala"})

    await service.delete(admin_id, event.id)
    with pytest.raises(NotFound):
        await service.delete(admin_id, event.id)
    with pytest.raises(NotFound):
        await service.change(admin_id, event.id, {"name": "Gala 2"})

    rows = await pool.fetch("select action, event_id from audit order by id")
    assert [tuple(row) for row in rows] == [
        ("event.created", event.id),
        ("event.deleted", event.id),
    ]
    assert [row["kind"] for row in await pool.fetch("select kind from job order by id")] == [
        "delete_collection",
        "remove_traces",
    ]
