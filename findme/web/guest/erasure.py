"""Erasure by its own calls: the account, the face, one event; Location is the receipt's address."""

from aiohttp import web

from findme.models import EventId
from findme.web import cookies
from findme.web.keys import ERASURE, user
from findme.web.openapi.route import GONE_WITH_RECEIPT, Tag, Who, delete
from findme.web.responses import path_id


async def delete_me(request: web.Request) -> web.Response:
    """DELETE /api/me: account, selfies, vectors and matches."""
    response = _erased(await request.app[ERASURE].erase_account(user(request).id))
    cookies.end_session(response, request, erased=True)
    return response


async def delete_face(request: web.Request) -> web.Response:
    """DELETE /api/me/face: selfies, vectors and matches in all events; the account stays."""
    return _erased(await request.app[ERASURE].erase_face(user(request).id, None))


async def delete_consent(request: web.Request) -> web.Response:
    """DELETE /api/me/events/{event_id}/consent: the same for one event."""
    event_id = EventId(path_id(request, "event_id"))
    return _erased(await request.app[ERASURE].erase_face(user(request).id, event_id))


async def delete_part(request: web.Request) -> web.Response:
    """DELETE /api/me/events/{event_id}: the caller leaves the event."""
    event_id = EventId(path_id(request, "event_id"))
    return _erased(await request.app[ERASURE].leave_event(user(request).id, event_id))


def _erased(token: str) -> web.Response:
    return web.Response(status=204, headers={"Location": f"/receipt/{token}"})


ROUTES = [
    delete(
        "/api/me",
        delete_me,
        "Erase account, selfies, face vectors and matches",
        GONE_WITH_RECEIPT,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    delete(
        "/api/me/face",
        delete_face,
        "Erase selfies, face vectors and matches in all events; the account stays",
        GONE_WITH_RECEIPT,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    delete(
        "/api/me/events/{event_id}/consent",
        delete_consent,
        "Withdraw the consent for an event: what was made of the face goes, and if the gallery "
        "cannot be browsed, the caller's part in the event",
        GONE_WITH_RECEIPT,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    delete(
        "/api/me/events/{event_id}",
        delete_part,
        "Leave an event",
        GONE_WITH_RECEIPT,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
]
