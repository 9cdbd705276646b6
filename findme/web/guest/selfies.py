"""A guest's selfies: replaced, added (up to five), looked at, removed."""

from aiohttp import web

from findme import db
from findme.accounts import guests, selfies
from findme.db import Connection
from findme.errors import NotFound, SelfieRefused, TooManyAttempts
from findme.gallery import events
from findme.media import storage
from findme.models import EventId, GuestId, SelfieId, SelfieState, Size
from findme.privacy import audit_log
from findme.web.guest.join import after_forgetting, read_form, take_in
from findme.web.guest.photos import send_image
from findme.web.keys import CACHE, POOL, user
from findme.web.responses import json_answer, path_id, time_text

#: Selfies that one person may take in so many seconds: each is a paid call of the engine.
MAX_SELFIES, SELFIE_SECONDS = 60, 600


async def put_selfie(request: web.Request) -> web.Response:
    """PUT /api/me/events/{event_id}/selfie: the earlier ones stay until this is accepted."""
    _, status = await _add(request, replaces=True)
    return json_answer({"selfie": {"status": status}})


async def post_selfie(request: web.Request) -> web.Response:
    """POST /api/me/events/{event_id}/selfies: one more, beside the others."""
    selfie_id, status = await _add(request, replaces=False)
    return json_answer({"selfie": {"id": str(selfie_id), "status": status}}, 201)


async def get_selfies(request: web.Request) -> web.Response:
    """GET /api/me/events/{event_id}/selfies: newest first."""
    async with db.acquire(request.app[POOL]) as conn:
        _, guest_id = await _part(request, conn)
        rows = await selfies.list_of(conn, guest_id)
    return json_answer(
        [
            {
                "id": str(row["id"]),
                "status": row["state"],
                "problem": row["problem"],
                "created_at": time_text(row["created_at"]),
                "url": f"{request.path}/{row['id']}",
            }
            for row in rows
        ]
    )


async def get_selfie(request: web.Request) -> web.StreamResponse:
    """GET /api/me/events/{event_id}/selfies/{selfie_id}: the picture, for its guest alone."""
    selfie_id = SelfieId(path_id(request, "selfie_id"))
    async with db.acquire(request.app[POOL]) as conn:
        _, guest_id = await _part(request, conn)
        mine = [row["id"] for row in await selfies.list_of(conn, guest_id)]
        image = await storage.find_selfie_image(conn, selfie_id) if selfie_id in mine else None
    if image is None:
        raise NotFound
    return await send_image(request, image)


async def delete_selfie(request: web.Request) -> web.Response:
    """DELETE /api/me/events/{event_id}/selfies/{selfie_id}: with what was found from it."""
    selfie_id = SelfieId(path_id(request, "selfie_id"))
    async with db.transaction(request.app[POOL]) as conn:
        event_id, guest_id = await _part(request, conn)
        await events.hold(conn, event_id)
        faces = await selfies.remove(conn, guest_id, selfie_id)
        await guests.forget_faces(conn, event_id, faces)
        await audit_log.note(conn, None, "selfie.erased", event_id=event_id)
    await after_forgetting(request, [event_id])
    return web.Response(status=204)


async def _add(request: web.Request, *, replaces: bool) -> tuple[SelfieId, SelfieState]:
    pool = request.app[POOL]
    async with db.acquire(pool) as conn:
        event_id, guest_id = await _part(request, conn)
        await guests.hold_consent(conn, guest_id)
        if not replaces:
            await selfies.check_room(conn, guest_id)
    taken = await request.app[CACHE].count_attempt(
        f"selfies:{user(request).id}", seconds=SELFIE_SECONDS
    )
    if taken > MAX_SELFIES:
        raise TooManyAttempts
    form = await read_form(request)
    if form.jpeg is None:
        raise SelfieRefused("The selfie is missing.", code="no_face")
    async with db.transaction(pool) as conn:
        await events.hold(conn, event_id)
        await guests.hold_consent(conn, guest_id)
        selfie = await selfies.add(conn, event_id, guest_id, replaces=replaces)
        await storage.store_bytes(conn, form.jpeg, size=Size.ORIGINAL, selfie_id=selfie.id)
    return selfie.id, await take_in(request, event_id, selfie, form.jpeg)


async def _part(request: web.Request, conn: Connection) -> tuple[EventId, GuestId]:
    """Return the event of the path and the caller's part in it; NotFound without one."""
    event_id = EventId(path_id(request, "event_id"))
    guest = await guests.find(conn, event_id, user(request).id)
    if guest is None:
        raise NotFound
    return event_id, guest.id


ROUTES = [
    web.put("/api/me/events/{event_id}/selfie", put_selfie),
    web.post("/api/me/events/{event_id}/selfies", post_selfie),
    web.get("/api/me/events/{event_id}/selfies", get_selfies),
    web.get("/api/me/events/{event_id}/selfies/{selfie_id}", get_selfie),
    web.delete("/api/me/events/{event_id}/selfies/{selfie_id}", delete_selfie),
]
