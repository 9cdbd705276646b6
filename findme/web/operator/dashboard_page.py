"""The desk: one page for the evening, live by server-sent events, and the same as JSON."""

import asyncio
import hashlib
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import web

from findme import db
from findme.operations.dashboard import Desk
from findme.web.event_stream import HEADERS, LIFETIME, WRITE_SECONDS, retry_line
from findme.web.keys import admin
from findme.web.openapi.route import Tag, Who, get, ok
from findme.web.operator.charts import chart
from findme.web.operator.dashboard_answer import Desk as DeskAnswer
from findme.web.operator.dashboard_answer import desk_of
from findme.web.rendering import module_of, render
from findme.web.responses import json_answer

DESK = web.AppKey("DESK", Desk)
#: Set when the service stops: open desks must not hold it up.
STOPPING = web.AppKey("STOPPING", asyncio.Event)

#: Seconds between two looks of an open desk.
EVERY = 2.0
#: The parts of the page that change: macros of admin/desk_parts.html.
PARTS = (
    "alerts",
    "now",
    "gallery",
    "queue",
    "cost",
    "calls",
    "lists",
    "machine",
    "photographers",
    "failed",
    "failures",
)


async def get_page(request: web.Request) -> web.Response:
    """GET /admin."""
    admin(request)
    desk = await _drawn(request)
    return render(request, "admin/desk.html", {"desk": desk, "parts": _parts(request, desk)})


async def get_desk(request: web.Request) -> web.Response:
    """GET /api/admin/desk: what the page shows, as JSON."""
    admin(request)
    return json_answer(desk_of(await request.app[DESK].look()))


async def get_stream(request: web.Request) -> web.StreamResponse:
    """GET /admin/stream: the parts of the page that changed, as HTML in the reader's language.

    Each message is a JSON object from a part's name to its HTML; an empty one says that all is as
    it was, and that the figures are fresh.
    """
    admin(request)
    response = web.StreamResponse(headers=HEADERS)
    clock = asyncio.get_running_loop().time
    until = clock() + LIFETIME
    stopping = request.app[STOPPING]
    sent: dict[str, bytes] = {}
    # a reader who left, a database that restarts: the page comes back by itself
    with suppress(ConnectionResetError, TimeoutError, *db.TROUBLE):
        await response.prepare(request)
        if request.method == "HEAD":  # what came after the headers would be the next answer
            return response
        await response.write(retry_line())
        while clock() < until and not stopping.is_set():
            parts = _parts(request, await _drawn(request))
            digests = {name: hashlib.sha256(text.encode()).digest() for name, text in parts.items()}
            changed = {
                name: text for name, text in parts.items() if digests[name] != sent.get(name)
            }
            sent = digests
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(b"data: " + orjson.dumps(changed, default=str) + b"\n\n")
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await stopping.wait()
    return response


def _parts(request: web.Request, desk: dict[str, Any]) -> dict[str, str]:
    """Return the HTML of each part, in the reader's language and time zone."""
    module = module_of(request, "admin/desk_parts.html")
    return {name: getattr(module, name)(desk) for name in PARTS}


async def _drawn(request: web.Request) -> dict[str, Any]:
    """Return the desk's document with its charts."""
    document = await request.app[DESK].look()
    return {
        **document,
        "charts": {
            "gallery": chart(document["gallery"]["per_minute"]),
            "calls": chart(document["calls"], width=200, height=30),
            "lists": chart(document["hit_rates"], width=200, height=30),
        },
    }


async def stop_streams(app: web.Application) -> None:
    """End the open desks (an on_shutdown signal)."""
    app[STOPPING].set()


def setup_desk(app: web.Application, desk: Desk) -> None:
    """Add the desk to the application."""
    app[DESK] = desk
    app[STOPPING] = asyncio.Event()
    app.on_shutdown.append(stop_streams)


ROUTES = [
    web.get("/admin", get_page),
    web.get("/admin/stream", get_stream),
    get(
        "/api/admin/desk",
        get_desk,
        "The dashboard: what goes on now, and what needs a person",
        ok(DeskAnswer, "Now."),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
]
