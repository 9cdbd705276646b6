"""The desk: its figures, what it calls an alert, and who may see it."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from findme.db import Connection
from findme.jobs import heartbeat
from findme.jobs.no_workers import NoWorkers
from findme.web.keys import STATS
from findme.web.operator.dashboard_page import DASHBOARD
from tests.conftest import App
from tests.support.helpers import make_event, make_token, upload
from tests.support.pictures import drawn
from tests.support.scripted_guests import until
from tests.support.scripted_worker import Bench, bench

__all__ = ["bench"]


async def look(app: App) -> dict[str, Any]:
    """Return the desk's document, made anew."""
    assert app.client.app is not None
    app.client.app[DASHBOARD].forget()
    answer = await app.client.get("/api/admin/desk", headers=app.admin)
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


def kinds(document: dict[str, Any]) -> list[str]:
    return [alert["kind"] for alert in document["alerts"]]


async def test_an_evening_without_anything_needs_nobody(app: App) -> None:
    document = await look(app)

    assert document["alerts"] == []
    assert document["gallery"]["event"] is None
    assert document["gallery"]["median_s"] is None
    assert document["gallery"]["per_minute"] == [0] * 60
    assert document["empty_in_s"] is None


async def test_photos_count_from_the_shutter_where_the_clock_can_be_right(app: App) -> None:
    event = await make_event(app)
    for seed in range(3):
        await upload(app, event, f"{seed}.jpg", drawn(seed))
    await app.drain()
    now = datetime.now(UTC)
    # a minute before the upload; years before it; never set
    await app.resources.pool.execute(
        """
        update photo set uploaded_at = at, ready_at = at + interval '4 s', taken_at = case filename
            when '0.jpg' then at - interval '60 s' when '1.jpg' then at - interval '9 years' end
          from (select $1::timestamptz as at) as upload""",
        now - timedelta(seconds=30),
    )

    gallery = (await look(app))["gallery"]

    assert (gallery["photos"], gallery["by_camera"]) == (3, 1)
    assert gallery["median_s"] == pytest.approx(4)
    assert gallery["p95_s"] > 50
    assert sum(gallery["per_minute"]) == 3
    assert gallery["event"] == {"id": event["id"], "name": "Gala", "photos": 3, "guests": 0}
    assert [one["name"] for one in gallery["events"]] == ["Gala"]


async def test_a_silent_computer_with_photos_left_is_an_alert(app: App) -> None:
    event = await make_event(app)
    headers = await make_token(app, event)
    report = {"backlog": 62, "sent": 97, "errors": 2, "clock_ahead_s": 192}
    await app.client.post("/api/upload-token/report", json=report, headers=headers)

    fresh = await look(app)
    await app.resources.pool.execute(
        "update upload_token set reported_at = now() - interval '14 minutes'"
    )
    silent = await look(app)

    assert kinds(fresh) == []
    assert [one["silent"] for one in fresh["photographers"]] == [False]
    (alert,) = silent["alerts"]
    assert (alert["kind"], alert["name"], alert["number"]) == ("silent", "Zoe", 62)
    assert alert["event_id"] == event["id"]
    (one,) = silent["photographers"]
    assert (one["backlog"], one["sent"], one["errors"], one["ahead_s"]) == (62, 97, 2, 192)


async def test_what_came_before_a_computer_started_anew_counts_as_sent(app: App) -> None:
    """A watcher that finds all photos there sends none, and says so."""
    event = await make_event(app)
    headers = await make_token(app, event)
    for seed in range(2):
        await upload(app, event, f"{seed}.jpg", drawn(seed), headers=headers)
    report = {"backlog": 0, "sent": 0, "there": 2}
    await app.client.post("/api/upload-token/report", json=report, headers=headers)

    (one,) = (await look(app))["photographers"]

    assert (one["sent"], one["per_minute"]) == (2, 0)


async def test_a_job_leads_to_its_photo(app: App) -> None:
    """To the organiser's page of it: an admin is no guest of the event."""
    event = await make_event(app)
    await upload(app, event, "a.jpg", drawn(1))
    job = await app.resources.pool.fetchval("select id from job where kind = 'index_photo'")

    page = await (await app.client.get(f"/admin/jobs/{job}", headers=app.admin)).text()
    found = re.search(r'href="(/[^"]*)">a\.jpg<', page)

    assert found is not None
    assert (await app.client.get(found[1], headers=app.admin)).status == 200


async def test_an_event_that_ends_within_a_day_is_announced(app: App) -> None:
    soon = datetime.now(UTC) + timedelta(hours=20)
    await make_event(app, "Gala", expires_at=soon.isoformat())
    later = datetime.now(UTC) + timedelta(hours=30)
    await make_event(app, "Later", expires_at=later.isoformat())

    assert [(alert["kind"], alert["name"]) for alert in (await look(app))["alerts"]] == [
        ("expiring", "Gala")
    ]


async def test_an_engine_that_is_gone_is_an_alert_until_it_is_back(app: App) -> None:
    app.queue.note_outage()
    first = await look(app)
    second = await look(app)
    app.queue.engine.note_answer()
    third = await look(app)

    assert kinds(first) == kinds(second) == ["engine"]
    assert first["alerts"][0]["since"] == second["alerts"][0]["since"]
    assert kinds(third) == []


