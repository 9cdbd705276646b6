"""The live stream: who hears what, and that nobody misses anything."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from findme import db
from findme.messaging import live_hub
from findme.messaging.live_hub import BACKLOG, REPLACED, Hub, Listener
from findme.models import EventId
from findme.web.guest.live_stream import HUB
from tests.conftest import App
from tests.support.helpers import add_match, add_photos, make_event, member, problem
from tests.support.live_stream import changed, streaming
from tests.support.second_process import until


async def test_a_guest_hears_of_new_photos_and_which_show_them(app: App) -> None:
    """Everyone hears of a photo; the one who is found on it hears that too; numbers follow."""
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    bob = await member(app.resources.pool, event, "bob@example.org")
    async with (
        streaming(app, event, ada.headers) as to_ada,
        streaming(app, event, bob.headers) as to_bob,
    ):
        assert await to_ada.photos(queued=0, done=0, mine=0) == []
        assert await to_bob.photos(all=0) == []
        async with db.acquire(app.resources.pool) as conn:
            first, second = await add_photos(conn, event, 2)
        await changed(app, event)
        assert await to_ada.photos(all=2) == [(str(first), False), (str(second), False)]
        assert await to_bob.photos(all=2) == [(str(first), False), (str(second), False)]

        async with db.acquire(app.resources.pool) as conn:
            await add_match(conn, ada.guest_id, second, 99)
        await changed(app, event)
        assert await to_ada.photos(mine=1, all=2) == [(str(second), True)]

        async with db.acquire(app.resources.pool) as conn:
            await add_match(conn, bob.guest_id, first, 84)
        await changed(app, event)
        assert await to_bob.photos(mine=0, maybe=1) == [(str(first), False)]


async def test_a_gallery_of_own_tells_of_nobody_elses_photos(app: App) -> None:
    """Where guests see their own photos alone, they hear of no others."""
    event = await make_event(app, gallery="own")
    ada = await member(app.resources.pool, event)
    async with streaming(app, event, ada.headers) as stream:
        await stream.until(mine=0)
        async with db.acquire(app.resources.pool) as conn:
            _, mine = await add_photos(conn, event, 2)
            await add_match(conn, ada.guest_id, mine, 99)
        await changed(app, event)
        assert await stream.photos(mine=1) == [(str(mine), True)]


async def test_a_stream_resumes_where_it_was_cut(app: App) -> None:
    """After a sleep the photos and matches of meanwhile come first, none is lost."""
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    async with streaming(app, event, ada.headers) as stream:
        last = (await stream.until(all=0))[-1].id
    async with db.acquire(app.resources.pool) as conn:
        photos = await add_photos(conn, event, 3)
        await add_match(conn, ada.guest_id, photos[1], 99)
    async with streaming(app, event, ada.headers, last) as stream:
        expected = [(str(photo), photo == photos[1]) for photo in photos]
        assert sorted(await stream.photos(mine=1, all=3)) == sorted(expected)
    async with streaming(app, event, ada.headers, "nonsense-\u0661") as stream:
        assert await stream.photos(mine=1, all=3) == []


async def test_who_is_not_invited_finds_no_stream(app: App) -> None:
    """A stranger gets 404, nobody 401; an admin hears without having joined."""
    event, other = await make_event(app), await make_event(app)
    ada = await member(app.resources.pool, event)
    answer = await app.client.get(f"/api/events/{other['id']}/stream", headers=ada.headers)
    assert await problem(answer) == (404, "not_found")
    answer = await app.client.get(f"/api/events/{event['id']}/stream")
    assert await problem(answer) == (401, "sign_in_required")
    answer = await app.client.get("/api/events/999/stream", headers=app.admin)
    assert await problem(answer) == (404, "not_found")
    async with streaming(app, event, app.admin) as stream:
        [message] = await stream.until(queued=0, done=0)
        assert message.data == {"queued": 0, "done": 0, "all": 0}


async def test_streams_end_with_what_they_tell_of(app: App) -> None:
    """A guest who is removed, an event that is erased, a service that stops: the stream ends."""
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    bob = await member(app.resources.pool, event, "bob@example.org")
    hub = app.client.app[HUB]
    async with (
        streaming(app, event, ada.headers) as to_ada,
        streaming(app, event, bob.headers) as to_bob,
    ):
        await to_ada.until(all=0)
        await to_bob.until(all=0)
        path = f"/api/admin/events/{event['id']}"
        answer = await app.client.delete(f"{path}/guests/{ada.user_id}", headers=app.admin)
        assert answer.status == 204
        assert await to_ada.next() is None
        answer = await app.client.delete(path, headers=app.admin)
        assert answer.status == 204
        assert await to_bob.next() is None
    another = await make_event(app)
    async with streaming(app, another, app.admin) as stream:
        await stream.until(all=0)
        hub.close()
        assert await stream.next() is None


async def test_the_oldest_of_too_many_streams_gives_way(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the bound an account's oldest stream ends for good; others' are left alone."""
    most = 12
    monkeypatch.setattr(live_hub, "MOST_STREAMS", most)
    event, gala = await make_event(app), await make_event(app, name="Gala")
    ada = await member(app.resources.pool, event)
    bob = await member(app.resources.pool, event, "bob@example.org")
    async with AsyncExitStack() as stack:
        bobs = await stack.enter_async_context(streaming(app, event, bob.headers))
        await bobs.until(all=0)
        # an admin's streams count together, whatever their events
        first, second, *_ = [
            await stack.enter_async_context(streaming(app, (event, gala)[n % 2], app.admin))
            for n in range(most)
        ]
        await first.until(all=0)
        await second.until(all=0)
        adas = await stack.enter_async_context(streaming(app, event, ada.headers))
        await adas.until(all=0)
        one_more = await stack.enter_async_context(streaming(app, event, app.admin))
        await one_more.until(all=0)
        assert (await first.answer.content.read()).decode().split() == ["id:", REPLACED]
        assert len(app.client.app[HUB]) == most + 2

        # what is told comes to all the others
        async with db.acquire(app.resources.pool) as conn:
            await add_photos(conn, event, 1)
            await add_photos(conn, gala, 1)
        await changed(app, event)
        await changed(app, gala)
        for stream in (second, bobs, adas, one_more):
            await stream.until(all=1)

        # its page comes back once, and takes the place of no other
        url = f"/api/events/{event['id']}/stream"
        back = {**app.admin, "Last-Event-ID": REPLACED}
        async with app.client.get(url, headers=back) as answer:
            assert answer.status == 204
        assert len(app.client.app[HUB]) == most + 2


