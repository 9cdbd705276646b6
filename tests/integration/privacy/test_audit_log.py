"""The audit log: what admins did and what was deleted, without a guest's name or id."""

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from yarl import URL

import findme
from findme import db
from findme.operations import retention
from findme.paths import TEMPLATES
from findme.privacy import audit_log
from tests.conftest import App
from tests.support.helpers import add_photos, bearer, make_event, make_token, member, problem
from tests.support.no_engine_app import app, settings
from tests.support.service import ADMIN_EMAIL

__all__ = ["app", "settings"]

AUDIT = "/api/admin/audit"
Entry = dict[str, object]


async def entries(app: App, query: str = "") -> list[Entry]:
    answer = await app.client.get(f"{AUDIT}{query}", headers=app.admin)
    assert answer.status == 200, await answer.text()
    found: list[Entry] = await answer.json()
    return found


async def actions(app: App) -> list[object]:
    """Return the actions, the oldest first."""
    return [entry["action"] for entry in await entries(app)][::-1]


async def test_what_an_admin_does_to_an_event_is_noted_with_their_name(app: App) -> None:
    event = await make_event(app)
    path = f"/api/admin/events/{event['id']}"
    changes = {"match_threshold": 95, "join_open": False}
    assert (await app.client.patch(path, json=changes, headers=app.admin)).status == 200
    assert (await app.client.post(f"{path}/reindex", headers=app.admin)).status == 202
    assert (await app.client.delete(path, headers=app.admin)).status == 204
    found = (await entries(app))[::-1]
    assert [entry["action"] for entry in found] == [
        "event.created",
        "event.changed",
        "event.reindexed",
        "event.deleted",
    ]
    assert {entry["actor"] for entry in found} == {ADMIN_EMAIL}
    assert {entry["event_id"] for entry in found} == {event["id"]}
    assert found[1]["detail"] == {"members": ["join_open", "match_threshold"]}


async def test_the_page_calls_an_event_by_its_name_while_it_is_there(app: App) -> None:
    event = await make_event(app, "Inès & Malik")
    before = await (await app.client.get("/admin/audit", headers=app.admin)).text()
    await app.client.delete(f"/api/admin/events/{event['id']}", headers=app.admin)
    after = await (await app.client.get("/admin/audit", headers=app.admin)).text()
    link = f'<a href="/admin/audit?event_id={event["id"]}">'
    assert f"{link}Inès &amp; Malik</a>" in before
    assert f"{link}{event['id']}</a>" in after


async def test_what_fails_is_not_noted(app: App) -> None:
    event = await make_event(app)
    path = f"/api/admin/events/{event['id']}"
    answer = await app.client.patch(path, json={"match_threshold": 200}, headers=app.admin)
    assert answer.status == 422
    for gone in ("/api/admin/events/999", "/api/admin/photos/999", f"{path}/tokens/999"):
        assert (await app.client.delete(gone, headers=app.admin)).status == 404
    assert await actions(app) == ["event.created"]


async def test_photos_tokens_and_the_queue_are_noted(app: App) -> None:
    event = await make_event(app)
    await make_token(app, event)
    token_id = await app.resources.pool.fetchval("select id from upload_token")
    async with db.acquire(app.resources.pool) as conn:
        (photo_id,) = await add_photos(conn, event, 1)
    await app.client.delete(f"/api/admin/events/{event['id']}/tokens/{token_id}", headers=app.admin)
    await app.client.delete(f"/api/admin/photos/{photo_id}", headers=app.admin)
    await app.client.post("/api/admin/queue/pause", headers=app.admin)
    await app.client.post("/api/admin/queue/pause", headers=app.admin)
    await app.client.patch("/api/admin/queue", json={"workers": 2}, headers=app.admin)
    await app.client.post(
        "/api/admin/queue/jobs/retry", json={"state": "failed"}, headers=app.admin
    )
    found = (await entries(app))[::-1]
    assert [(entry["action"], entry["subjects"]) for entry in found] == [
        ("event.created", []),
        ("token.created", [str(token_id)]),
        ("token.revoked", [str(token_id)]),
        ("photo.deleted", [str(photo_id)]),
        ("queue.paused", []),
        ("queue.changed", []),
        ("jobs.retried", []),
    ]
    assert found[5]["detail"] == {"workers": 2}


