"""Events: what a join page shows, and what admins do with them."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import segno
from aiohttp import web

from findme import db, events, guests, photos
from findme.errors import InvalidRequest, NotFound
from findme.models import Event, EventCounts, EventId, Gallery, GuestId, PhotoId, UserId
from findme.web.answers import (
    cut,
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_time,
    path_id,
    text_of,
    time_text,
)
from findme.web.guests import after_forgetting
from findme.web.keys import CACHE, POOL, QUEUE, admin, base_url
from findme.web.lists import thresholds_of

NO_COUNTS = EventCounts(0, 0, 0, 0)
#: An event's own, over the settings'.
THRESHOLDS = frozenset({"match_threshold", "maybe_threshold"})


async def get_by_code(request: web.Request) -> web.Response:
    """GET /api/events/{code}: what anyone with the code may know."""
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get_by_code(conn, request.match_info["code"])
    return json_answer(
        {
            "name": event.name,
            "starts_at": time_text(event.starts_at),
            "expires_at": time_text(event.expires_at),
            "join_open": event.join_open,
        }
    )


def join_url(request: web.Request, event: Event) -> str:
    """Return the link behind the QR code."""
    return f"{base_url(request)}/e/{event.code}"


def event_json(request: web.Request, event: Event, counts: EventCounts) -> dict[str, object]:
    """Return an event as admins see it."""
    return {
        "id": str(event.id),
        "code": event.code,
        "name": event.name,
        "starts_at": time_text(event.starts_at),
        "expires_at": time_text(event.expires_at),
        "gallery": event.gallery,
        "join_open": event.join_open,
        "join_url": join_url(request, event),
        "match_threshold": event.match_threshold,
        "maybe_threshold": event.maybe_threshold,
        "created_at": time_text(event.created_at),
        "counts": {
            "photos": counts.photos,
            "guests": counts.guests,
            "faces": counts.faces,
            "matches": counts.matches,
        },
    }


async def post_event(request: web.Request) -> web.Response:
    """POST /api/admin/events."""
    admin(request)
    body = await json_of(request)
    async with db.transaction(request.app[POOL]) as conn:
        event = await events.create(
            conn,
            name=_name(text_of(body, "name")),
            starts_at=parse_time(body, "starts_at"),
            expires_at=parse_time(body, "expires_at"),
            gallery=_gallery(body.get("gallery", Gallery.EVERYONE)),
            join_open=_flag(body.get("join_open", True), "join_open"),
        )
        own = {name: body[name] for name in THRESHOLDS & body.keys()}
        if own:
            event = await events.update(conn, _checked(request, _patched(event, own)))
    return json_answer(event_json(request, event, NO_COUNTS), 201)


async def get_events(request: web.Request) -> web.Response:
    """GET /api/admin/events."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        found = await events.list_all(
            conn, before=None if before is None else EventId(before), limit=limit + 1
        )
        page, more = cut(found, limit)
        counts = await events.counts(conn, [event.id for event in page])
        total = await events.count_all(conn)
    items = [event_json(request, event, counts.get(event.id, NO_COUNTS)) for event in page]
    return page_answer(request, items, total, page[-1].id if more else None)


async def get_event(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}."""
    admin(request)
    event, counts = await _find(request)
    return json_answer(event_json(request, event, counts))


async def patch_event(request: web.Request) -> web.Response:
    """PATCH /api/admin/events/{id}: the members that are there change."""
    admin(request)
    body = await json_of(request)
    async with db.transaction(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        event = await events.update(conn, _checked(request, _patched(event, body)))
        counts = await events.counts(conn, [event.id])
    await request.app[CACHE].forget_event(event.id)
    return json_answer(event_json(request, event, counts[event.id]))


def _checked(request: web.Request, event: Event) -> Event:
    """Return the event; InvalidRequest where its thresholds contradict each other."""
    thresholds = thresholds_of(request, event)
    if thresholds.maybe > thresholds.sure:
        sentence = f"maybe ({thresholds.maybe:g}) would be above match ({thresholds.sure:g})."
        raise InvalidRequest(sentence, field="maybe_threshold")
    return event


def _patched(event: Event, body: dict[str, Any]) -> Event:
    known = {"name", "starts_at", "expires_at", "gallery", "join_open"} | THRESHOLDS
    if unknown := sorted(set(body) - known):
        raise InvalidRequest(f"An event has no {unknown[0]} to change.", field=unknown[0])
    if "name" in body:
        event = replace(event, name=_name(text_of(body, "name")))
    if "starts_at" in body:
        event = replace(event, starts_at=parse_time(body, "starts_at"))
    if "expires_at" in body:
        event = replace(event, expires_at=parse_time(body, "expires_at"))
    if "gallery" in body:
        event = replace(event, gallery=_gallery(body["gallery"]))
    if "join_open" in body:
        event = replace(event, join_open=_flag(body["join_open"], "join_open"))
    if "match_threshold" in body:
        event = replace(event, match_threshold=_similarity(body, "match_threshold"))
    if "maybe_threshold" in body:
        event = replace(event, maybe_threshold=_similarity(body, "maybe_threshold"))
    return event


async def delete_event(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}: photos, faces and the engine's collection go along."""
    admin(request)
    event_id = EventId(path_id(request))
    async with db.transaction(request.app[POOL]) as conn:
        await events.delete(conn, event_id)
    await request.app[CACHE].forget_event(event_id)
    _wake(request)
    return web.Response(status=204)


