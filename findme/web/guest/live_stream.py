"""The live stream of an event: server-sent events for each open page."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

from findme import db
from findme.accounts import guests
from findme.errors import NotFound
from findme.gallery import events
from findme.messaging.live_hub import REPLACED, Hub, Listener
from findme.models import EventId
from findme.web.event_stream import HEADERS, LIFETIME, WRITE_SECONDS, retry_line
from findme.web.keys import CACHE, POOL, actor, user
from findme.web.openapi.route import Answer, Tag, Who, get, some_bytes
from findme.web.responses import path_id

log = logging.getLogger(__name__)

HUB = web.AppKey("HUB", Hub)

#: Seconds of silence after which a comment keeps proxies and phones from disconnecting.
KEEP_ALIVE = 15.0


async def get_stream(request: web.Request) -> web.StreamResponse:
    """GET /api/events/{id}/stream: `photo` {id, mine} and `progress` {queued, done}.

    `Last-Event-ID` resumes: the missed messages are sent first, some of them perhaps twice. 204,
    after which browsers do not reconnect, if a newer stream of the account replaced this one: the
    page then polls every few seconds while it is visible.
    """
    event_id, me = EventId(path_id(request)), user(request)
    async with db.acquire(request.app[POOL]) as conn:
        guest = await guests.find(conn, event_id, me.id)
        if guest is None and not actor(request).is_admin:
            raise NotFound
        await events.get(conn, event_id)
    last = request.headers.get("Last-Event-ID")
    if last == REPLACED:
        return web.Response(status=204)
    hub = request.app[HUB]
    response = web.StreamResponse(headers=HEADERS)
    # a phone that went away or takes nothing any more, a database that restarts: pages come back
    with (
        hub.listening(event_id, None if guest is None else guest.id, me.id) as listener,
        suppress(*db.CONNECTION_ERRORS),
    ):
        await response.prepare(request)
        if request.method != "HEAD":
            await response.write(retry_line())
            await hub.greet(listener, last)
            await _pass_on(listener, response)
    return response


async def _pass_on(listener: Listener, response: web.StreamResponse) -> None:
    """Send what comes until the stream ends."""
    clock = asyncio.get_running_loop().time
    until = clock() + LIFETIME
    while clock() < until:
        try:
            message = await listener.next(KEEP_ALIVE)
        except TimeoutError:
            message = b":\n\n"
        if message is None:
            return
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(message)


async def end_streams(app: web.Application) -> None:
    """End all streams: a stop must not wait for open pages (an on_shutdown signal)."""
    app[HUB].close()


def setup_stream(app: web.Application, lost: asyncio.Future[str], *, elsewhere: bool) -> None:
    """Add the hub, which runs while the application is up; should it fail, *lost* says so.

    *elsewhere*: other processes work on this database too.
    """
    hub = app[HUB] = Hub(app[POOL], app[CACHE], elsewhere=elsewhere)

    def judge(task: asyncio.Task[None]) -> None:
        if task.cancelled() or lost.done():
            return
        log.error("[Live] The live streams have ended", exc_info=task.exception())
        lost.set_result("The live streams have ended")

    async def running(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(hub.run(), name="live-hub")
        task.add_done_callback(judge)
        yield
        task.cancel()
        await asyncio.wait([task])

    app.cleanup_ctx.append(running)
    app.on_shutdown.append(end_streams)


ROUTES = [
    get(
        "/api/events/{id}/stream",
        get_stream,
        "Server-sent events: `photo` {id, mine} for what is new to the caller, `progress` "
        "{queued, done} if it changed; Last-Event-ID resumes",
        some_bytes("Until either side ends it.", "text/event-stream"),
        Answer(204, "It made way for younger streams of the account: do not come back."),
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
]
