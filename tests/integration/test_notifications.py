"""Being told of new photos: who asked for it, once, grouped, and not after the event."""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import auth, db, exports, notifications, push
from findme.models import EventId, UserId
from findme.settings import Settings
from tests.conftest import App, application
from tests.crowd import Crowd, open_crowd, run_due
from tests.push_service import Browser, PushService, push_service
from tests.scripted import picture, scripted
from tests.smtp import Postbox, postbox, text_of

BASE = "https://photos.example.org"
HTML = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell at once what was just found."""
    monkeypatch.setattr(notifications, "LAG_SECONDS", 0.0)


@pytest.fixture
async def services() -> AsyncIterator[PushService]:
    async with push_service() as running:
        yield running


@pytest.fixture
async def box() -> AsyncIterator[Postbox]:
    async with postbox() as running:
        yield running


@pytest.fixture
async def crowd(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, box: Postbox
) -> AsyncIterator[Crowd]:
    """Persons 1 and 2 as guests, and one photo of 1 that is known already."""
    settings = dataclasses.replace(
        settings, smtp_url=box.url, findme_base_url=BASE, webhook_allow_private=True
    )
    async with (
        scripted() as engine,
        application(aiohttp_client, settings, database, endpoint_url=engine.url) as app,
    ):
        opened = await open_crowd(app)
        await opened.join(1)
        await opened.join(2)
        await opened.upload(1)
        await app.drain()
        yield opened


async def call(
    crowd: Crowd, person: int | None, method: str, path: str, **options: Any
) -> aiohttp.ClientResponse:
    headers = {"Accept-Language": "en"}
    if person is not None:
        headers["Authorization"] = f"Bearer {crowd.guests[person]}"
    return await crowd.app.client.request(method, path, headers=headers, **options)


def path_of(crowd: Crowd, what: str) -> str:
    return f"/api/me/events/{crowd.event_id}/{what}"


async def subscribe(
    crowd: Crowd, services: PushService, person: int, browser: Browser, name: str = "phone"
) -> None:
    answer = await call(
        crowd,
        person,
        "PUT",
        path_of(crowd, "push"),
        json={"endpoint": services.endpoint(name), "keys": browser.keys},
    )
    assert answer.status == 204, await answer.text()


async def want_mail(crowd: Crowd, person: int, wanted: bool = True) -> None:
    answer = await call(crowd, person, "PUT", path_of(crowd, "notify"), json={"mail": wanted})
    assert answer.status == 200, await answer.text()
    # what is found from now on is new: mails of the last quarter of an hour are none here
    await later(crowd, minutes=16)


async def later(crowd: Crowd, *, minutes: int) -> None:
    """Let time pass: all that was found, and all messages, are older."""
    pool = crowd.app.resources.pool
    for table, column in (
        ("guest", "notified_at"),
        ("match", "found_at"),
        ("photo", "ready_at"),
        ("photo", "approved_at"),
        ("push_subscription", "created_at"),
        ("job", "run_at"),
    ):
        await pool.execute(
            f"update {table} set {column} = {column} - make_interval(mins => $1)", minutes
        )


async def work(crowd: Crowd) -> None:
    """Index and match what was uploaded, and send what is due, but nothing that is put off."""
    pool = crowd.app.resources.pool
    for kinds in (["match_event", "index_photo"], ["match_event"]):
        await run_due(crowd.app)
        await pool.execute(
            "update job set run_at = now() where state = 'queued' and kind = any($1)", kinds
        )
        await run_due(crowd.app)


async def jobs(crowd: Crowd, kind: str) -> list[tuple[str, bool]]:
    rows = await crowd.app.resources.pool.fetch(
        "select state, run_at > now() as later from job where kind = $1 order by id", kind
    )
    return [tuple(row) for row in rows]


async def test_a_browser_is_told_of_a_new_photo_and_nobody_else_is(
    crowd: Crowd, services: PushService
) -> None:
    browser = Browser()
    await subscribe(crowd, services, 1, browser)
    await crowd.upload(1)
    await crowd.upload(2)
    await work(crowd)

    assert services.received("phone", browser) == [
        {
            "title": "Gala",
            "body": "1 new photo of you",
            "url": f"/gallery?event={crowd.event_id}",
            "language": "en",
        }
    ]


async def test_the_message_is_signed_with_our_key_and_kept_for_phones_that_are_off(
    crowd: Crowd, services: PushService
) -> None:
    await subscribe(crowd, services, 1, Browser())
    await crowd.upload(1)
    await work(crowd)
    key = (await (await call(crowd, 1, "GET", "/api/push-key")).json())["key"]

    claims = services.claims(key)

    assert claims["aud"] == f"http://127.0.0.1:{services.port}"
    assert claims["sub"] == BASE
    assert services.headers[0]["TTL"] == "86400"
    assert b"Gala" not in services.bodies[0][1]


async def test_what_was_there_before_the_wish_is_no_news(
    crowd: Crowd, services: PushService
) -> None:
    await subscribe(crowd, services, 1, Browser())
    await crowd.upload(2)
    await work(crowd)
    assert services.bodies == []
    assert await jobs(crowd, "notify_guest") == []


async def test_further_photos_wait_for_their_quarter_of_an_hour_and_come_together(
    crowd: Crowd, services: PushService
) -> None:
    browser = Browser()
    await subscribe(crowd, services, 1, browser)
    await crowd.upload(1)
    await work(crowd)
    for _ in range(2):
        await crowd.upload(1)
        await work(crowd)
    assert len(services.bodies) == 1
    assert await jobs(crowd, "notify_guest") == [("done", False), ("queued", True)]

    await later(crowd, minutes=16)
    await work(crowd)

    told = [message["body"] for message in services.received("phone", browser)]
    assert told == ["1 new photo of you", "2 new photos of you"]
    assert {state for state, _ in await jobs(crowd, "notify_guest")} == {"done"}


async def test_nobody_is_told_twice(crowd: Crowd, services: PushService) -> None:
    """Another sweep, another message's time, a job that runs again: nothing is new by that."""
    await subscribe(crowd, services, 1, Browser())
    await crowd.upload(1)
    await work(crowd)
    pool = crowd.app.resources.pool
    await pool.execute(
        "update job set state = 'queued', run_at = now() where kind = 'notify_guest'"
    )
    await work(crowd)
    await later(crowd, minutes=60)
    await pool.execute(
        "update job set state = 'queued', run_at = now() where kind = 'notify_guest'"
    )
    await crowd.upload(2)
    await work(crowd)
    assert len(services.bodies) == 1


