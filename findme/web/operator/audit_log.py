"""The audit log for admins: as JSON, and as a page."""

from typing import Annotated, Any

import orjson
from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.db import Record
from findme.models import EventId
from findme.privacy import audit_log
from findme.web.keys import POOL, admin
from findme.web.openapi.route import Query, Tag, Who, a_page, get
from findme.web.rendering import render
from findme.web.responses import id_text, page_answer, page_of, parse_id, split_page, time_text
from findme.web.shapes import Id, Time

#: Entries of a page of the log.
PAGE = 100


class AuditEntry(Struct, frozen=True):
    """An act, or a deletion."""

    id: Id
    at: Time
    actor_id: Annotated[
        Id | None, Meta(description="null: the account is deleted, or nobody did it.")
    ]
    actor: Annotated[
        str | None, Meta(description="The address of the account, while there is one.")
    ]
    action: Annotated[str, Meta(description="noun.verb")]
    event_id: Annotated[Id | None, Meta(description="The event may be gone.")]
    subjects: list[Id]
    detail: dict[str, Any]


def _entry(row: Record) -> AuditEntry:
    return AuditEntry(
        id=str(row["id"]),
        at=time_text(row["at"]),
        actor_id=id_text(row["actor_id"]),
        actor=row["actor"],
        action=row["action"],
        event_id=id_text(row["event_id"]),
        subjects=[str(subject) for subject in row["subjects"]],
        detail=orjson.loads(row["detail"]),
    )


def _event_of(request: web.Request) -> EventId | None:
    text = request.query.get("event_id")
    return EventId(parse_id(text)) if text else None


async def get_audit(request: web.Request) -> web.Response:
    """GET /api/admin/audit?event_id=."""
    admin(request)
    before, limit = page_of(request)
    event_id = _event_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        found = await audit_log.list_all(conn, event_id=event_id, before=before, limit=limit + 1)
        total = await audit_log.count(conn, event_id)
    rows, more = split_page(found, limit)
    items = [_entry(row) for row in rows]
    return await page_answer(request, items, total, rows[-1]["id"] if more else None)


async def audit_page(request: web.Request) -> web.Response:
    """GET /admin/audit: the same as a table."""
    admin(request)
    before, _ = page_of(request)
    event_id = _event_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        found = await audit_log.list_all(conn, event_id=event_id, before=before, limit=PAGE + 1)
    rows, more = split_page(found, PAGE)
    older = request.rel_url.update_query(before=rows[-1]["id"]) if more else None
    entries = [{**row, "detail": orjson.loads(row["detail"])} for row in rows]
    return render(
        request,
        "admin/audit.html",
        {
            "entries": entries,
            "event_id": event_id,
            "older": None if older is None else str(older),
        },
    )


ROUTES = [
    get(
        "/api/admin/audit",
        get_audit,
        "What admins did, and what was deleted",
        a_page(AuditEntry),
        query=[Query("event_id", "Of one event.")],
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    web.get("/admin/audit", audit_page),
]
