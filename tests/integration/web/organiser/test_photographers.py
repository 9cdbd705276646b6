"""Upload tokens belong to photographers: their name, their camera's clock, their watcher."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from findme import db
from findme.gallery import photographers
from findme.models import EventId, TokenId
from tests.conftest import App
from tests.support.helpers import bearer, make_event, member, problem, upload
from tests.support.no_engine_app import app, settings
from tests.support.pictures import dated, drawn
from tests.support.scripted_guests import until

__all__ = ["app", "settings"]


async def token_of(app: App, event: dict[str, Any], **members: object) -> Any:
    answer = await app.client.post(
        f"/api/admin/events/{event['id']}/tokens", json=members, headers=app.admin
    )
    assert answer.status == 201, await answer.text()
    return await answer.json()


async def change(app: App, event: dict[str, Any], token_id: str, **members: object) -> Any:
    return await app.client.patch(
        f"/api/admin/events/{event['id']}/tokens/{token_id}", json=members, headers=app.admin
    )


async def test_photos_carry_the_photographers_name_and_the_right_time(app: App) -> None:
    event = await make_event(app)
    token = await token_of(app, event, label="  Zoe  Berg ", clock_offset_s=-90)
    assert (token["label"], token["clock_offset_s"]) == ("Zoe Berg", -90)
    await upload(app, event, "a.jpg", dated(1, "2026:11:21 22:00:00"), bearer(token["token"]))
    await upload(app, event, "b.jpg", drawn(2), bearer(token["token"]))
    await upload(app, event, "c.jpg", dated(3, "2026:11:21 22:00:00"))
    pool = app.resources.pool
    rows = "select credit, taken_at from photo order by id"
    assert [tuple(row) for row in await pool.fetch(rows)] == [
        ("Zoe Berg", datetime(2026, 11, 21, 21, 58, 30, tzinfo=UTC)),
        ("Zoe Berg", None),
        (None, datetime(2026, 11, 21, 22, tzinfo=UTC)),
    ]

    answer = await change(app, event, token["id"], label="Zoe", clock_offset_s=3600)

    assert (await answer.json())["clock_offset_s"] == 3600
    assert [tuple(row) for row in await pool.fetch(rows)] == [
        ("Zoe", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("Zoe", None),
        (None, datetime(2026, 11, 21, 22, tzinfo=UTC)),
    ]
    answer = await change(app, event, token["id"])
    assert (await answer.json())["label"] == "Zoe"


async def test_a_photo_that_comes_while_the_clock_is_set_gets_it(app: App) -> None:
    event = await make_event(app)
    token = await token_of(app, event, label="Zoe")
    pool = app.resources.pool
    # whose token it is stays in the cache: the next upload meets its row where it is stored alone
    await upload(app, event, "first.jpg", drawn(2), bearer(token["token"]))
    async with db.transaction(pool) as conn:
        await photographers.change(
            conn, EventId(int(event["id"])), TokenId(int(token["id"])), clock_offset_s=3600
        )
        picture = dated(1, "2026:11:21 22:00:00")
        coming = asyncio.create_task(upload(app, event, "a.jpg", picture, bearer(token["token"])))
        waits = "select exists (select from pg_locks where not granted)"
        await until(lambda: pool.fetchval(waits))
    await coming
    taken_at = await pool.fetchval("select taken_at from photo order by id desc limit 1")
    assert taken_at == datetime(2026, 11, 21, 23, tzinfo=UTC)


async def test_clocks_are_read_in_the_events_zone_as_it_is_when_a_photo_comes(app: App) -> None:
    event = await make_event(app, time_zone="Europe/Paris")
    token = await token_of(app, event, clock_offset_s=60)
    await upload(app, event, "a.jpg", dated(1, "2026:07:14 23:30:00"), bearer(token["token"]))
    rows = "select taken_at from photo order by id"
    first = datetime(2026, 7, 14, 21, 31, tzinfo=UTC)
    assert [row["taken_at"] for row in await app.resources.pool.fetch(rows)] == [first]

    answer = await app.client.patch(
        f"/api/admin/events/{event['id']}", json={"time_zone": "Asia/Tokyo"}, headers=app.admin
    )
    assert answer.status == 200
    await upload(app, event, "b.jpg", dated(2, "2026:07:14 23:30:00"), bearer(token["token"]))

    second = datetime(2026, 7, 14, 14, 31, tzinfo=UTC)
    assert [row["taken_at"] for row in await app.resources.pool.fetch(rows)] == [first, second]


@pytest.mark.parametrize(
    ("taken", "offset", "zone"),
    [("9999:12:31 23:59:59", 604_800, "Asia/Tokyo"),
     ("0001:01:01 00:00:00", -604_800, "America/New_York")],
)  # fmt: skip
async def test_neither_an_offset_nor_a_zone_leads_out_of_the_calendar(
    app: App, taken: str, offset: int, zone: str
) -> None:
    event = await make_event(app)
    token = await token_of(app, event)
    sent = await upload(app, event, "a.jpg", dated(1, taken), bearer(token["token"]))
    assert (await change(app, event, token["id"], clock_offset_s=offset)).status == 200
    headers = {**app.admin, "Accept": "text/html", "Cookie": f"findme_zone={zone}"}
    for page in ("photos", f"photos/{sent['photo_id']}"):
        answer = await app.client.get(f"/admin/events/{event['id']}/{page}", headers=headers)
        assert answer.status == 200


NO_OFFSETS: Sequence[object] = [1.5, "60", True, 604_801, -604_801, [1]]


async def test_what_is_no_offset_is_refused(app: App) -> None:
    event = await make_event(app)
    token = await token_of(app, event)
    path = f"/api/admin/events/{event['id']}/tokens"
    for offset in NO_OFFSETS:
        answer = await app.client.post(path, json={"clock_offset_s": offset}, headers=app.admin)
        assert await problem(answer) == (422, "invalid_request"), offset
        answer = await change(app, event, token["id"], clock_offset_s=offset)
        assert await problem(answer) == (422, "invalid_request"), offset


async def test_a_token_is_changed_in_its_event_by_admins_alone(app: App) -> None:
    event, other = await make_event(app), await make_event(app, "Other")
    token = await token_of(app, event)
    assert await problem(await change(app, other, token["id"], label="x")) == (404, "not_found")
    guest = await member(app.resources.pool, event)
    for status, headers in ((404, guest.headers), (404, bearer(token["token"])), (401, {})):
        answer = await app.client.patch(
            f"/api/admin/events/{event['id']}/tokens/{token['id']}", json={}, headers=headers
        )
        assert answer.status == status


async def test_a_token_says_what_it_is_good_for(app: App) -> None:
    event = await make_event(app)
    token = await token_of(app, event, label="Zoe")
    answer = await app.client.get("/api/upload-token", headers=bearer(token["token"]))
    assert await answer.json() == {
        "event": {"id": event["id"], "name": "Gala"},
        "label": "Zoe",
        "clock_offset_s": 0,
        "max_upload_bytes": 50 * 1024**2,
    }


async def test_a_watcher_reports_and_admins_see_it_at_the_token(app: App) -> None:
    event = await make_event(app)
    token = await token_of(app, event)
    told = {"backlog": 12, "bytes_per_s": 1.5e6, "clock_ahead_s": -3.2, "last_error": "e" * 999}
    answer = await app.client.post(
        "/api/upload-token/report", json={**told, "else": 1}, headers=bearer(token["token"])
    )
    assert answer.status == 204
    answer = await app.client.get(f"/api/admin/events/{event['id']}/tokens", headers=app.admin)
    (shown,) = await answer.json()
    assert shown["reported_at"] is not None
    assert shown["report"] == {
        "backlog": 12,
        "backlog_bytes": None,
        "bytes_per_s": 1.5e6,
        "sent": None,
        "there": None,
        "refused": None,
        "errors": None,
        "clock_ahead_s": -3.2,
        "last_error": "e" * 200,
    }


NO_REPORTS: Sequence[dict[str, object]] = [
    {"backlog": -1},
    {"sent": "many"},
    {"errors": True},
    {"last_error": 5},
    {"sent": 1e99},
]


async def test_a_report_that_cannot_be_is_refused(app: App) -> None:
    token = await token_of(app, await make_event(app))
    for told in NO_REPORTS:
        answer = await app.client.post(
            "/api/upload-token/report", json=told, headers=bearer(token["token"])
        )
        assert await problem(answer) == (422, "invalid_request"), told


async def test_only_tokens_ask_for_themselves(app: App) -> None:
    for status, headers in ((404, app.admin), (401, {}), (401, bearer("fmu_gone"))):
        answer = await app.client.get("/api/upload-token", headers=headers)
        assert answer.status == status
        answer = await app.client.post("/api/upload-token/report", json={}, headers=headers)
        assert answer.status == status
