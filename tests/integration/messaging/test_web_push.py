"""Being told of new photos by push: once, together, and not after the event."""

from io import BytesIO

import aiohttp
import pytest

from findme.messaging import notifications
from tests.support.event_builder import EventBuilder
from tests.support.notification_fixtures import (
    BASE,
    builder,
    call,
    hurry,
    jobs,
    later,
    path_of,
    services,
    subscribe,
    work,
)
from tests.support.push_service import Browser, PushService
from tests.support.scripted_engine import picture

__all__ = ["builder", "hurry", "services"]


async def test_a_browser_is_told_of_a_new_photo_and_nobody_else_is(
    builder: EventBuilder, services: PushService
) -> None:
    browser = Browser()
    await subscribe(builder, services, 1, browser)
    await builder.upload(1)
    await builder.upload(2)
    await work(builder)

    assert services.received("phone", browser) == [
        {
            "title": "Gala",
            "body": "1 new photo of you",
            "url": f"/gallery?event={builder.event_id}",
            "language": "en",
        }
    ]


async def test_the_message_is_signed_with_our_key_and_kept_for_phones_that_are_off(
    builder: EventBuilder, services: PushService
) -> None:
    await subscribe(builder, services, 1, Browser())
    await builder.upload(1)
    await work(builder)
    key = (await (await call(builder, 1, "GET", "/api/push-key")).json())["key"]

    claims = services.claims(key)

    assert claims["aud"] == f"http://127.0.0.1:{services.port}"
    assert claims["sub"] == BASE
    assert services.headers[0]["TTL"] == "86400"
    assert b"Gala" not in services.bodies[0][1]


async def test_what_was_there_before_the_wish_is_no_news(
    builder: EventBuilder, services: PushService
) -> None:
    await subscribe(builder, services, 1, Browser())
    await builder.upload(2)
    await work(builder)
    assert services.bodies == []
    assert await jobs(builder, "notify_guest") == []


async def test_further_photos_wait_for_their_quarter_of_an_hour_and_come_together(
    builder: EventBuilder, services: PushService
) -> None:
    browser = Browser()
    await subscribe(builder, services, 1, browser)
    await builder.upload(1)
    await work(builder)
    for _ in range(2):
        await builder.upload(1)
        await work(builder)
    assert len(services.bodies) == 1
    assert await jobs(builder, "notify_guest") == [("done", False), ("queued", True)]

    await later(builder, minutes=16)
    await work(builder)

    told = [message["body"] for message in services.received("phone", browser)]
    assert told == ["1 new photo of you", "2 new photos of you"]
    assert {state for state, _ in await jobs(builder, "notify_guest")} == {"done"}


async def test_nobody_is_told_twice(builder: EventBuilder, services: PushService) -> None:
    """Another sweep, another message's time, a job that runs again: nothing is new by that."""
    await subscribe(builder, services, 1, Browser())
    await builder.upload(1)
    await work(builder)
    pool = builder.app.resources.pool
    await pool.execute(
        "update job set state = 'queued', run_at = now() where kind = 'notify_guest'"
    )
    await work(builder)
    await later(builder, minutes=60)
    await pool.execute(
        "update job set state = 'queued', run_at = now() where kind = 'notify_guest'"
    )
    await builder.upload(2)
    await work(builder)
    assert len(services.bodies) == 1


async def test_a_new_selfie_makes_old_photos_no_news(
    builder: EventBuilder, services: PushService
) -> None:
    await subscribe(builder, services, 1, Browser())
    await later(builder, minutes=60)
    form = aiohttp.FormData()
    form.add_field("selfie", BytesIO(picture(1, serial=7)), filename="s.jpg")
    answer = await call(builder, 1, "PUT", path_of(builder, "selfie"), data=form)
    assert answer.status == 200, await answer.text()
    await work(builder)
    await later(builder, minutes=60)
    await builder.upload(2)
    await work(builder)
    assert len(await builder.guest_photos(1)) == 1
    assert services.bodies == []


async def test_a_photo_that_waits_for_approval_is_told_when_it_is_shown(
    builder: EventBuilder, services: PushService
) -> None:
    browser = Browser()
    await subscribe(builder, services, 1, browser)
    pool = builder.app.resources.pool
    await pool.execute("update event set publish = 'after_approval'")
    photo_id = await builder.upload(1)
    await pool.execute("update photo set review = 'waiting' where id = $1", int(photo_id))
    await work(builder)
    assert services.bodies == []

    answer = await builder.app.client.post(
        "/api/admin/photos/review",
        json={"ids": [photo_id], "review": "shown"},
        headers=builder.app.admin,
    )
    assert answer.status < 300, await answer.text()
    await pool.execute("update job set run_at = now() where kind = 'notify_guest'")
    await work(builder)
    assert [m["body"] for m in services.received("phone", browser)] == ["1 new photo of you"]


@pytest.mark.parametrize(
    "over", ["expires_at = now() - interval '1 second'", "closes_at = now() - interval '2 days'"]
)
async def test_messages_end_with_the_event(
    builder: EventBuilder, services: PushService, over: str
) -> None:
    await subscribe(builder, services, 1, Browser())
    await builder.upload(1)
    await builder.app.resources.pool.execute(f"update event set {over}")
    await work(builder)
    assert services.bodies == []


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(
    builder: EventBuilder, services: PushService, status: int
) -> None:
    services.status = status
    await subscribe(builder, services, 1, Browser())
    await builder.upload(1)
    await work(builder)
    assert len(services.bodies) == 1
    assert await jobs(builder, "send_push") == [("done", False)]
    answer = await call(builder, 1, "GET", path_of(builder, "notify"))
    assert (await answer.json())["browsers"] == 0


@pytest.mark.parametrize(
    ("status", "state"), [(503, "queued"), (429, "queued"), (403, "failed"), (302, "failed")]
)
async def test_a_push_service_that_refuses_is_tried_again_where_that_may_help(
    builder: EventBuilder, services: PushService, status: int, state: str
) -> None:
    services.status = status
    browser = Browser()
    await subscribe(builder, services, 1, browser)
    await builder.upload(1)
    await work(builder)
    row = await builder.app.resources.pool.fetchrow(
        "select state, error from job where kind = 'send_push'"
    )
    assert row is not None
    assert tuple(row) == (state, f"The push service answers {status}.")

    services.status = 201
    await later(builder, minutes=5)
    await work(builder)
    assert len(services.received("phone", browser)) == (2 if state == "queued" else 1)


async def test_each_browser_of_a_guest_is_told_and_one_can_leave(
    builder: EventBuilder, services: PushService
) -> None:
    phone, tablet = Browser(), Browser()
    await subscribe(builder, services, 1, phone, "phone")
    await subscribe(builder, services, 1, tablet, "tablet")
    await subscribe(builder, services, 1, tablet, "tablet")
    answer = await call(
        builder,
        1,
        "DELETE",
        path_of(builder, "push"),
        json={"endpoint": services.endpoint("phone")},
    )
    assert answer.status == 204
    await builder.upload(1)
    await work(builder)
    assert [path for path, _ in services.bodies] == ["/tablet"]


async def test_only_so_many_browsers_are_told(builder: EventBuilder, services: PushService) -> None:
    for number in range(notifications.MOST_SUBSCRIPTIONS + 2):
        await subscribe(builder, services, 1, Browser(), f"n{number}")
    answer = await call(builder, 1, "GET", path_of(builder, "notify"))
    assert (await answer.json())["browsers"] == notifications.MOST_SUBSCRIPTIONS