async def test_reports_and_retries_are_noted_whichever_way_they_are_asked_for(app: App) -> None:
    event = await make_event(app)
    guest = await member(app.resources.pool, event)
    async with db.acquire(app.resources.pool) as conn:
        (photo_id,) = await add_photos(conn, event, 1)
    answer = await app.client.post(
        f"/api/photos/{photo_id}/report", json={"reason": "private"}, headers=guest.headers
    )
    report_id = (await answer.json())["id"]
    path = f"/api/admin/events/{event['id']}/reports/{report_id}/settle"
    assert (await app.client.post(path, headers=app.admin)).status == 204
    one, several = f"/api/admin/photos/{photo_id}/retry", "/api/admin/photos/retry"
    assert (await app.client.post(one, json={}, headers=app.admin)).status == 202
    await app.resources.pool.execute("delete from job")
    body = {"ids": [str(photo_id)]}
    assert (await app.client.post(several, json=body, headers=app.admin)).status == 202
    # in work by now: nothing is asked for, and nothing noted
    assert (await app.client.post(several, json=body, headers=app.admin)).status == 202
    found = (await entries(app))[::-1]
    assert [(entry["action"], entry["event_id"], entry["subjects"]) for entry in found[1:]] == [
        ("report.settled", event["id"], [str(photo_id)]),
        ("photos.retried", event["id"], [str(photo_id)]),
        ("photos.retried", event["id"], [str(photo_id)]),
    ]
    assert {entry["actor"] for entry in found} == {ADMIN_EMAIL}


async def test_what_was_reviewed_and_deleted_is_in_the_log_of_each_event(app: App) -> None:
    """Whichever way: the contact sheet's script asks the API, the page without scripts a form."""
    events = [await make_event(app), await make_event(app)]
    async with db.acquire(app.resources.pool) as conn:
        photo_ids = [photo_id for event in events for photo_id in await add_photos(conn, event, 1)]
    body = {"ids": [str(photo_id) for photo_id in photo_ids], "review": "hidden"}
    path = "/api/admin/photos/review"
    assert (await app.client.post(path, json=body, headers=app.admin)).status == 200
    for event, photo_id in zip(events, photo_ids, strict=True):
        form = {"act": "shown", "ids": str(photo_id)}
        page = f"/admin/events/{event['id']}/photos"
        assert (await app.client.post(page, data=form, headers=app.admin)).status == 200
    one, other = photo_ids
    assert (await app.client.delete(f"/api/admin/photos/{one}", headers=app.admin)).status == 204
    body = {"ids": [str(other)]}
    assert (
        await app.client.post("/api/admin/photos/delete", json=body, headers=app.admin)
    ).status == 200
    for event, photo_id in zip(events, photo_ids, strict=True):
        found = (await entries(app, f"?event_id={event['id']}"))[::-1]
        assert [(entry["action"], entry["detail"]) for entry in found[1:]] == [
            ("photos.reviewed", {"review": "hidden"}),
            ("photos.reviewed", {"review": "shown"}),
            ("photo.deleted", {}),
        ]
        assert [entry["subjects"] for entry in found[1:]] == [[str(photo_id)]] * 3


