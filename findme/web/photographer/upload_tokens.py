"""An event's upload tokens, one for each photographer: for admins, and for the photographers."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from findme.db import Record
from findme.errors import InvalidRequest, NotFound, SignInRequired
from findme.gallery.photographers import MOST_OFFSET
from findme.models import EventId, TokenId
from findme.web.keys import SETTINGS, UPLOAD_TOKENS, actor, admin
from findme.web.responses import (
    cut,
    json_answer,
    json_of,
    page_answer,
    page_of,
    path_id,
    text_of,
    time_text,
)

#: Characters of a photographer's name.
MOST_LABEL = 100
#: Numbers that a watcher reports of itself.
REPORTED = ("backlog", "backlog_bytes", "bytes_per_s", "sent", "there", "refused", "errors")
#: Characters of the last error in a report.
MOST_ERROR = 200
#: A number in a report: more bytes than anybody has.
MOST_NUMBER = 1e15


async def post_token(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/tokens: the token is shown only here."""
    admin_id = admin(request).id
    body = await json_of(request)
    label = _label(body) or "Photographer"
    offset = _offset(body) or 0
    token_id, token = await request.app[UPLOAD_TOKENS].create(
        admin_id, EventId(path_id(request)), label, clock_offset_s=offset
    )
    made = {"id": str(token_id), "label": label, "clock_offset_s": offset, "token": token}
    return json_answer(made, 201)


async def get_tokens(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/tokens: without the tokens themselves."""
    admin(request)
    before, limit = page_of(request)
    every = await request.app[UPLOAD_TOKENS].list_of(EventId(path_id(request)))
    # an event has a handful: the page is cut here
    rows, more = cut([row for row in every if before is None or row["id"] < before], limit)
    items = [token_json(row) for row in rows]
    return await page_answer(request, items, len(every), rows[-1]["id"] if more else None)


async def patch_token(request: web.Request) -> web.Response:
    """PATCH /api/admin/events/{id}/tokens/{token_id}: photos that arrived already change too."""
    admin_id = admin(request).id
    event_id, token_id = EventId(path_id(request)), TokenId(path_id(request, "token_id"))
    body = await json_of(request)
    row = await request.app[UPLOAD_TOKENS].change(
        admin_id, event_id, token_id, name=_label(body) or None, clock_offset_s=_offset(body)
    )
    return json_answer(token_json(row))


async def delete_token(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}/tokens/{token_id}."""
    admin_id = admin(request).id
    event_id, token_id = EventId(path_id(request)), TokenId(path_id(request, "token_id"))
    await request.app[UPLOAD_TOKENS].revoke(admin_id, event_id, token_id)
    return web.Response(status=204)


async def get_own(request: web.Request) -> web.Response:
    """GET /api/upload-token: the event and the photographer of the caller's token."""
    photographer = await request.app[UPLOAD_TOKENS].get_photographer(_own(request))
    return json_answer(
        {
            "event": {"id": str(photographer.event_id), "name": photographer.event_name},
            "label": photographer.name,
            "clock_offset_s": photographer.clock_offset_s,
            "max_upload_bytes": request.app[SETTINGS].max_upload_bytes,
        }
    )


async def post_report(request: web.Request) -> web.Response:
    """POST /api/upload-token/report: the state of the photographer's watcher."""
    token_id = _own(request)
    body = await json_of(request)
    state: dict[str, object] = {name: _number(body, name) for name in REPORTED}
    state["clock_ahead_s"] = _number(body, "clock_ahead_s", least=-MOST_NUMBER)
    state["last_error"] = text_of(body, "last_error", required=False)[:MOST_ERROR] or None
    await request.app[UPLOAD_TOKENS].report(token_id, state)
    return web.Response(status=204)


def token_json(row: Record) -> dict[str, object]:
    """Return a token as admins see it."""
    return {
        "id": str(row["id"]),
        "label": row["label"],
        "clock_offset_s": row["clock_offset_s"],
        "created_at": time_text(row["created_at"]),
        "last_used_at": time_text(row["last_used_at"]),
        "reported_at": time_text(row["reported_at"]),
        "report": None if row["report"] is None else orjson.loads(row["report"]),
    }


def _own(request: web.Request) -> TokenId:
    """Return the caller's upload token; NotFound for a signed-in user."""
    caller = actor(request)
    if caller.upload_token_id is None:
        raise SignInRequired if caller.user is None else NotFound
    return caller.upload_token_id


def _label(body: Mapping[str, Any]) -> str:
    return " ".join(text_of(body, "label", required=False).split())[:MOST_LABEL]


def _offset(body: Mapping[str, Any]) -> int | None:
    value = body.get("clock_offset_s")
    if value is None:
        return None
    # True is an int, too
    if type(value) is not int or abs(value) > MOST_OFFSET:
        raise InvalidRequest(
            f"clock_offset_s is a whole number of seconds, at most {MOST_OFFSET} either way.",
            field="clock_offset_s",
        )
    return value


def _number(body: Mapping[str, Any], name: str, *, least: float = 0) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not least <= value <= MOST_NUMBER:
        raise InvalidRequest(f"{name} is not a number that can be.", field=name)
    return float(value) if isinstance(value, float) else int(value)


ROUTES = [
    web.post("/api/admin/events/{id}/tokens", post_token),
    web.get("/api/admin/events/{id}/tokens", get_tokens),
    web.patch("/api/admin/events/{id}/tokens/{token_id}", patch_token),
    web.delete("/api/admin/events/{id}/tokens/{token_id}", delete_token),
    web.get("/api/upload-token", get_own),
    web.post("/api/upload-token/report", post_report),
]
