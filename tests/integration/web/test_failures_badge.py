"""The number of failed jobs beside "Jobs" on every page of the organiser, and on no other."""

import re
from collections.abc import Sequence

import orjson
import pytest

from tests.conftest import App
from tests.support.helpers import make_event, member, upload
from tests.support.no_engine_app import app, settings
from tests.support.pictures import drawn

__all__ = ["app", "settings"]

BADGE = re.compile(r'<span class="badge"><span aria-hidden="true">([^<]*)</span>')


async def fail(app: App, number: int) -> str:
    """Return an event's id, with so many jobs that failed and one that waits."""
    event = await make_event(app)
    await upload(app, event, "a.jpg", drawn(1))
    await app.resources.pool.execute(
        """
        insert into job (kind, label, state, priority, event_id, error, finished_at)
        select 'index_photo', 'x.jpg', 'failed', 2, $1, 'The picture is damaged.', now()
          from generate_series(1, $2)""",
        int(event["id"]),
        number,
    )
    return str(event["id"])


async def badges(app: App, path: str, headers: dict[str, str]) -> list[str]:
    answer = await app.client.get(path, headers={**headers, "Accept-Language": "en"})
    assert answer.status == 200, path
    return BADGE.findall(await answer.text())


PAGES: Sequence[str] = [
    "/admin",
    "/admin/events",
    "/admin/events/{}",
    "/admin/events/{}/photos",
    "/admin/jobs",
    "/admin/events/{}/guests",
    "/admin/events/{}/choices",
    "/admin/audit",
    "/admin/webhooks",
]


async def test_every_page_of_the_organiser_counts_failed_jobs(app: App) -> None:
    event_id = await fail(app, 3)
    for page in PAGES:
        assert await badges(app, page.format(event_id), app.admin) == ["3"], page


async def test_without_a_failed_job_there_is_no_number(app: App) -> None:
    await fail(app, 0)
    assert await badges(app, "/admin/events", app.admin) == []


@pytest.mark.parametrize("page", ["/admin", "/admin/events"])
async def test_more_than_two_digits_are_not_counted(app: App, page: str) -> None:
    await fail(app, 120)
    assert await badges(app, page, app.admin) == ["99+"]


async def test_guests_pages_do_not_count_jobs(app: App) -> None:
    event_id = await fail(app, 3)
    ada = await member(app.resources.pool, {"id": event_id})
    for path in (f"/gallery?event={event_id}", "/account"):
        assert await badges(app, path, ada.headers) == []


async def test_an_open_desk_is_told_the_number(app: App) -> None:
    await fail(app, 3)
    async with app.client.get("/admin/stream?lang=en", headers=app.admin) as answer:
        line = b""
        while not line.startswith(b"data:"):
            line = await answer.content.readline()
    assert BADGE.findall(orjson.loads(line.removeprefix(b"data:"))["failures"]) == ["3"]