async def test_a_new_selfie_makes_old_photos_no_news(crowd: Crowd, services: PushService) -> None:
    await subscribe(crowd, services, 1, Browser())
    await later(crowd, minutes=60)
    form = aiohttp.FormData()
    form.add_field("selfie", BytesIO(picture(1, serial=7)), filename="s.jpg")
    answer = await call(crowd, 1, "PUT", path_of(crowd, "selfie"), data=form)
    assert answer.status == 200, await answer.text()
    await work(crowd)
    await later(crowd, minutes=60)
    await crowd.upload(2)
    await work(crowd)
    assert len(await crowd.mine(1)) == 1
    assert services.bodies == []


async def test_a_photo_that_waits_for_approval_is_told_when_it_is_shown(
    crowd: Crowd, services: PushService
) -> None:
    browser = Browser()
    await subscribe(crowd, services, 1, browser)
    pool = crowd.app.resources.pool
    await pool.execute("update event set publish = 'after_approval'")
    photo_id = await crowd.upload(1)
    await pool.execute("update photo set review = 'waiting' where id = $1", int(photo_id))
    await work(crowd)
    assert services.bodies == []

    answer = await crowd.app.client.post(
        "/api/admin/photos/review",
        json={"ids": [photo_id], "review": "shown"},
        headers=crowd.app.admin,
    )
    assert answer.status < 300, await answer.text()
    await pool.execute("update job set run_at = now() where kind = 'notify_guest'")
    await work(crowd)
    assert [m["body"] for m in services.received("phone", browser)] == ["1 new photo of you"]


@pytest.mark.parametrize(
    "over", ["expires_at = now() - interval '1 second'", "closes_at = now() - interval '2 days'"]
)
async def test_messages_end_with_the_event(crowd: Crowd, services: PushService, over: str) -> None:
    await subscribe(crowd, services, 1, Browser())
    await crowd.upload(1)
    await crowd.app.resources.pool.execute(f"update event set {over}")
    await work(crowd)
    assert services.bodies == []


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(
    crowd: Crowd, services: PushService, status: int
) -> None:
    services.status = status
    await subscribe(crowd, services, 1, Browser())
    await crowd.upload(1)
    await work(crowd)
    assert len(services.bodies) == 1
    assert await jobs(crowd, "send_push") == [("done", False)]
    answer = await call(crowd, 1, "GET", path_of(crowd, "notify"))
    assert (await answer.json())["browsers"] == 0