async def test_tests_and_repeats_of_webhooks_are_noted(app: App) -> None:
    """By the API and by the pages; what is not there is neither tested nor noted."""
    body = {"url": "https://example.org/hook", "topics": ["photo.ready"]}
    answer = await app.client.post("/api/admin/webhooks", json=body, headers=app.admin)
    hook = (await answer.json())["id"]
    path = f"/api/admin/webhooks/{hook}/test"
    answer = await app.client.post(path, headers=app.admin)
    delivery = (await answer.json())["id"]
    path = f"/api/admin/webhooks/deliveries/{delivery}/redeliver"
    assert (await app.client.post(path, headers=app.admin)).status == 202
    for path, form in (
        (f"/admin/webhooks/{hook}", {"act": "test"}),
        (f"/admin/webhooks/deliveries/{delivery}", {}),
    ):
        assert (await app.client.post(path, data=form, headers=app.admin)).status == 200
    for path in ("/api/admin/webhooks/999/test", "/api/admin/webhooks/deliveries/999/redeliver"):
        assert (await app.client.post(path, headers=app.admin)).status == 404
    found = (await entries(app))[::-1]
    assert [entry["action"] for entry in found] == [
        "webhook.created",
        "webhook.tested",
        "webhook.repeated",
        "webhook.tested",
        "webhook.repeated",
    ]
    assert {entry["actor"] for entry in found} == {ADMIN_EMAIL}
    assert [entry["subjects"] for entry in found] == [[hook]] * 5


async def test_deletions_by_guests_and_by_time_have_no_actor(app: App) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    first, second = await make_event(app), await make_event(app, expires_at=soon.isoformat())
    guest = await member(app.resources.pool, first)
    assert (await app.client.delete("/api/me", headers=guest.headers)).status == 204
    await app.resources.pool.execute(
        "update event set expires_at = now() where id = $1", int(second["id"])
    )
    assert await retention.delete_expired_events(app.resources.pool) == 1
    expired, erased = (await entries(app))[:2]
    assert (erased["action"], erased["actor_id"], erased["event_id"]) == (
        "account.erased", None, None,
    )  # fmt: skip
    assert (expired["action"], expired["actor_id"]) == ("event.expired", None)
    assert expired["event_id"] == second["id"]


async def test_nothing_in_the_log_leads_to_a_guest(app: App) -> None:
    event = await make_event(app)
    removed = await member(app.resources.pool, event, "removed@example.org")
    left = await member(app.resources.pool, event, "left@example.org")
    path = f"/api/admin/events/{event['id']}/guests/{removed.user_id}"
    assert (await app.client.delete(path, headers=app.admin)).status == 204
    assert (await app.client.delete("/api/me", headers=left.headers)).status == 204
    rows = await app.resources.pool.fetch(
        "select action, subjects, detail, actor_id from audit where action <> 'event.created'"
    )
    assert sorted(row["action"] for row in rows) == ["account.erased", "guest.removed"]
    for row in rows:
        assert row["subjects"] == []
        assert row["actor_id"] not in (removed.user_id, left.user_id)
        assert set(orjson.loads(row["detail"])) <= {"events"}


async def test_an_admin_who_is_gone_is_not_named_any_more(app: App) -> None:
    await make_event(app)
    await app.resources.pool.execute("delete from account where email = $1", ADMIN_EMAIL)
    row = await app.resources.pool.fetchrow("select action, actor_id from audit")
    assert row is not None
    assert tuple(row) == ("event.created", None)


async def test_the_log_is_paged_and_can_be_of_one_event(app: App) -> None:
    events = [await make_event(app) for _ in range(3)]
    answer = await app.client.get(f"{AUDIT}?limit=2", headers=app.admin)
    assert answer.headers["X-Total-Count"] == "3"
    assert [entry["event_id"] for entry in await answer.json()] == [
        events[2]["id"],
        events[1]["id"],
    ]
    following = answer.links["next"]["url"]
    answer = await app.client.get(URL(str(following)).path_qs, headers=app.admin)
    assert [entry["event_id"] for entry in await answer.json()] == [events[0]["id"]]
    assert "Link" not in answer.headers
    (entry,) = await entries(app, f"?event_id={events[1]['id']}")
    assert entry["event_id"] == events[1]["id"]