async def test_no_connection_is_held_while_nothing_happens(app: App) -> None:
    """More open streams than connections of the pool, and the pool is free."""
    event = await make_event(app)
    pool = app.resources.pool
    hub = app.client.app[HUB]
    wanted = pool.get_max_size() + 5
    builder = [await member(pool, event, f"{number}@example.org") for number in range(wanted)]
    opened = [streaming(app, event, one.headers) for one in builder]
    streams = [await stream.__aenter__() for stream in opened]
    for stream in streams:
        await stream.until(all=0)
    assert len(hub) == wanted
    # the last answer may be on its way before its connection is
    await until(lambda: pool.get_idle_size() == pool.get_size())
    for context in opened:
        await context.__aexit__(None, None, None)


async def test_a_slow_phone_is_sent_away() -> None:
    """What waits for one phone is bounded; past that its stream ends, and it resumes."""
    listener = Listener(EventId(1), None)
    for _ in range(BACKLOG):
        listener.send(b"message")
    assert await listener.next(1) == b"message"
    listener.send(b"message")
    listener.send(b"one too many")
    assert await listener.next(1) is None


async def test_what_other_processes_do_is_heard_of_too(app: App) -> None:
    """Where the work is done elsewhere, nothing of it moves a version in this process."""
    event = await make_event(app)
    ada = await member(app.resources.pool, event)
    resources = app.resources
    hub = Hub(resources.pool, resources.cache, elsewhere=True)
    event_id = EventId(int(event["id"]))
    before = await resources.cache.version(event_id)
    task = asyncio.create_task(hub.run())
    with hub.listening(event_id, ada.guest_id, ada.user_id) as listener:
        await hub.greet(listener, None)
        await listener.next(30)
        async with db.acquire(resources.pool) as conn:
            [photo] = await add_photos(conn, event, 1)
        message = await listener.next(30)
    task.cancel()
    assert message is not None
    assert f'"id":"{photo}"'.encode() in message
    # and the lists that this process keeps are stale
    assert await resources.cache.version(event_id) > before