@pytest.mark.parametrize(
    ("status", "state"), [(503, "queued"), (429, "queued"), (403, "failed"), (302, "failed")]
)
async def test_a_push_service_that_refuses_is_tried_again_where_that_may_help(
    crowd: Crowd, services: PushService, status: int, state: str
) -> None:
    services.status = status
    browser = Browser()
    await subscribe(crowd, services, 1, browser)
    await crowd.upload(1)
    await work(crowd)
    row = await crowd.app.resources.pool.fetchrow(
        "select state, error from job where kind = 'send_push'"
    )
    assert row is not None
    assert tuple(row) == (state, f"The push service answers {status}.")

    services.status = 201
    await later(crowd, minutes=5)
    await work(crowd)
    assert len(services.received("phone", browser)) == (2 if state == "queued" else 1)


async def test_each_browser_of_a_guest_is_told_and_one_can_leave(
    crowd: Crowd, services: PushService
) -> None:
    phone, tablet = Browser(), Browser()
    await subscribe(crowd, services, 1, phone, "phone")
    await subscribe(crowd, services, 1, tablet, "tablet")
    await subscribe(crowd, services, 1, tablet, "tablet")
    answer = await call(
        crowd, 1, "DELETE", path_of(crowd, "push"), json={"endpoint": services.endpoint("phone")}
    )
    assert answer.status == 204
    await crowd.upload(1)
    await work(crowd)
    assert [path for path, _ in services.bodies] == ["/tablet"]


async def test_only_so_many_browsers_are_told(crowd: Crowd, services: PushService) -> None:
    for number in range(notifications.MOST_SUBSCRIPTIONS + 2):
        await subscribe(crowd, services, 1, Browser(), f"n{number}")
    answer = await call(crowd, 1, "GET", path_of(crowd, "notify"))
    assert (await answer.json())["browsers"] == notifications.MOST_SUBSCRIPTIONS


async def test_a_mail_says_what_is_new_and_how_to_leave(crowd: Crowd, box: Postbox) -> None:
    await want_mail(crowd, 1)
    await crowd.upload(1)
    await crowd.upload(1, 2)
    await work(crowd)

    (mail,) = box.mails
    assert mail["To"] == "1@example.org"
    assert mail["Subject"] == "Gala · 2 new photos of you"
    assert f"{BASE}/gallery?event={crowd.event_id}" in text_of(mail)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = mail["List-Unsubscribe"].strip("<>")
    assert leave in text_of(mail)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text_of(mail, "html"))) == {
        leave,
        f"{BASE}/gallery?event={crowd.event_id}",
    }


async def leave_link(crowd: Crowd, box: Postbox) -> str:
    await want_mail(crowd, 1)
    await crowd.upload(1)
    await work(crowd)
    return str(box.mails[0]["List-Unsubscribe"]).strip("<>").removeprefix(BASE)


async def wants_mail(crowd: Crowd) -> bool:
    answer = await call(crowd, 1, "GET", path_of(crowd, "notify"))
    return bool((await answer.json())["mail"])


async def test_one_click_ends_the_mails_without_signing_in(crowd: Crowd, box: Postbox) -> None:
    link = await leave_link(crowd, box)
    answer = await crowd.app.client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status == 200
    assert not await wants_mail(crowd)

    await later(crowd, minutes=60)
    await crowd.upload(1)
    await work(crowd)
    assert len(box.mails) == 1


async def test_looking_at_the_leaving_page_changes_nothing(crowd: Crowd, box: Postbox) -> None:
    link = await leave_link(crowd, box)
    answer = await crowd.app.client.get(link, headers=HTML)
    assert answer.status == 200
    assert "No more mails about this event" in await answer.text()
    assert await wants_mail(crowd)


async def test_a_leaving_link_is_good_for_its_guest_alone(crowd: Crowd, box: Postbox) -> None:
    token = (await leave_link(crowd, box)).rpartition("/")[2]
    # the first characters say whom it is for, the rest proves it
    for wrong in (token[:-2], "A" * len(token), "AAAAAAAAAAI" + token[11:], "%00", "é", "="):
        assert (await crowd.app.client.post(f"/unsubscribe/{wrong}")).status == 404
    assert await wants_mail(crowd)


