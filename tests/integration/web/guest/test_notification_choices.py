"""Who may choose to be told, and what is taken for a choice."""

import asyncio
from collections.abc import Sequence

import pytest

from findme import db
from findme.accounts import auth
from findme.gallery import exports
from findme.messaging import notifications, web_push
from findme.models import EventId, UserId
from tests.conftest import App
from tests.support.event_builder import EventBuilder
from tests.support.notification_fixtures import (
    builder,
    call,
    hurry,
    jobs,
    path_of,
    services,
    subscribe,
    want_mail,
    work,
)
from tests.support.push_service import Browser, PushService

__all__ = ["builder", "hurry", "services"]


async def test_nobody_wants_to_know_nothing_is_asked(builder: EventBuilder) -> None:
    await builder.upload(1)
    await work(builder)
    assert await jobs(builder, "notify_guest") == []


@pytest.mark.parametrize(
    ("method", "what", "body"),
    [
        ("GET", "notify", None),
        ("PUT", "notify", {"mail": True}),
        ("PUT", "push", {"endpoint": "https://push.example.org/x", "keys": Browser().keys}),
        ("DELETE", "push", {"endpoint": "https://push.example.org/x"}),
    ],
)
async def test_only_guests_of_the_event_choose(
    builder: EventBuilder, method: str, what: str, body: object
) -> None:
    async def status(person: int | None, event_id: str) -> int:
        path = f"/api/me/events/{event_id}/{what}"
        return (await call(builder, person, method, path, json=body)).status

    other = await builder.app.client.post(
        "/api/admin/events", json={"name": "Other"}, headers=builder.app.admin
    )
    assert await status(None, builder.event_id) == 401
    assert await status(1, (await other.json())["id"]) == 404
    assert await status(1, "999999") == 404
    assert (await call(builder, None, "GET", "/api/push-key")).status == 401


NO_SUBSCRIPTIONS: Sequence[object] = [
    {},
    {"endpoint": "https://push.example.org/x"},
    {"endpoint": 1, "keys": Browser().keys},
    {"endpoint": "ftp://push.example.org/x", "keys": Browser().keys},
    {"endpoint": "https://push.example.org/x", "keys": {"p256dh": "AAAA", "auth": "AAAA"}},
    {"endpoint": "https://push.example.org/x", "keys": {**Browser().keys, "auth": "AAAA"}},
    {"endpoint": "https://push.example.org/x", "keys": {**Browser().keys, "auth": "!"}},
]


async def test_what_is_no_subscription_is_refused(builder: EventBuilder) -> None:
    for body in NO_SUBSCRIPTIONS:
        answer = await call(builder, 1, "PUT", path_of(builder, "push"), json=body)
        assert answer.status == 422, body


@pytest.mark.parametrize("wrong", [None, "yes", 1])
async def test_mail_is_true_or_false(builder: EventBuilder, wrong: object) -> None:
    answer = await call(builder, 1, "PUT", path_of(builder, "notify"), json={"mail": wrong})
    assert answer.status == 422


async def test_without_a_mail_server_push_alone_is_offered(app: App) -> None:
    opened = await EventBuilder.create(app)
    pool = app.resources.pool
    user_id = await pool.fetchval(
        "insert into account (role, name, key_hash) values ('guest', 'Bo', '\\x01') returning id"
    )
    await pool.execute(
        "insert into guest (event_id, account_id) values ($1, $2)", int(opened.event_id), user_id
    )
    async with db.transaction(pool) as conn:
        opened.tokens[1] = (await auth.open_session(conn, UserId(user_id))).token
    answer = await call(opened, 1, "GET", path_of(opened, "notify"))
    assert await answer.json() == {"mail": False, "mail_offered": False, "browsers": 0}
    answer = await call(opened, 1, "PUT", path_of(opened, "notify"), json={"mail": True})
    assert answer.status == 409

    private = {"endpoint": "https://127.0.0.1/x", "keys": Browser().keys}
    answer = await call(opened, 1, "PUT", path_of(opened, "push"), json=private)
    assert answer.status == 422
    assert (await answer.json())["field"] == "endpoint"


async def test_all_services_have_one_key_pair(app: App) -> None:
    async def key() -> bytes:
        async with db.acquire(app.resources.pool) as conn:
            return await web_push.private_key(conn)

    assert len({*await asyncio.gather(*(key() for _ in range(8)))}) == 1


async def test_asking_takes_no_look_at_whole_tables(
    builder: EventBuilder, services: PushService
) -> None:
    """Each sweep asks: it must stay cheap in an event of many photos."""
    await subscribe(builder, services, 1, Browser())
    async with db.transaction(builder.app.resources.pool) as conn:
        await conn.execute("set local enable_seqscan = off")
        scans = "select seq_scan from pg_stat_xact_user_tables where relname = 'match'"
        before = await conn.fetchval(scans)
        await notifications.ask(
            conn, EventId(int(builder.event_id)), builder.app.resources.settings
        )
        assert await conn.fetchval(scans) == before


async def test_the_export_says_how_a_guest_is_told(
    builder: EventBuilder, services: PushService
) -> None:
    await want_mail(builder, 1)
    await subscribe(builder, services, 1, Browser())
    async with db.acquire(builder.app.resources.pool) as conn:
        user_id = UserId(
            await conn.fetchval("select id from account where email = '1@example.org'")
        )
        (event,) = (await exports.everything_on(conn, user_id))["events"]
    assert event["told_by_mail"] is True
    assert event["last_told_at"] is not None
    assert [row["endpoint"] for row in event["notifications"]] == [services.endpoint("phone")]
