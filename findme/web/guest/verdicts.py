"""One tap: that's me, or that's not."""

from aiohttp import web

from findme import db
from findme.accounts import guests
from findme.db import Connection
from findme.errors import InvalidRequest
from findme.faces import verdicts
from findme.faces.sweep_requests import request_sweep
from findme.gallery import events
from findme.models import EventId, FaceId, GuestId, PhotoId
from findme.web.guest import photo_lists
from findme.web.keys import CACHE, POOL, QUEUE, SETTINGS
from findme.web.responses import json_of, parse_id, path_id


async def post_not_me(request: web.Request) -> web.Response:
    """POST /api/photos/{id}/not-me: the match is put aside."""
    photo_id = PhotoId(path_id(request))
    async with db.transaction(request.app[POOL]) as conn:
        event_id, guest_id = await _guest_of(request, conn, photo_id)
        await verdicts.put_aside(conn, guest_id, photo_id)
    return await _done(request, event_id)


async def post_me(request: web.Request) -> web.Response:
    """POST /api/photos/{id}/me {face_id?}: the match is sure, and helps to find further ones."""
    photo_id = PhotoId(path_id(request))
    body = await json_of(request)
    wanted = body.get("face_id")
    if wanted is not None and not isinstance(wanted, str):
        raise InvalidRequest("face_id is a string.", field="face_id")
    face_id = None if wanted is None else FaceId(parse_id(wanted))
    async with db.transaction(request.app[POOL]) as conn:
        event_id, guest_id = await _guest_of(request, conn, photo_id)
        if await verdicts.confirm(conn, guest_id, photo_id, face_id):
            await request_sweep(conn, event_id, request.app[SETTINGS])
    return await _done(request, event_id)


async def delete_not_me(request: web.Request) -> web.Response:
    """DELETE /api/photos/{id}/not-me: what the machine found counts again."""
    return await _take_back(request, "not_me")


async def delete_me(request: web.Request) -> web.Response:
    """DELETE /api/photos/{id}/me: and what was found from that face goes with it."""
    return await _take_back(request, "me")


async def _take_back(request: web.Request, says: str) -> web.Response:
    photo_id = PhotoId(path_id(request))
    async with db.transaction(request.app[POOL]) as conn:
        event_id, guest_id = await _guest_of(request, conn, photo_id)
        await verdicts.take_back(conn, guest_id, photo_id, says)
        await request_sweep(conn, event_id, request.app[SETTINGS])
    return await _done(request, event_id)


async def _guest_of(
    request: web.Request, conn: Connection, photo_id: PhotoId
) -> tuple[EventId, GuestId]:
    """Return the photo's event and the caller's part in it; NotFound where they can't see it."""
    guest = await photo_lists.guest_who_sees(request, conn, photo_id)
    await events.hold(conn, guest.event_id)
    # whoever says "that's me" is looked for with that face
    await guests.hold_consent(conn, guest.id)
    return guest.event_id, guest.id


async def _done(request: web.Request, event_id: EventId) -> web.Response:
    await request.app[CACHE].forget_event(event_id)
    request.app[QUEUE].wake()
    return web.Response(status=204)


ROUTES = [
    web.post("/api/photos/{id}/not-me", post_not_me),
    web.delete("/api/photos/{id}/not-me", delete_not_me),
    web.post("/api/photos/{id}/me", post_me),
    web.delete("/api/photos/{id}/me", delete_me),
]