async def test_who_left_before_the_mail_went_out_gets_none(crowd: Crowd, box: Postbox) -> None:
    await want_mail(crowd, 1)
    box.answers["MAIL"] = "451 later"
    await crowd.upload(1)
    await work(crowd)
    assert await jobs(crowd, "send_mail") == [("queued", True)]
    await want_mail(crowd, 1, wanted=False)
    box.answers.clear()
    await work(crowd)
    assert box.mails == []
    assert await jobs(crowd, "send_mail") == [("done", False)]


async def test_nobody_wants_to_know_nothing_is_asked(crowd: Crowd) -> None:
    await crowd.upload(1)
    await work(crowd)
    assert await jobs(crowd, "notify_guest") == []


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
    crowd: Crowd, method: str, what: str, body: object
) -> None:
    async def status(person: int | None, event_id: str) -> int:
        path = f"/api/me/events/{event_id}/{what}"
        return (await call(crowd, person, method, path, json=body)).status

    other = await crowd.app.client.post(
        "/api/admin/events", json={"name": "Other"}, headers=crowd.app.admin
    )
    assert await status(None, crowd.event_id) == 401
    assert await status(1, (await other.json())["id"]) == 404
    assert await status(1, "999999") == 404
    assert (await call(crowd, None, "GET", "/api/push-key")).status == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"endpoint": "https://push.example.org/x"},
        {"endpoint": 1, "keys": Browser().keys},
        {"endpoint": "ftp://push.example.org/x", "keys": Browser().keys},
        {"endpoint": "https://push.example.org/x", "keys": {"p256dh": "AAAA", "auth": "AAAA"}},
        {"endpoint": "https://push.example.org/x", "keys": {**Browser().keys, "auth": "AAAA"}},
        {"endpoint": "https://push.example.org/x", "keys": {**Browser().keys, "auth": "!"}},
    ],
)
async def test_what_is_no_subscription_is_refused(crowd: Crowd, body: object) -> None:
    answer = await call(crowd, 1, "PUT", path_of(crowd, "push"), json=body)
    assert answer.status == 422


@pytest.mark.parametrize("wrong", [None, "yes", 1])
async def test_mail_is_true_or_false(crowd: Crowd, wrong: object) -> None:
    answer = await call(crowd, 1, "PUT", path_of(crowd, "notify"), json={"mail": wrong})
    assert answer.status == 422


async def test_without_a_mail_server_push_alone_is_offered(app: App) -> None:
    opened = await open_crowd(app)
    pool = app.resources.pool
    user_id = await pool.fetchval(
        "insert into account (role, name, key_hash) values ('guest', 'Bo', '\\x01') returning id"
    )
    await pool.execute(
        "insert into guest (event_id, account_id) values ($1, $2)", int(opened.event_id), user_id
    )
    async with db.transaction(pool) as conn:
        opened.guests[1] = (await auth.open_session(conn, UserId(user_id))).token
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
            return await push.private_key(conn)

    assert len({*await asyncio.gather(*(key() for _ in range(8)))}) == 1


async def test_asking_takes_no_look_at_whole_tables(crowd: Crowd, services: PushService) -> None:
    """Each sweep asks: it must stay cheap in an event of many photos."""
    await subscribe(crowd, services, 1, Browser())
    async with db.transaction(crowd.app.resources.pool) as conn:
        await conn.execute("set local enable_seqscan = off")
        scans = "select seq_scan from pg_stat_xact_user_tables where relname = 'match'"
        before = await conn.fetchval(scans)
        await notifications.ask(conn, EventId(int(crowd.event_id)), crowd.app.resources.settings)
        assert await conn.fetchval(scans) == before


async def test_the_export_says_how_a_guest_is_told(crowd: Crowd, services: PushService) -> None:
    await want_mail(crowd, 1)
    await subscribe(crowd, services, 1, Browser())
    async with db.acquire(crowd.app.resources.pool) as conn:
        user_id = UserId(
            await conn.fetchval("select id from account where email = '1@example.org'")
        )
        (event,) = (await exports.everything_on(conn, user_id))["events"]
    assert event["told_by_mail"] is True
    assert event["last_told_at"] is not None
    assert [row["endpoint"] for row in event["notifications"]] == [services.endpoint("phone")]
