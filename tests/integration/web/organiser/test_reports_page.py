"""What guests reported, before its organiser: left, hidden or deleted."""

import re
from typing import Any

import pytest

from findme import db
from tests.conftest import App
from tests.support.helpers import Member, add_photos, make_event, member


@pytest.fixture
async def event(app: App) -> dict[str, Any]:
    return await make_event(app)


@pytest.fixture
async def guest(app: App, event: dict[str, Any]) -> Member:
    return await member(app.resources.pool, event)


async def report(app: App, event: dict[str, Any], guest: Member, note: str) -> int:
    """Let a guest report a new photo; return it."""
    async with db.acquire(app.resources.pool) as conn:
        (photo_id,) = await add_photos(conn, event, 1, prefix=note)
    answer = await app.client.post(
        f"/api/photos/{photo_id}/report",
        json={"reason": "private", "note": note},
        headers=guest.headers,
    )
    assert answer.status == 201, await answer.text()
    return photo_id


async def page(app: App, event: dict[str, Any], query: str = "") -> str:
    answer = await app.client.get(
        f"/admin/events/{event['id']}/reports{query}",
        headers={**app.admin, "Accept": "text/html", "Accept-Language": "en"},
    )
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def press(
    app: App, event: dict[str, Any], word: str, report_id: str, status: int = 303
) -> None:
    answer = await app.client.post(
        f"/admin/events/{event['id']}/reports",
        data={"act": word, "report_id": report_id},
        headers=app.admin,
        allow_redirects=False,
    )
    assert answer.status == status, await answer.text()


def listed(text: str) -> list[str]:
    return re.findall(r'name="report_id" value="(\d+)"', text)


async def reviews(app: App, event: dict[str, Any]) -> dict[str, str]:
    answer = await app.client.get(
        f"/api/admin/events/{event['id']}/contact-sheet", headers=app.admin
    )
    return {photo["id"]: photo["review"] for photo in await answer.json()}


async def test_a_report_shows_photo_reason_and_note(
    app: App, event: dict[str, Any], guest: Member
) -> None:
    photo_id = await report(app, event, guest, "My <b>passport</b>")

    text = await page(app, event)

    assert "It shows something private" in text
    assert "My &lt;b&gt;passport&lt;/b&gt;" in text
    assert f"/admin/events/{event['id']}/photos/{photo_id}" in text
    assert "Ada" in text


async def test_a_settled_report_leaves_the_list_and_the_photo_stays(
    app: App, event: dict[str, Any], guest: Member
) -> None:
    photo_id = await report(app, event, guest, "one")
    (report_id,) = listed(await page(app, event))

    await press(app, event, "settle", report_id)

    assert listed(await page(app, event)) == []
    assert listed(await page(app, event, "?state=settled")) == [report_id]
    assert await reviews(app, event) == {str(photo_id): "shown"}


async def test_hiding_takes_the_photo_from_the_guests(
    app: App, event: dict[str, Any], guest: Member
) -> None:
    photo_id = await report(app, event, guest, "one")
    (report_id,) = listed(await page(app, event))

    await press(app, event, "hide", report_id)

    assert await reviews(app, event) == {str(photo_id): "hidden"}
    seen = await app.client.get(f"/api/all-photos?event={event['id']}", headers=guest.headers)
    assert await seen.json() == []
    assert listed(await page(app, event)) == []


async def test_deleting_takes_photo_and_report_away(
    app: App, event: dict[str, Any], guest: Member
) -> None:
    await report(app, event, guest, "one")
    kept = await report(app, event, guest, "two")
    newest, oldest = listed(await page(app, event))

    await press(app, event, "delete", oldest)

    assert await reviews(app, event) == {str(kept): "shown"}
    assert listed(await page(app, event)) == [newest]
    assert listed(await page(app, event, "?state=settled")) == []


async def test_a_report_stays_open_where_its_photo_could_not_be_deleted(
    app: App, event: dict[str, Any], guest: Member
) -> None:
    """Nor does the audit log say that it was."""
    photo_id = await report(app, event, guest, "one")
    (report_id,) = listed(await page(app, event))
    await app.resources.pool.execute("""
        create function refuse() returns trigger language plpgsql as
            $$ begin raise exception 'no room'; end $$;
        create trigger refuse before delete on photo for each row execute function refuse()""")

    await press(app, event, "delete", report_id, 500)

    assert listed(await page(app, event)) == [report_id]
    assert await reviews(app, event) == {str(photo_id): "shown"}
    log = await app.client.get(f"/api/admin/audit?event_id={event['id']}", headers=app.admin)
    assert [entry["action"] for entry in await log.json()] == ["event.created"]


async def test_reports_of_another_event_are_out_of_reach(
    app: App, event: dict[str, Any], guest: Member
) -> None:
    photo_id = await report(app, event, guest, "one")
    (report_id,) = listed(await page(app, event))
    other = await make_event(app, "Other")

    await press(app, other, "delete", report_id, 404)
    await press(app, event, "burn", report_id, 422)
    await press(app, event, "delete", "x", 404)

    assert listed(await page(app, other)) == []
    assert await reviews(app, event) == {str(photo_id): "shown"}


async def test_only_admins_find_the_page(app: App, event: dict[str, Any], guest: Member) -> None:
    path = f"/admin/events/{event['id']}/reports"
    for method in ("GET", "POST"):
        assert (await app.client.request(method, path, headers=guest.headers)).status == 404
        assert (await app.client.request(method, path)).status == 401