async def test_a_desk_without_a_worker_of_its_own_hears_of_an_outage_from_the_others(
    app: App, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `--role web`: the worker is another process on the same database."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.02)
    assert app.client.app is not None
    app.client.app[STATS].queue = NoWorkers()
    beating = asyncio.create_task(bench.heartbeat.run())

    async def the_desk_shows(alerts: list[str]) -> None:
        async def it_does() -> bool:
            return kinds(await look(app)) == alerts

        await until(it_does)

    bench.work.note_outage()
    await the_desk_shows(["engine"])
    bench.work.engine.note_answer()
    await the_desk_shows([])
    bench.work.note_outage()
    await the_desk_shows(["engine"])
    # and who is gone says nothing any more
    beating.cancel()
    await asyncio.wait([beating])
    await app.resources.pool.execute("update replica set seen_at = now() - interval '1 minute'")
    await the_desk_shows([])


async def leave_lying(conn: Connection) -> None:
    await conn.execute("update job set run_at = now() - interval '6 minutes', created_at = run_at")


async def test_work_that_nobody_does_is_an_alert_unless_the_queue_is_paused(app: App) -> None:
    event = await make_event(app)
    await upload(app, event, "a.jpg", drawn(1))
    async with app.resources.pool.acquire() as conn:
        await leave_lying(conn)

    stuck = await look(app)
    answer = await app.client.post("/api/admin/queue/pause", headers=app.admin)
    assert answer.status == 200
    paused = await look(app)

    assert kinds(stuck) == ["stuck"]
    assert kinds(paused) == []
    assert paused["stats"]["queue"]["paused"] is True


async def test_many_failures_within_minutes_are_an_alert(app: App) -> None:
    event = await make_event(app)
    for seed in range(11):
        await upload(app, event, f"{seed}.jpg", drawn(seed))
    await app.resources.pool.execute(
        "update job set state = 'failed', error = 'The picture is damaged.', finished_at = now()"
    )

    document = await look(app)

    assert kinds(document) == ["failing"]
    assert document["alerts"][0]["number"] == 11
    assert document["work"]["failed"][0]["error"] == "The picture is damaged."


async def test_a_full_disk_comes_before_a_silent_computer(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("findme.operations.dashboard.LEAST_DISK_SHARE", 1.0)
    headers = await make_token(app, await make_event(app))
    await app.client.post("/api/upload-token/report", json={"backlog": 1}, headers=headers)
    await app.resources.pool.execute(
        "update upload_token set reported_at = now() - interval '1 hour'"
    )

    assert kinds(await look(app)) == ["disk", "silent"]


async def test_the_photographers_of_one_event_are_listed_apart(app: App) -> None:
    event, other = await make_event(app), await make_event(app)
    await make_token(app, event)
    await make_token(app, other)

    answer = await app.client.get(
        f"/api/admin/events/{event['id']}/photographers", headers=app.admin
    )

    (one,) = await answer.json()
    assert (one["name"], one["reported_at"], one["event_id"]) == ("Zoe", None, event["id"])


OF_THE_DESK: Sequence[str] = [
    "/api/admin/desk",
    "/admin",
    "/admin/stream",
    "/admin/jobs",
    "/admin/jobs/1",
    "/admin/events/1/photographers",
    "/api/admin/events/1/photographers",
]


async def test_nobody_but_admins_sees_the_desk(app: App) -> None:
    event = await make_event(app)
    photographer = await make_token(app, event)

    for path in OF_THE_DESK:
        assert (await app.client.get(path)).status == 401, path
        assert (await app.client.get(path, headers=photographer)).status == 404, path


async def test_pages_of_jobs_filter_page_and_tell_a_history(app: App) -> None:
    event = await make_event(app)
    for seed in range(3):
        await upload(app, event, f"{seed}.jpg", drawn(seed))
    await app.drain()

    newest = await (await app.client.get("/admin/jobs?limit=2", headers=app.admin)).text()
    failed = await (await app.client.get("/admin/jobs?state=failed", headers=app.admin)).text()
    wrong = await app.client.get("/admin/jobs?state=nonsense", headers=app.admin)
    job = await (await app.client.get("/admin/jobs/1", headers=app.admin)).text()
    unknown = await app.client.get("/admin/jobs/999", headers=app.admin)

    assert "2.jpg" in newest
    assert "0.jpg" not in newest
    assert "before=2" in newest
    assert "2.jpg" not in failed
    assert wrong.status == 422
    assert "0.jpg" in job
    assert "<li>" in job
    assert unknown.status == 404


async def test_the_stream_sends_what_changed_and_then_nothing(app: App) -> None:
    event = await make_event(app)
    await upload(app, event, "a.jpg", drawn(1))
    async with app.client.get("/admin/stream?lang=en", headers=app.admin) as answer:
        lines: list[str] = []
        while len(lines) < 2:
            line = (await answer.content.readline()).decode()
            if line.startswith("data:"):
                lines.append(line)

    assert '"queue"' in lines[0]
    assert '"alerts"' in lines[0]
    assert len(lines[1]) < len(lines[0])
