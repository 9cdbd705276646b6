"""Being told of new photos by push: once, together, and not after the event."""

from io import BytesIO

import aiohttp
import pytest

from findme.messaging import notifications
from tests.support.notification_fixtures import (
    BASE,
    call,
    crowd,
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
from tests.support.scripted_guests import Crowd

__all__ = ["crowd", "hurry", "services"]


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