async def test_only_admins_read_it(app: App) -> None:
    event = await make_event(app)
    guest = await member(app.resources.pool, event)
    for path in (AUDIT, "/admin/audit"):
        html = {"Accept": "application/json"}
        assert (await app.client.get(path, headers=html)).status in (401, 303)
        assert (await app.client.get(path, headers={**html, **guest.headers})).status == 404
    answer = await app.client.get(AUDIT, headers=await make_token(app, event))
    assert await problem(answer) == (404, "not_found")
    assert (await app.client.get(AUDIT, headers=bearer("odd"))).status == 401


async def test_the_page_shows_the_log(app: App) -> None:
    event = await make_event(app)
    answer = await app.client.get(
        "/admin/audit", headers={**app.admin, "Accept": "text/html", "Accept-Language": "fr"}
    )
    page = await answer.text()
    assert answer.status == 200
    assert "Événement créé" in page
    assert ADMIN_EMAIL in page
    assert f"event_id={event['id']}" in page


def test_every_action_that_is_noted_has_its_words_on_the_page() -> None:
    noted = {
        action
        for path in Path(findme.__file__).parent.rglob("*.py")
        for call in re.findall(r"audit_log\.note\((.*?)\)\n", path.read_text("utf-8"), re.DOTALL)
        for action in re.findall(r'"([a-z_]+\.[a-z_]+)"', call)
    }
    page = (TEMPLATES / "admin/audit.html").read_text("utf-8")
    assert len(noted) > 20
    assert {action for action in noted if f'"{action}": _(' not in page} == set()


async def test_details_are_told_in_the_readers_language(app: App) -> None:
    """No name of the API is left; what two names stand for is said once."""
    event = await make_event(app)
    path = f"/api/admin/events/{event['id']}"
    changes = {"join_open": False, "download_size": "large", "downloads": True}
    await app.client.patch(path, json=changes, headers=app.admin)
    limits = {"workers": 2, "concurrency": None}
    await app.client.patch("/api/admin/queue", json=limits, headers=app.admin)
    await app.client.post(
        "/api/admin/queue/jobs/retry", json={"state": "failed"}, headers=app.admin
    )
    async with db.transaction(app.resources.pool) as conn:
        for action, detail in (
            ("photos.reviewed", {"review": "hidden"}),
            ("report.settled", {"photo": "hide"}),
            ("webhook.changed", {"active": "off"}),
            ("group.named", {"named": True}),
            ("group.hidden", {"hidden": False}),
            ("group.merged", {"groups": 2}),
            ("group.split", {"faces": 3}),
            ("account.erased", {"events": 1}),
        ):
            await audit_log.note(conn, None, action, detail=detail)
    pages = [
        html.unescape(
            await (
                await app.client.get(
                    "/admin/audit", headers={**app.admin, "Accept-Language": language}
                )
            ).text()
        )
        for language in ("en", "fr")
    ]
    for page, sentences in zip(
        pages,
        (
            ("What guests download, Who may join", "Workers of each service: 2", "0 jobs",
             "Rekognition calls at a time: as the settings say", "Hidden photo", "Switched off",
             "The photo was hidden", "A name was given", "Back in the list", "2 groups", "3 faces",
             "1 event"),
            ("Ce que les invités téléchargent, Qui peut rejoindre", "à la fois\u00a0: selon les",
             "Masquée", "La photo a été masquée", "Arrêté", "Un nom a été donné",
             "De retour dans la liste", "2 groupes", "3 visages", "1 événement"),
        ),
        strict=True,
    ):  # fmt: skip
        details = "\n".join(
            re.findall(r'<td class="small muted whole">(.*?)</td>', page, re.DOTALL)
        )
        assert [sentence for sentence in sentences if sentence not in details] == []
        for raw in ("join_open", "download_size", "review", "active:", "concurrency", "None"):
            assert raw not in details