async def get_qr(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/qr.svg: the join link, black on white, four modules of quiet."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
    picture = BytesIO()
    segno.make(join_url(request, event), error="m", micro=False).save(
        picture, kind="svg", border=4, dark="#000", light="#fff", xmldecl=False, scale=8
    )
    return web.Response(
        body=picture.getvalue(), content_type="image/svg+xml", headers={"Cache-Control": "no-cache"}
    )


async def get_guests(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/guests."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await guests.list_by_event(
            conn, event.id, before=None if before is None else GuestId(before), limit=limit + 1
        )
        total = await guests.count(conn, event.id)
    rows, more = cut(found, limit)
    items: list[dict[str, object]] = [
        {
            "id": str(row["id"]),
            "user_id": str(row["id"]),
            "name": row["name"],
            "email": row["email"],
            "joined_at": time_text(row["joined_at"]),
            "selfie": {"status": row["selfie"], "problem": row["selfie_problem"]},
            "photos": row["photos"],
        }
        for row in rows
    ]
    return page_answer(request, items, total, rows[-1]["guest_id"] if more else None)


async def delete_guest(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}/guests/{user_id}: as if the guest had asked."""
    admin(request)
    event_id, user_id = EventId(path_id(request)), UserId(path_id(request, "user_id"))
    async with db.transaction(request.app[POOL]) as conn:
        if not await guests.forget(conn, event_id, user_id):
            raise NotFound
    await after_forgetting(request, [event_id])
    return web.Response(status=204)


async def get_photos(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/photos: each with its state and error."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await photos.list_all(
            conn, event.id, before=None if before is None else PhotoId(before), limit=limit + 1
        )
        total = await photos.count_all(conn, event.id)
    rows, more = cut(found, limit)
    items: list[dict[str, object]] = [
        {
            "id": str(row["id"]),
            "event_id": str(row["event_id"]),
            "filename": row["filename"],
            "width": row["width"],
            "height": row["height"],
            "taken_at": time_text(row["taken_at"]),
            "uploaded_at": time_text(row["uploaded_at"]),
            "state": row["state"],
            "error": row["error"],
            "faces": row["faces"],
            "guests": row["guests"],
            "placeholder": row["placeholder"],
            "thumb_url": f"/api/photo/{row['id']}?size=thumb" if row["ready"] else None,
            "preview_url": f"/api/photo/{row['id']}?size=preview" if row["ready"] else None,
            "review": row["review"],
            "original_url": f"/api/photo/{row['id']}?size=original",
        }
        for row in rows
    ]
    return page_answer(request, items, total, rows[-1]["id"] if more else None)


async def delete_photo(request: web.Request) -> web.Response:
    """DELETE /api/admin/photos/{id}: faces and matches too."""
    admin(request)
    async with db.transaction(request.app[POOL]) as conn:
        gone = await photos.delete(conn, PhotoId(path_id(request)))
        await guests.forget_faces(conn, gone.event_id, gone.faces, gone.staged)
    await after_forgetting(request, [gone.event_id])
    return web.Response(status=204)


async def _find(request: web.Request) -> tuple[Event, EventCounts]:
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        counts: Sequence[EventCounts] = [*(await events.counts(conn, [event.id])).values()]
    return event, counts[0] if counts else NO_COUNTS


def _wake(request: web.Request) -> None:
    if QUEUE in request.app:
        request.app[QUEUE].wake()


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= 200:
        raise InvalidRequest("An event needs a name of 1 to 200 characters.", field="name")
    return name


def _gallery(value: object) -> Gallery:
    if value not in list(Gallery):
        raise InvalidRequest("gallery is `everyone` or `own`.", field="gallery")
    return Gallery(str(value))


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} is true or false.", field=name)
    return value


def _similarity(body: dict[str, Any], name: str) -> float | None:
    value = body[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise InvalidRequest(f"{name} is a number from 0 to 100.", field=name)
    return float(value)


ROUTES = [
    web.get("/api/events/{code}", get_by_code),
    web.post("/api/admin/events", post_event),
    web.get("/api/admin/events", get_events),
    web.get("/api/admin/events/{id}", get_event),
    web.patch("/api/admin/events/{id}", patch_event),
    web.delete("/api/admin/events/{id}", delete_event),
    web.get("/api/admin/events/{id}/qr.svg", get_qr),
    web.get("/api/admin/events/{id}/guests", get_guests),
    web.delete("/api/admin/events/{id}/guests/{user_id}", delete_guest),
    web.get("/api/admin/events/{id}/photos", get_photos),
    web.delete("/api/admin/photos/{id}", delete_photo),
]
