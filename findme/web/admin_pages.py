"""The organiser's pages: the desk, the events, one event. Their figures come by the admin API."""

from aiohttp import web

from findme import db, events
from findme.models import EventId
from findme.web.answers import path_id
from findme.web.html import render
from findme.web.keys import POOL, SETTINGS, admin, base_url

#: Events of the list; more are found by their address.
MOST_EVENTS = 200


async def desk(request: web.Request) -> web.Response:
    """GET /admin: the queue, the engine, the machine, what failed."""
    admin(request)
    return render(
        request, "admin/desk.html", {"workers": request.app[SETTINGS].photo_queue_workers}
    )


async def event_list(request: web.Request) -> web.Response:
    """GET /admin/events."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        listed = await events.list_all(conn, before=None, limit=MOST_EVENTS)
        counts = await events.counts(conn, [event.id for event in listed])
    return render(request, "admin/events.html", {"events": listed, "counts": counts})


async def event(request: web.Request) -> web.Response:
    """GET /admin/events/{id}."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        found = await events.get(conn, EventId(path_id(request)))
        counts = await events.counts(conn, [found.id])
    return render(
        request,
        "admin/event.html",
        {
            "event": found,
            "counts": counts[found.id],
            "join_url": f"{base_url(request)}/e/{found.code}",
            "max_upload_mb": request.app[SETTINGS].max_upload_mb,
        },
    )


ROUTES = [
    web.get("/admin", desk),
    web.get("/admin/events", event_list),
    web.get(r"/admin/events/{id:\d+}", event),
]
