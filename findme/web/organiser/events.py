"""Events as JSON for admins: added, changed, deleted, with their QR codes and their guests."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from io import BytesIO
from typing import Any

import segno
from aiohttp import web

from findme import db
from findme.accounts import guest_directory, guests
from findme.faces.kept_faces import FacesDecided
from findme.gallery import event_figures, events
from findme.gallery.event_figures import EventCounts
from findme.models import Event, EventId, GuestId
from findme.web.event_shapes import (
    Counts,
    EventChanges,
    EventGuest,
    NewEvent,
)
from findme.web.event_shapes import Event as EventAnswer
from findme.web.keys import EVENT_SETUP, POOL, admin
from findme.web.links import cover_url, join_url, wall_url
from findme.web.openapi.route import (
    GONE,
    Tag,
    Who,
    a_page,
    created,
    delete,
    get,
    ok,
    patch,
    post,
    some_bytes,
)
from findme.web.organiser.event_options import name_of, read_changes
from findme.web.responses import (
    json_answer,
    json_of,
    page_answer,
    page_of,
    path_id,
    split_page,
    time_text,
)
from findme.web.shapes import SelfieSoFar

NO_COUNTS = EventCounts(0, 0, 0, 0, 0)


def event_of(request: web.Request, event: Event, counts: EventCounts) -> EventAnswer:
    """Return an event as admins see it."""
    return EventAnswer(
        id=str(event.id),
        code=event.code,
        name=event.name,
        starts_at=time_text(event.starts_at),
        closes_at=time_text(event.closes_at),
        expires_at=time_text(event.expires_at),
        time_zone=event.time_zone,
        kind=event.kind,
        gallery=event.gallery,
        join_open=event.join_open,
        admission=event.admission,
        accounts=event.accounts,
        browse=event.browse,
        publish=event.publish,
        faces=event.faces,
        downloads=event.downloads,
        download_size=event.download_size,
        metadata=event.metadata,
        watermark=event.watermark,
        controller=event.controller,
        contact=event.contact,
        drop_selfies=event.drop_selfies,
        accent=event.accent,
        match_threshold=event.match_threshold,
        maybe_threshold=event.maybe_threshold,
        wall=event.wall_token is not None,
        wall_url=wall_url(request, event),
        join_url=join_url(request, event),
        cover_url=cover_url(event),
        created_at=time_text(event.created_at),
        counts=Counts(**asdict(counts)),
    )


async def post_event(request: web.Request) -> web.Response:
    """POST /api/admin/events."""
    actor = admin(request).id
    body = await json_of(request)
    name_of(body)
    event = await request.app[EVENT_SETUP].create(actor, read_changes(body))
    return json_answer(event_of(request, event, NO_COUNTS), 201)


async def get_events(request: web.Request) -> web.Response:
    """GET /api/admin/events."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        found = await events.list_all(
            conn, before=None if before is None else EventId(before), limit=limit + 1
        )
        page, more = split_page(found, limit)
        counts = await event_figures.counts(conn, [event.id for event in page])
        total = await events.count_all(conn)
    items = [event_of(request, event, counts.get(event.id, NO_COUNTS)) for event in page]
    return await page_answer(request, items, total, page[-1].id if more else None)


async def get_event(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}."""
    admin(request)
    event, counts = await _find(request)
    return json_answer(event_of(request, event, counts))


async def patch_event(request: web.Request) -> web.Response:
    """PATCH /api/admin/events/{id}: changes the members that the body has."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    changes = read_changes(await json_of(request))
    event = await request.app[EVENT_SETUP].change(actor, event_id, changes)
    async with db.acquire(request.app[POOL]) as conn:
        counts = await event_figures.counts(conn, [event.id])
    return json_answer(event_of(request, event, counts.get(event.id, NO_COUNTS)))


async def delete_event(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}: deletes photos, faces and the engine's collection too."""
    await request.app[EVENT_SETUP].delete(admin(request).id, EventId(path_id(request)))
    return web.Response(status=204)


async def get_qr_svg(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/qr.svg: the join link, black on white, with a quiet zone."""
    return _picture("image/svg+xml", await _qr(request, kind="svg", xmldecl=False, scale=8))


async def get_qr_png(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/qr.png: the same as pixels, large enough for a poster."""
    return _picture("image/png", await _qr(request, kind="png", scale=32))


async def _qr(request: web.Request, **how: Any) -> bytes:
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
    picture, code = BytesIO(), segno.make(join_url(request, event), error="m", micro=False)
    await asyncio.to_thread(partial(code.save, picture, border=4, dark="#000", light="#fff", **how))
    return picture.getvalue()


def _picture(media_type: str, body: bytes) -> web.Response:
    return web.Response(body=body, content_type=media_type, headers={"Cache-Control": "no-cache"})


async def get_guests(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/guests."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await guest_directory.search(
            conn,
            event.id,
            "",
            before=None if before is None else GuestId(before),
            limit=limit + 1,
        )
        total = await guests.count(conn, event.id)
    rows, more = split_page(found, limit)
    items = [
        EventGuest(
            id=str(row.user_id),
            user_id=str(row.user_id),
            name=row.name,
            email=row.email,
            joined_at=time_text(row.joined_at),
            selfie=SelfieSoFar(row.selfie, row.selfie_problem),
            photos=row.sure,
            maybe=row.maybe,
        )
        for row in rows
    ]
    return await page_answer(request, items, total, rows[-1].guest_id if more else None)


async def _find(request: web.Request) -> tuple[Event, EventCounts]:
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        counts: Sequence[EventCounts] = [*(await event_figures.counts(conn, [event.id])).values()]
    return event, counts[0] if counts else NO_COUNTS


ROUTES = [
    post(
        "/api/admin/events",
        post_event,
        "Make an event",
        created(EventAnswer, "The event."),
        takes=NewEvent,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events",
        get_events,
        "Events",
        a_page(EventAnswer),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}",
        get_event,
        "An event",
        ok(EventAnswer, "The event."),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    patch(
        "/api/admin/events/{id}",
        patch_event,
        "Change the members that are sent",
        ok(EventAnswer, "The event."),
        takes=EventChanges,
        fails=[FacesDecided],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    delete(
        "/api/admin/events/{id}",
        delete_event,
        "Delete an event with its photos, faces and collection",
        GONE,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/qr.svg",
        get_qr_svg,
        "The join link as a QR code",
        some_bytes("A picture.", "image/svg+xml"),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/qr.png",
        get_qr_png,
        "The join link as a QR code in pixels",
        some_bytes("A picture.", "image/png"),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/guests",
        get_guests,
        "Guests",
        a_page(EventGuest),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
]
