"""Leaving: an event, with one's face, or altogether. Each answers with the receipt's address."""

import asyncio
import logging
from contextlib import suppress

import asyncpg
from aiohttp import web

from findme import db
from findme.accounts import auth, guests
from findme.db import Connection
from findme.errors import FindMeError, NotFound
from findme.gallery import events
from findme.models import Event, EventId, Gallery, UserId
from findme.privacy import audit_log, erasure_receipts
from findme.web.guest.join import after_forgetting
from findme.web.keys import CACHE, FACES, POOL, SETTINGS, user
from findme.web.middleware import SESSION_COOKIE
from findme.web.responses import path_id

log = logging.getLogger(__name__)

#: Seconds that the engine has to say what it holds still while somebody waits for their receipt.
CHECK_SECONDS = 10.0


def may_browse(event: Event) -> bool:
    """Whether guests see an event's gallery without consent and selfie."""
    return event.browse and event.gallery is Gallery.EVERYONE


async def forget_user(request: web.Request, user_id: UserId) -> str:
    """Erase an account; its vectors at once where the engine answers, else by the durable job.

    Return the token of the receipt.
    """
    pool = request.app[POOL]
    await auth.close_sessions(pool, request.app[CACHE], user_id)
    async with db.transaction(pool) as conn:
        mine = await _parts(conn, user_id, None)
        receipt = await _begin(request, conn, user_id, whole=True)
        for each in mine:
            await guests.forget(conn, each, user_id)
        await auth.delete_account(conn, user_id)
        await erasure_receipts.note_faceprints(conn, receipt)
        await audit_log.note(conn, None, "account.erased", detail={"events": len(mine)})
    return await _finish(request, receipt, mine)


async def forget_face(request: web.Request, user_id: UserId, event_id: EventId | None) -> str:
    """Erase what was made of a user's face, in one event or (None) in all; return the token.

    Where an event can be browsed they stay its guest, elsewhere their part in it ends. NotFound
    where they are no guest of the event.
    """
    async with db.transaction(request.app[POOL]) as conn:
        mine = await _parts(conn, user_id, event_id)
        receipt = await _begin(request, conn, user_id, event_id=event_id)
        for each in mine:
            if may_browse(await events.get(conn, each)):
                await guests.withdraw(conn, each, user_id)
            else:
                await guests.forget(conn, each, user_id)
            await audit_log.note(conn, None, "face.erased", event_id=each)
        await erasure_receipts.note_faceprints(conn, receipt)
    return await _finish(request, receipt, mine)


async def leave_event(
    request: web.Request, user_id: UserId, event_id: EventId, *, removed_by: UserId | None = None
) -> str:
    """End a user's part in an event, with all there is of it; return the receipt's token.

    *removed_by* is the admin who ends it in the user's place.
    """
    async with db.transaction(request.app[POOL]) as conn:
        mine = await _parts(conn, user_id, event_id)
        receipt = await _begin(request, conn, user_id, event_id=event_id)
        await guests.forget(conn, event_id, user_id)
        await erasure_receipts.note_faceprints(conn, receipt)
        done = "guest.left" if removed_by is None else "guest.removed"
        await audit_log.note(conn, removed_by, done, event_id=event_id)
    return await _finish(request, receipt, mine)


async def _parts(conn: Connection, user_id: UserId, event_id: EventId | None) -> list[EventId]:
    """Hold and return the events that a user is a guest of, or the one that is named."""
    parts = await guests.list_by_user(conn, user_id)
    mine = []
    for each in sorted(part.event_id for part in parts):
        if event_id in (None, each):
            # one that is deleted at this moment takes their part along
            with suppress(NotFound):
                await events.hold(conn, each)
                mine.append(each)
    if event_id is not None and not mine:
        raise NotFound
    return mine


async def _begin(
    request: web.Request,
    conn: Connection,
    user_id: UserId,
    *,
    whole: bool = False,
    event_id: EventId | None = None,
) -> erasure_receipts.Opened:
    sure = request.app[SETTINGS].face_match_threshold
    return await erasure_receipts.begin(conn, user_id, sure=sure, whole=whole, event_id=event_id)


async def _finish(
    request: web.Request, receipt: erasure_receipts.Opened, event_ids: list[EventId]
) -> str:
    """Have the vectors removed, and look whether all is gone, as far as that is done at once.

    The erasure is committed: whatever fails now is tried again, and the receipt tells of it.
    """
    try:
        await after_forgetting(request, event_ids)
        async with asyncio.timeout(CHECK_SECONDS):
            await erasure_receipts.check(request.app[POOL], request.app[FACES], receipt.id)
    except (FindMeError, TimeoutError, asyncpg.PostgresError, *db.TROUBLE) as error:
        log.warning("[Erasure] Receipt %s is completed later: %s", receipt.id, error)
    return receipt.token


async def delete_me(request: web.Request) -> web.Response:
    """DELETE /api/me: account, selfies, vectors and matches; Location is the receipt."""
    response = _erased(await forget_user(request, user(request).id))
    response.del_cookie(SESSION_COOKIE)
    return response


async def delete_face(request: web.Request) -> web.Response:
    """DELETE /api/me/face: selfies, vectors and matches in all events; the account stays."""
    return _erased(await forget_face(request, user(request).id, None))


async def delete_consent(request: web.Request) -> web.Response:
    """DELETE /api/me/events/{event_id}/consent: the same for one event."""
    event_id = EventId(path_id(request, "event_id"))
    return _erased(await forget_face(request, user(request).id, event_id))


async def delete_part(request: web.Request) -> web.Response:
    """DELETE /api/me/events/{event_id}: the caller leaves the event."""
    event_id = EventId(path_id(request, "event_id"))
    return _erased(await leave_event(request, user(request).id, event_id))


def _erased(token: str) -> web.Response:
    return web.Response(status=204, headers={"Location": f"/receipt/{token}"})


ROUTES = [
    web.delete("/api/me", delete_me),
    web.delete("/api/me/face", delete_face),
    web.delete("/api/me/events/{event_id}/consent", delete_consent),
    web.delete("/api/me/events/{event_id}", delete_part),
]
