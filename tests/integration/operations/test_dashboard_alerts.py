"""What the desk says when something needs a person: each alert, made true, in both languages."""

import asyncio
import html
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from findme import db
from findme.db import Pool
from findme.operations import dashboard
from findme.operations.dashboard import Alert, AlertKind, Dashboard
from findme.web.operator.dashboard_page import DASHBOARD
from tests.conftest import App
from tests.support.helpers import make_event, make_token, upload
from tests.support.no_engine_app import app, settings
from tests.support.pictures import drawn

__all__ = ["app", "settings"]

#: What a page shows where a value is missing.
GAPS = ("None", "%(", "{{", "undefined")

#: By kind: what a reader sees of it, in French and in English.
SENTENCES: dict[AlertKind, tuple[str, str]] = {
    "engine": ("Le moteur de visages ne répond plus depuis", "The face engine is not answering"),
    "stuck": ("alors que du travail attend", "though work is waiting"),
    "budget": ("Le budget Rekognition du mois est épuisé", "budget for Rekognition is spent"),
    "disk": ("Le disque est presque plein", "The disk is nearly full"),
    "database": ("Toutes les connexions à la base sont prises", "All connections to the database"),
    "silent": ("L’ordinateur de Zoe n’envoie plus rien", "Zoe’s computer has sent nothing"),
    "failing": ("12 tâches ont échoué en dix minutes", "12 jobs failed within ten minutes"),
    "expiring": ("Gala prend fin le", "Gala ends on"),
}


@pytest.fixture(autouse=True)
def lasting_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a look hold until a test forgets it, however slow the machine is."""
    monkeypatch.setattr(dashboard, "PERIOD", float("inf"))


Prepare = Callable[[App], Awaitable[None]]


def dashboard_of(app: App) -> Dashboard:
    assert app.client.app is not None
    return app.client.app[DASHBOARD]


async def look(app: App) -> list[Alert]:
    """Return the alerts of a look made anew, which then holds for the pages that follow."""
    desk = dashboard_of(app)
    desk.forget()
    alerts: list[Alert] = (await desk.look())["alerts"]
    return alerts


async def alerts_on_page(app: App, language: str) -> str:
    """Return the page from its alerts on, as it is read."""
    headers = {**app.admin, "Accept-Language": language}
    answer = await app.client.get("/admin", headers=headers)
    assert answer.status == 200, await answer.text()
    page = html.unescape(await answer.text())
    return page[page.index('data-part="alerts"') : page.index('id="clear-cache"')]


async def outage(app: App) -> None:
    app.queue.note_outage()


async def lie(app: App) -> None:
    await upload(app, await make_event(app), "a.jpg", drawn(1))
    await app.resources.pool.execute(
        "update job set run_at = now() - interval '6 minutes', created_at = now() - interval '2 h'"
    )


async def spend(app: App) -> None:
    meter = app.resources.faces.meter
    meter.paid, meter.budget_usd = True, 0.0


async def fill(app: App) -> None:
    """The bound itself is moved: nobody fills the disk of a machine for a test."""


async def fall_silent(app: App) -> None:
    headers = await make_token(app, await make_event(app))
    report = {"backlog": 62, "sent": 97}
    await app.client.post("/api/upload-token/report", json=report, headers=headers)
    await app.resources.pool.execute(
        "update upload_token set reported_at = now() - interval '14 minutes'"
    )


async def fail(app: App) -> None:
    event = await make_event(app)
    for seed in range(12):
        await upload(app, event, f"{seed}.jpg", drawn(seed))
    await app.resources.pool.execute(
        "update job set state = 'failed', error = 'The picture is damaged.', finished_at = now()"
    )


async def end(app: App) -> None:
    soon = datetime.now(UTC) + timedelta(hours=20)
    await make_event(app, "Gala", expires_at=soon.isoformat())


@pytest.mark.parametrize(
    ("kind", "prepare"),
    [("engine", outage), ("stuck", lie), ("budget", spend), ("disk", fill),
     ("silent", fall_silent), ("failing", fail), ("expiring", end)],
)  # fmt: skip
async def test_an_alert_that_is_true_is_told_in_both_languages(
    app: App, monkeypatch: pytest.MonkeyPatch, kind: AlertKind, prepare: Prepare
) -> None:
    before = await look(app)
    if kind == "disk":
        monkeypatch.setattr("findme.operations.dashboard.LEAST_DISK_SHARE", 1.0)
    await prepare(app)

    alerts = await look(app)

    assert before == []
    assert [alert.kind for alert in alerts] == [kind]
    for language, sentence in zip(("fr", "en"), SENTENCES[kind], strict=True):
        told = await alerts_on_page(app, language)
        assert sentence in told
        assert [gap for gap in GAPS if gap in told] == []


async def borrow(pool: Pool) -> None:
    async with db.acquire(pool) as conn:
        await conn.fetchval("select 1")


async def test_callers_who_wait_for_a_connection_are_an_alert(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("findme.operations.dashboard.MOST_WAITING", timedelta(0))
    pool = app.resources.pool
    held = [await pool.acquire() for _ in range(pool.get_max_size())]
    looking = asyncio.create_task(look(app))
    # nothing announces that somebody waits
    while db.count_waiting(pool) == 0:  # noqa: ASYNC110
        await asyncio.sleep(0)
    waiting = [asyncio.create_task(borrow(pool)) for _ in range(5)]
    while db.count_waiting(pool) < 1 + len(waiting):  # noqa: ASYNC110
        await asyncio.sleep(0)
    await pool.release(held.pop())
    alerts = await looking
    for connection in held:
        await pool.release(connection)
    await asyncio.gather(*waiting)

    assert [alert.kind for alert in alerts] == ["database"]
    for language, sentence in zip(("fr", "en"), SENTENCES["database"], strict=True):
        assert sentence in await alerts_on_page(app, language)
    assert await look(app) == []


async def test_everything_at_once_is_told_in_the_order_of_urgency(app: App) -> None:
    """Two in the bar, the others below it, each with its sentence."""
    await look(app)
    desk, now = dashboard_of(app), datetime.now(UTC)
    alerts = [Alert(kind, now, "Zoe", 1, 12) for kind in SENTENCES]
    alerts[-1] = replace(alerts[-1], name="Gala")
    document = await desk.look()
    document["alerts"] = alerts

    for place, language in enumerate(("fr", "en")):
        told = await alerts_on_page(app, language)
        positions = [told.find(sentences[place]) for sentences in SENTENCES.values()]
        assert min(positions) >= 0
        assert positions == sorted(positions)
        assert told.count('class="notice alert bar"') == 2
