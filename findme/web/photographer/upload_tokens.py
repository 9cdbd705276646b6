"""An event's upload tokens: one for each photographer; for admins, and for whoever holds one."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from findme import db
from findme.accounts import auth
from findme.db import Record
from findme.errors import InvalidRequest, NotFound, SignInRequired
from findme.gallery import events, photographers
from findme.gallery.photographers import MOST_OFFSET
from findme.models import EventId, TokenId
from findme.privacy import audit_log
from findme.web.keys import CACHE, POOL, SETTINGS, actor, admin
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

#: Letters of a photographer's name.
MOST_LABEL = 100
#: What a watcher says of itself; numbers but for the last.
REPORTED = ("backlog", "backlog_bytes", "bytes_per_s", "sent", "there", "refused", "errors")
#: Letters of the last error in a report.
MOST_ERROR = 200
#: A number in a report: more bytes than anybody has.
MOST_NUMBER = 1e15


async def post_token(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/tokens: the token is shown this once."""
    actor = admin(request).id
    body = await json_of(request)
    label = _label(body) or "Photographer"
    offset = _offset(body) or 0
    async with db.transaction(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        token_id, token = await auth.create_upload_token(
            conn, event.id, label, clock_offset_s=offset
        )
        await audit_log.note(conn, actor, "token.created", event_id=event.id, subjects=[token_id])
    made = {"id": str(token_id), "label": label, "clock_offset_s": offset, "token": token}
    return json_answer(made, 201)


async def get_tokens(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/tokens: without the tokens themselves."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        every = await photographers.list_all(conn, event.id)
    # an event has a handful: the page is cut here
    rows, more = cut([row for row in every if before is None or row["id"] < before], limit)
    items = [token_json(row) for row in rows]
    return await page_answer(request, items, len(every), rows[-1]["id"] if more else None)


async def patch_token(request: web.Request) -> web.Response:
    """PATCH /api/admin/events/{id}/tokens/{token_id}: the photos that came already follow."""
    actor = admin(request).id
    event_id, token_id = EventId(path_id(request)), TokenId(path_id(request, "token_id"))
    body = await json_of(request)
    async with db.transaction(request.app[POOL]) as conn:
        row = await photographers.change(
            conn, event_id, token_id, name=_label(body) or None, clock_offset_s=_offset(body)
        )
        await audit_log.note(conn, actor, "token.changed", event_id=event_id, subjects=[token_id])
    await request.app[CACHE].forget_event(event_id)
    return json_answer(token_json(row))


async def delete_token(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}/tokens/{token_id}."""
    actor = admin(request).id
    event_id, token_id = EventId(path_id(request)), TokenId(path_id(request, "token_id"))
    if not await auth.delete_upload_token(
        request.app[POOL], request.app[CACHE], event_id, token_id
    ):
        raise NotFound
    async with db.acquire(request.app[POOL]) as conn:
        await audit_log.note(conn, actor, "token.revoked", event_id=event_id, subjects=[token_id])
    return web.Response(status=204)


async def get_own(request: web.Request) -> web.Response:
    """GET /api/upload-token: what the token that is shown is good for."""
    async with db.acquire(request.app[POOL]) as conn:
        by = await photographers.get(conn, _own(request))
    return json_answer(
        {
            "event": {"id": str(by.event_id), "name": by.event_name},
            "label": by.name,
            "clock_offset_s": by.clock_offset_s,
            "max_upload_bytes": request.app[SETTINGS].max_upload_bytes,
        }
    )


async def post_report(request: web.Request) -> web.Response:
    """POST /api/upload-token/report: how far the photographer's watcher is."""
    token_id = _own(request)
    body = await json_of(request)
    told: dict[str, object] = {name: _number(body, name) for name in REPORTED}
    told["clock_ahead_s"] = _number(body, "clock_ahead_s", least=-MOST_NUMBER)
    told["last_error"] = text_of(body, "last_error", required=False)[:MOST_ERROR] or None
    async with db.acquire(request.app[POOL]) as conn:
        await photographers.report(conn, token_id, told)
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
    """Return the caller's upload token; for a signed-in user there is nothing here."""
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
