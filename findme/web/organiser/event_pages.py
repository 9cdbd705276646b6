"""The organiser's pages: the list of events, one event, who is responsible for it, its card."""

from collections.abc import Sequence
from datetime import UTC, datetime

import segno
from aiohttp import web
from yarl import URL

from findme import db
from findme.gallery import event_figures, events
from findme.models import Event, EventId, Size
from findme.operations import engine_usage
from findme.web.keys import EVENT_SETUP, FACES, POOL, SETTINGS, admin
from findme.web.links import cover_url, join_url, wall_url
from findme.web.organiser.event_options import read_changes
from findme.web.rendering import redirect, render, set_event_zone, zone_of
from findme.web.request_bodies import form_of
from findme.web.responses import path_id
from findme.web.responsible import responsible_for

#: Events in the list; the page of an older one has its address.
MOST_EVENTS = 200
#: Days before the end of an event in which its pages warn.
WARN_DAYS = 7
#: Millimetres of the QR code on the table card, without its quiet zone (4 modules a side).
QR_MM = 54
QUIET = 8


async def event_list(request: web.Request) -> web.Response:
    """GET /admin/events: first the events that end soon, then the newest."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        listed = await events.list_all(conn, before=None, limit=MOST_EVENTS)
        figures = await event_figures.figures(conn, [event.id for event in listed])
    left = {event.id: days_left(request, event) for event in listed}
    ending = [event for event in listed if _ends_soon(left[event.id])]
    ending.sort(key=lambda event: event.expires_at or datetime.max.replace(tzinfo=UTC))
    return render(
        request,
        "admin/events.html",
        {
            "ending": ending,
            "others": [event for event in listed if event not in ending],
            "figures": figures,
            "left": left,
            "covers": _covers(listed),
            "price": price_of_comparing(request),
            "now": datetime.now(UTC),
            "erased": "erased" in request.query,
        },
    )


async def event(request: web.Request) -> web.Response:
    """GET /admin/events/{id}."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        found = await events.get(conn, EventId(path_id(request)))
        counts = await event_figures.counts(conn, [found.id])
        figures = await event_figures.figures(conn, [found.id])
    set_event_zone(request, found)
    left = days_left(request, found)
    return render(
        request,
        "admin/event.html",
        {
            "event": found,
            "tab": "",
            "counts": counts[found.id],
            "figures": figures[found.id],
            "left": left if _ends_soon(left) else None,
            "closed": found.is_closed(datetime.now(UTC)),
            "responsible": await responsible_for(request, found),
            "cover": cover_url(found, Size.THUMB),
            "join_url": join_url(request, found),
            "wall_url": wall_url(request, found),
            "max_upload_mb": request.app[SETTINGS].max_upload_mb,
        },
    )


async def confirm_responsible(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/responsible: names for good who was only assumed to be responsible.

    The form sends what its page showed: what an admin confirms is not what holds a moment later.
    """
    actor, event_id = admin(request).id, EventId(path_id(request))
    form = await form_of(request)
    named = {name: str(form.get(name, "")) for name in ("controller", "contact")}
    await request.app[EVENT_SETUP].change(actor, event_id, read_changes(named))
    return redirect(f"/admin/events/{event_id}")


async def card(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/card: an A5 page to print for the tables."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        found = await events.get(conn, EventId(path_id(request)))
    set_event_zone(request, found)
    address = join_url(request, found)
    modules = segno.make(address, error="m", micro=False).symbol_size(border=0)[0]
    return render(
        request,
        "admin/card.html",
        {
            "event": found,
            "cover": cover_url(found),
            "host": URL(address).authority,
            "qr_mm": round(QR_MM * (modules + QUIET) / modules, 2),
        },
    )


def price_of_comparing(request: web.Request) -> dict[str, float] | None:
    """Return what 1,000 photos of an event that keeps guests' faces only cost; None: nothing."""
    if not request.app[FACES].meter.paid:
        return None
    return {
        "first": engine_usage.compare_usd(photos=1000, faces=4000),
        "again": engine_usage.compare_usd(photos=0, faces=4000),
    }


def days_left(request: web.Request, event: Event) -> int | None:
    """Return in how many calendar days an event ends; None if it has no end."""
    if event.expires_at is None:
        return None
    zone = events.zone_of(event) or zone_of(request)
    return (event.expires_at.astimezone(zone).date() - datetime.now(zone).date()).days


def _ends_soon(left: int | None) -> bool:
    return left is not None and left <= WARN_DAYS


def _covers(listed: Sequence[Event]) -> dict[EventId, str | None]:
    return {event.id: cover_url(event, Size.THUMB) for event in listed}


ROUTES = [
    web.get("/admin/events", event_list),
    web.get(r"/admin/events/{id:\d+}", event),
    web.post(r"/admin/events/{id:\d+}/responsible", confirm_responsible),
    web.get(r"/admin/events/{id:\d+}/card", card),
]
