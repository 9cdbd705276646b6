"""Webhooks: who is told of what, signed, until it is heard; nothing of our own network is asked."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from findme import db
from findme.messaging import webhook_delivery, webhooks
from findme.messaging.safe_http import open_outbound
from findme.models import EventId, PhotoId
from findme.settings import Settings
from tests.conftest import App
from tests.support.helpers import make_event, make_token, member, prepare_photo, problem, upload
from tests.support.no_engine_app import app
from tests.support.pictures import drawn

__all__ = ["app"]

HOOKS = "/api/admin/webhooks"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(findme_data_dir=tmp_path, webhook_allow_private=True)


@dataclass
class Receiver:
    """Somebody who is told, and answers as the test says."""

    status: int = 200
    said: str = "thanks"
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, text=self.said, headers={"Location": "/hook"})

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.add_routes([web.post("/hook", receiver.hear)])
    async with TestServer(application) as server:
        receiver.url = str(server.make_url("/hook"))
        yield receiver


async def make(app: App, url: str, *topics: str) -> dict[str, Any]:
    answer = await app.client.post(
        HOOKS, json={"url": url, "topics": topics or webhooks.TOPICS}, headers=app.admin
    )
    assert answer.status == 201, await answer.text()
    made: dict[str, Any] = await answer.json()
    return made


async def deliver(app: App) -> int:
    """Make all attempts that are due, those of batches at once; return how many."""
    pool, made = app.resources.pool, 0
    await pool.execute("update webhook_delivery set next_at = now() where attempts = 0")
    while await webhook_delivery.deliver_due(pool, allow_private=True):
        made += 1
    return made


async def deliveries(app: App, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await app.client.get(f"{HOOKS}/{webhook['id']}/deliveries", headers=app.admin)
    assert answer.status == 200
    found: list[dict[str, Any]] = await answer.json()
    assert answer.headers["X-Total-Count"] == str(len(found))
    return found


async def test_a_new_event_is_told_of_with_a_signature(app: App, receiver: Receiver) -> None:
    hook = await make(app, receiver.url)
    event = await make_event(app, name="Gala")
    assert await deliver(app) == 1
    ((headers, body),) = receiver.heard
    told = json.loads(body)
    assert (told["type"], told["event_id"], told["data"]["name"]) == (
        "event.created", event["id"], "Gala",
    )  # fmt: skip
    assert headers["Content-Type"] == "application/json"
    at, _, digest = headers["FindMe-Signature"].removeprefix("t=").partition(",v1=")
    signed = hmac.new(hook["secret"].encode(), f"{at}.".encode() + body, hashlib.sha256)
    assert hmac.compare_digest(digest, signed.hexdigest())
    assert abs(datetime.now(UTC).timestamp() - int(at)) < 300
    (row,) = await deliveries(app, hook)
    assert (row["state"], row["attempts"], row["status"], row["error"]) == (
        "delivered", 1, 200, None,
    )  # fmt: skip
    assert row["id"] == told["id"] == headers["FindMe-Delivery"]


async def test_only_those_are_told_who_want_to_know(app: App, receiver: Receiver) -> None:
    await make(app, receiver.url, "photo.ready")
    off = await make(app, receiver.url, "event.created")
    answer = await app.client.patch(
        f"{HOOKS}/{off['id']}", json={"active": False}, headers=app.admin
    )
    assert (await answer.json())["active"] is False
    await make_event(app)
    assert await deliver(app) == 0


async def test_photos_of_the_same_moment_are_told_of_together(app: App, receiver: Receiver) -> None:
    await make(app, receiver.url, "photo.ready")
    first, second = await make_event(app), await make_event(app)

    async def ready(event: dict[str, Any], *photos: int) -> None:
        for photo_id in photos:
            async with db.transaction(app.resources.pool) as conn:
                await webhooks.announce_photo(conn, EventId(int(event["id"])), PhotoId(photo_id))

    await ready(first, 1, 2, 3)
    await ready(second, 4)
    assert await deliver(app) == 2
    await ready(first, 5)
    assert await deliver(app) == 1
    assert [(body["event_id"], body["data"]["photos"]) for body in receiver.bodies] == [
        (first["id"], ["1", "2", "3"]),
        (second["id"], ["4"]),
        (first["id"], ["5"]),
    ]


async def test_a_photo_is_told_of_once_guests_can_see_it(app: App, receiver: Receiver) -> None:
    await make(app, receiver.url, "photo.ready")
    event = await make_event(app)
    verdict = await upload(app, event, "a.jpg", drawn(1))
    assert await deliver(app) == 0
    await prepare_photo(app, verdict["photo_id"])
    assert await deliver(app) == 1
    assert receiver.bodies[0]["data"]["photos"] == [verdict["photo_id"]]


async def test_what_is_rolled_back_is_not_told(app: App, receiver: Receiver) -> None:
    await make(app, receiver.url)
    answer = await app.client.post(
        "/api/admin/events", json={"name": "Gala", "match_threshold": 1000}, headers=app.admin
    )
    assert answer.status == 422
    assert await deliver(app) == 0


async def test_an_event_that_expires_is_told_of_once_for_each_time_that_is_set(
    app: App, receiver: Receiver
) -> None:
    await make(app, receiver.url, "event.expiring")
    pool = app.resources.pool
    now = datetime.now(UTC)
    soon = await make_event(app, expires_at=(now + timedelta(hours=3)).isoformat())
    await make_event(app, expires_at=(now + timedelta(days=3)).isoformat())
    for expected in (1, 0):
        async with db.transaction(pool) as conn:
            assert await webhooks.announce_expiring(conn) == expected
    later = (now + timedelta(hours=5)).isoformat()
    path = f"/api/admin/events/{soon['id']}"
    await app.client.patch(path, json={"expires_at": later}, headers=app.admin)
    async with db.transaction(pool) as conn:
        assert await webhooks.announce_expiring(conn) == 1
    assert await deliver(app) == 2
    assert {body["event_id"] for body in receiver.bodies} == {soon["id"]}


async def test_a_receiver_that_fails_is_told_again_ever_more_rarely_and_given_up(
    app: App, receiver: Receiver
) -> None:
    hook = await make(app, receiver.url)
    receiver.status, receiver.said = 500, "x" * 5000
    await make_event(app)
    waits = []
    pool = app.resources.pool
    for attempt in range(1, len(webhook_delivery.DELAYS) + 2):
        await pool.execute("update webhook_delivery set next_at = now()")
        assert await webhook_delivery.deliver_due(pool, allow_private=True)
        # until its time has come it is left alone
        assert attempt > len(webhook_delivery.DELAYS) or not await webhook_delivery.deliver_due(
            pool, allow_private=True
        )
        row = (await deliveries(app, hook))[0]
        assert (row["attempts"], row["status"]) == (attempt, 500)
        waits.append(
            await pool.fetchval("select extract(epoch from next_at - now()) from webhook_delivery")
        )
    assert row["state"] == "failed"
    assert len(row["error"]) == webhook_delivery.MOST_ERROR
    assert waits[:-1] == sorted(waits[:-1])
    assert len({body["id"] for body in receiver.bodies}) == 1
    assert await deliver(app) == 0


async def test_a_given_up_delivery_is_made_again_on_demand(app: App, receiver: Receiver) -> None:
    hook = await make(app, receiver.url)
    await make_event(app)
    await app.resources.pool.execute(
        "update webhook_delivery set state = 'failed', attempts = 8, finished_at = now()"
    )
    (row,) = await deliveries(app, hook)
    path = f"{HOOKS}/deliveries/{row['id']}/redeliver"
    answer = await app.client.post(path, headers=app.admin)
    assert (answer.status, (await answer.json())["state"]) == (202, "waiting")
    assert await deliver(app) == 1
    assert (await deliveries(app, hook))[0]["state"] == "delivered"


async def test_an_attempt_that_was_lost_with_its_process_is_made_again(
    app: App, receiver: Receiver
) -> None:
    await make(app, receiver.url)
    await make_event(app)
    pool = app.resources.pool
    async with db.acquire(pool) as conn:
        lost = await webhook_delivery.claim(conn)
        assert lost is not None
        assert await webhook_delivery.claim(conn) is None
        await conn.execute("update webhook_delivery set next_at = now()")
        again = await webhook_delivery.claim(conn)
        assert again is not None
        # the first one comes back after all: its word does not count any more
        await webhook_delivery.record_outcome(conn, lost, None, "too late")
        assert await conn.fetchval("select error from webhook_delivery") is None
        await webhook_delivery.record_outcome(conn, again, 204, "")
        assert await conn.fetchval("select state from webhook_delivery") == "delivered"


async def test_who_is_not_there_or_sends_elsewhere_has_not_heard(
    app: App, receiver: Receiver
) -> None:
    hook = await make(app, receiver.url)
    away = await make(app, "http://127.0.0.1:9/hook")
    receiver.status = 307
    await make_event(app)
    assert await deliver(app) == 2
    assert len(receiver.heard) == 1
    assert (await deliveries(app, hook))[0]["status"] == 307
    (row,) = await deliveries(app, away)
    assert (row["state"], row["status"]) == ("waiting", None)
    assert row["error"]


async def test_a_test_is_sent_on_demand(app: App, receiver: Receiver) -> None:
    hook = await make(app, receiver.url, "event.expiring")
    answer = await app.client.post(f"{HOOKS}/{hook['id']}/test", headers=app.admin)
    assert answer.status == 202
    assert await deliver(app) == 1
    assert receiver.bodies[0]["type"] == "test"


NO_WEBHOOKS: Sequence[tuple[dict[str, Any], str]] = [
    ({"url": "ftp://example.org", "topics": ["photo.ready"]}, "url"),
    ({"url": "https://user:pass@example.org", "topics": ["photo.ready"]}, "url"),
    ({"topics": ["photo.ready"]}, "url"),
    ({"url": "https://example.org", "topics": []}, "topics"),
    ({"url": "https://example.org", "topics": ["photo.gone"]}, "topics"),
    ({"url": "https://example.org", "topics": "photo.ready"}, "topics"),
    ({"url": "https://example.org"}, "topics"),
]


async def test_nonsense_is_no_webhook(app: App) -> None:
    for body, wrong in NO_WEBHOOKS:
        answer = await app.client.post(HOOKS, json=body, headers=app.admin)
        assert await problem(answer) == (422, "invalid_request"), (body, wrong)
        assert (await answer.json())["field"] == wrong, (body, wrong)


async def test_the_secret_is_shown_once(app: App) -> None:
    made = await make(app, "https://example.org/hook")
    assert made["secret"].startswith("whsec_")
    one = await app.client.get(f"{HOOKS}/{made['id']}", headers=app.admin)
    listed = await app.client.get(HOOKS, headers=app.admin)
    for answer in (one, listed):
        assert answer.status == 200
        assert made["secret"] not in await answer.text()
    assert (await app.client.delete(f"{HOOKS}/{made['id']}", headers=app.admin)).status == 204
    assert (await app.client.get(f"{HOOKS}/{made['id']}", headers=app.admin)).status == 404


async def test_webhooks_are_for_admins(app: App) -> None:
    event = await make_event(app)
    made = await make(app, "https://example.org/hook")
    guest = (await member(app.resources.pool, event)).headers
    uploader = await make_token(app, event)
    calls = (
        ("get", HOOKS), ("post", HOOKS), ("get", f"{HOOKS}/{made['id']}"),
        ("patch", f"{HOOKS}/{made['id']}"), ("delete", f"{HOOKS}/{made['id']}"),
        ("post", f"{HOOKS}/{made['id']}/test"), ("get", f"{HOOKS}/{made['id']}/deliveries"),
        ("post", f"{HOOKS}/deliveries/1/redeliver"), ("get", "/admin/webhooks"),
        ("post", "/admin/webhooks"), ("post", f"/admin/webhooks/{made['id']}"),
    )  # fmt: skip
    for method, path in calls:
        for headers, status in ((guest, 404), (uploader, 404)):
            answer = await app.client.request(method, path, headers=headers)
            assert answer.status == status, (method, path)
        answer = await app.client.request(method, path)
        assert answer.status == 401, (method, path)


async def test_the_pages_make_show_and_remove_a_webhook(app: App, receiver: Receiver) -> None:
    headers = {**app.admin, "Accept": "text/html", "Accept-Language": "en"}
    wrong = {"url": "nowhere", "topics": "photo.ready"}
    answer = await app.client.post("/admin/webhooks", data=wrong, headers=headers)
    assert answer.status == 422
    assert 'value="nowhere"' in await answer.text()
    form = {"url": receiver.url, "topics": "event.created"}
    answer = await app.client.post("/admin/webhooks", data=form, headers=headers)
    assert "whsec_" in await answer.text()
    hook_id = await app.resources.pool.fetchval("select id from webhook")
    page = f"/admin/webhooks/{hook_id}"
    answer = await app.client.post(page, data={"act": "test"}, headers=headers)
    assert "A test is on its way" in await answer.text()
    assert await deliver(app) == 1
    assert "Delivered" in await (await app.client.get(page, headers=headers)).text()
    delivery = await app.resources.pool.fetchval("select id from webhook_delivery")
    await app.client.post(f"/admin/webhooks/deliveries/{delivery}", headers=headers)
    assert await deliver(app) == 1
    await app.client.post(page, data={"act": "off"}, headers=headers)
    assert await app.resources.pool.fetchval("select active from webhook") is False
    assert (await app.client.post(page, data={"act": "odd"}, headers=headers)).status == 422
    answer = await app.client.post(page, data={"act": "delete"}, headers=headers)
    asked = await answer.text()
    assert "Remove this webhook?" in asked
    assert f'href="{page}">Keep' in asked
    assert (await app.client.get(page, headers=headers)).status == 200
    answer = await app.client.post(page, data={"act": "delete-surely"}, headers=headers)
    assert answer.status == 200
    assert "The webhook is removed" in await answer.text()
    assert (await app.client.get(page, headers=headers)).status == 404


async def test_the_form_of_a_new_webhook_sent_twice_makes_one(app: App) -> None:
    """The page with the secret answers a POST: its reload sends the form once more."""
    headers = {**app.admin, "Accept": "text/html", "Accept-Language": "en"}
    form = {"url": "https://example.org/hook", "topics": "event.created"}
    first, second = await asyncio.gather(
        *(app.client.post("/admin/webhooks", data=form, headers=headers) for _ in range(2))
    )
    said = {answer.status: await answer.text() for answer in (first, second)}
    assert sorted(said) == [200, 409]
    assert "whsec_" in said[200]
    assert "it was not made twice" in said[409]
    assert "whsec_" not in said[409]
    assert await app.resources.pool.fetchval("select count(*) from webhook") == 1
    other = {**form, "topics": "photo.ready"}
    answer = await app.client.post("/admin/webhooks", data=other, headers=headers)
    assert "whsec_" in await answer.text()


async def test_a_page_changes_where_a_webhook_is_and_what_it_is_told(app: App) -> None:
    headers = {**app.admin, "Accept": "text/html", "Accept-Language": "en"}
    made = await make(app, "https://example.org/hook")
    page = f"/admin/webhooks/{made['id']}"
    for wrong in ({"url": "nowhere", "topics": "photo.ready"}, {"url": "https://example.org/new"}):
        answer = await app.client.post(page, data={**wrong, "act": "change"}, headers=headers)
        assert answer.status == 422
        said = await answer.text()
        assert f'value="{wrong["url"]}"' in said
        assert "at least one topic" in said
    rows = "select url, topics, active, secret from webhook"
    (kept,) = await app.resources.pool.fetch(rows)
    assert kept["url"] == "https://example.org/hook"
    form = {"url": "https://example.org/new", "topics": "event.expiring", "act": "change"}
    answer = await app.client.post(page, data=form, headers=headers)
    assert answer.status == 200
    assert "Saved." in await answer.text()
    (row,) = await app.resources.pool.fetch(rows)
    assert tuple(row) == ("https://example.org/new", ["event.expiring"], True, kept["secret"])


class TestByDefault:
    """Without WEBHOOK_ALLOW_PRIVATE nothing of our own network is asked."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(findme_data_dir=tmp_path)

    @pytest.mark.parametrize(
        "url",
        ["http://example.org/", "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/",
         "https://169.254.169.254/latest/meta-data/", "https://localhost/", "https://2130706433/",
         "https://[::ffff:127.0.0.1]/"],
    )  # fmt: skip
    async def test_private_addresses_are_no_webhooks(self, app: App, url: str) -> None:
        answer = await app.client.post(
            HOOKS, json={"url": url, "topics": ["photo.ready"]}, headers=app.admin
        )
        assert await problem(answer) == (422, "invalid_request")

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    async def test_an_address_that_became_private_is_not_asked(
        self, app: App, receiver: Receiver, host: str
    ) -> None:
        hook = await make(app, "https://example.org/")
        # as if a name had been bound to loopback since, or the setting had been another
        private = receiver.url.replace("127.0.0.1", host)
        await app.resources.pool.execute("update webhook set url = $1", private)
        await make_event(app)
        pool = app.resources.pool
        assert await webhook_delivery.deliver_due(pool, allow_private=False)
        assert receiver.heard == []
        (row,) = await deliveries(app, hook)
        assert (row["state"], row["status"]) == ("waiting", None)
        assert row["error"]

    async def test_a_name_that_leads_to_us_is_not_asked(self, app: App, receiver: Receiver) -> None:
        async with open_outbound(allow_private=False) as session:
            with pytest.raises(OSError, match="localhost"):
                await session.post(receiver.url.replace("127.0.0.1", "localhost"))
        assert receiver.heard == []
