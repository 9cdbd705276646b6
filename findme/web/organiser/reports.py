"""The reports of an event's photos as JSON: listed and settled."""

from typing import Literal

from aiohttp import web
from msgspec import Struct

from findme import db
from findme.gallery import events, reports
from findme.gallery.reports import Reason, Report
from findme.models import EventId
from findme.services.photo_review import Settlement
from findme.web.keys import PHOTO_REVIEW, POOL, admin
from findme.web.openapi.route import GONE, Query, Tag, Who, a_page, get, post
from findme.web.responses import (
    choice_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    split_page,
    time_text,
)
from findme.web.shapes import Id, Path, Time

OPEN, SETTLED = "open", "settled"


class Reporter(Struct, frozen=True):
    """The guest who reported a photo."""

    id: Id
    name: str | None


class ReportAnswer(Struct, frozen=True):
    """A guest's report of a photo."""

    id: Id
    photo_id: Id
    filename: str
    reason: Reason
    note: str
    created_at: Time
    settled_at: Time | None
    guest: Reporter | None
    thumb_url: Path
    preview_url: Path


async def get_reports(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/reports?state=."""
    admin(request)
    before, limit = page_of(request)
    event_id = EventId(path_id(request))
    settled = choice_of(request, "state", (OPEN, SETTLED), OPEN) == SETTLED
    async with db.acquire(request.app[POOL]) as conn:
        await events.get(conn, event_id)
        found = await reports.list_of(
            conn, event_id, settled=settled, before=before, limit=limit + 1
        )
        total = await reports.count(conn, event_id, settled=settled)
    page, more = split_page(found, limit)
    items = [_report(each) for each in page]
    return await page_answer(request, items, total, page[-1].id if more else None)


async def post_settle(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/reports/{report_id}/settle."""
    actor = admin(request).id
    event_id, report_id = EventId(path_id(request)), parse_id(request.match_info["report_id"])
    settlement = Settlement.SETTLE
    await request.app[PHOTO_REVIEW].settle_report(actor, event_id, report_id, settlement)
    return web.Response(status=204)


def _report(each: Report) -> ReportAnswer:
    guest = None
    if each.user_id is not None:
        guest = Reporter(str(each.user_id), each.user_name)
    return ReportAnswer(
        id=str(each.id),
        photo_id=str(each.photo_id),
        filename=each.filename,
        reason=each.reason,
        note=each.note,
        created_at=time_text(each.created_at),
        settled_at=time_text(each.settled_at),
        guest=guest,
        thumb_url=f"/api/photo/{each.photo_id}?size=thumb",
        preview_url=f"/api/photo/{each.photo_id}?size=preview",
    )


ROUTES = [
    get(
        "/api/admin/events/{id}/reports",
        get_reports,
        "What guests reported of the photos of an event",
        a_page(ReportAnswer),
        query=[Query("state", "Which reports.", Literal["open", "settled"], "open")],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/events/{id}/reports/{report_id}/settle",
        post_settle,
        "Note that a report was dealt with",
        GONE,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
]
