"""The reports of an event's photos as JSON: listed and settled."""

from aiohttp import web

from findme import db
from findme.gallery import events, reports
from findme.gallery.reports import Report
from findme.models import EventId
from findme.services.photo_review import Settlement
from findme.web.keys import PHOTO_REVIEW, POOL, admin
from findme.web.responses import (
    choice_of,
    cut,
    page_answer,
    page_of,
    parse_id,
    path_id,
    time_text,
)

OPEN, SETTLED = "open", "settled"


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
    page, more = cut(found, limit)
    items = [_report_json(each) for each in page]
    return await page_answer(request, items, total, page[-1].id if more else None)


async def post_settle(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/reports/{report_id}/settle."""
    actor = admin(request).id
    event_id, report_id = EventId(path_id(request)), parse_id(request.match_info["report_id"])
    settlement = Settlement.SETTLE
    await request.app[PHOTO_REVIEW].settle_report(actor, event_id, report_id, settlement)
    return web.Response(status=204)


def _report_json(each: Report) -> dict[str, object]:
    guest = None if each.user_id is None else {"id": str(each.user_id), "name": each.user_name}
    return {
        "id": str(each.id),
        "photo_id": str(each.photo_id),
        "filename": each.filename,
        "reason": each.reason,
        "note": each.note,
        "created_at": time_text(each.created_at),
        "settled_at": time_text(each.settled_at),
        "guest": guest,
        "thumb_url": f"/api/photo/{each.photo_id}?size=thumb",
        "preview_url": f"/api/photo/{each.photo_id}?size=preview",
    }


ROUTES = [
    web.get("/api/admin/events/{id}/reports", get_reports),
    web.post("/api/admin/events/{id}/reports/{report_id}/settle", post_settle),
]
