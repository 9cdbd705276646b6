"""The operator's dashboard: a page that server-sent events keep current, and the same as JSON."""

import asyncio
import hashlib
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import web

from findme import db
from findme.operations.dashboard import Dashboard
from findme.web.event_stream import HEADERS, LIFETIME, WRITE_SECONDS, retry_line
from findme.web.keys import admin
from findme.web.openapi.route import Tag, Who, get, ok
from findme.web.operator.charts import chart
from findme.web.operator.dashboard_answer import Desk as DeskAnswer
from findme.web.operator.dashboard_answer import desk_of
from findme.web.rendering import module_of, render
from findme.web.responses import json_answer

DASHBOARD = web.AppKey("DASHBOARD", Dashboard)
#: Set when the service stops: open dashboards must not delay it.
STOPPING = web.AppKey("STOPPING", asyncio.Event)

#: Seconds between two updates of an open dashboard.
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
    return json_answer(desk_of(await request.app[DASHBOARD].look()))


async def get_stream(request: web.Request) -> web.StreamResponse:
    """GET /admin/stream: the parts of the page that have changed, as HTML in the reader's language.

    Each message is a JSON object from a part's name to its HTML; an empty one says that all is as
    it was, and that the figures are fresh.
    """
    admin(request)
    response = web.StreamResponse(headers=HEADERS)
    clock = asyncio.get_running_loop().time
    until = clock() + LIFETIME
    stopping = request.app[STOPPING]
    sent: dict[str, bytes] = {}
    # if the reader leaves or the database restarts, the page reconnects by itself
    with suppress(ConnectionResetError, TimeoutError, *db.CONNECTION_ERRORS):
        await response.prepare(request)
        if request.method == "HEAD":  # any byte after the headers would belong to the next answer
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
    """Return the figures of the dashboard with their charts."""
    document = await request.app[DASHBOARD].look()
    return {
        **document,
        "charts": {
            "gallery": chart(document["gallery"]["per_minute"]),
            "calls": chart(document["calls"], width=200, height=30),
            "lists": chart(document["hit_rates"], width=200, height=30),
        },
    }


async def stop_streams(app: web.Application) -> None:
    """End the open dashboards (an on_shutdown signal)."""
    app[STOPPING].set()


def setup_dashboard(app: web.Application, dashboard: Dashboard) -> None:
    """Add the dashboard to the application."""
    app[DASHBOARD] = dashboard
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
