"""Guests report a photo, from the viewer or by the form of its page; admins settle it."""

from aiohttp import web

from findme import db
from findme.errors import InvalidRequest
from findme.gallery import events, reports
from findme.gallery.reports import Reason, Report
from findme.models import EventId, PhotoId
from findme.privacy import audit_log
from findme.web.guest import photo_lists
from findme.web.guest.tabs import MINE, gallery_url, tabs_of
from findme.web.keys import POOL, admin
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import (
    choice_of,
    cut,
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    text_of,
    time_text,
)

OPEN, SETTLED = "open", "settled"


async def report(request: web.Request, reason: str, note: str) -> int:
    """Note what the caller says of the path's photo; NotFound where they may not see it."""
    photo_id = PhotoId(path_id(request))
    async with db.transaction(request.app[POOL]) as conn:
        guest = await photo_lists.guest_who_sees(request, conn, photo_id)
        if reason not in [*Reason]:
            raise InvalidRequest(f"reason is one of {', '.join(Reason)}.", field="reason")
        await events.hold(conn, guest.event_id)
        return await reports.add(conn, guest.id, photo_id, Reason(reason), note.strip())


async def post_report(request: web.Request) -> web.Response:
    """POST /api/photos/{id}/report {reason, note?}."""
    body = await json_of(request)
    made = await report(request, text_of(body, "reason"), text_of(body, "note", required=False))
    return json_answer({"id": str(made)}, 201)


async def report_page(request: web.Request) -> web.Response:
    """GET /gallery/{id}/report?event=&tab=: the questions, where no dialog asks them."""
    photo_id = PhotoId(path_id(request))
    event, _ = await photo_lists.joined_event(request)
    async with db.acquire(request.app[POOL]) as conn:
        guest = await photo_lists.guest_who_sees(request, conn, photo_id)
    tab = choice_of(request, "tab", tabs_of(event), MINE)
    return render(
        request,
        "guest/report.html",
        {
            "photo_id": photo_id,
            "event_id": guest.event_id,
            "tab": tab,
            "done": "done" in request.query,
            "back": f"/gallery/{photo_id}?event={guest.event_id}&tab={tab}",
            "gallery": gallery_url(event, tab),
        },
    )


async def report_form(request: web.Request) -> web.Response:
    """POST /gallery/{id}/report?event=&tab=."""
    form = await form_of(request)
    note = str(form.get("note", "")).replace("\0", "")
    await report(request, str(form.get("reason", "")), note)
    return redirect(str(request.rel_url.update_query(done="1")))


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
    async with db.transaction(request.app[POOL]) as conn:
        photo_id = await reports.settle(conn, event_id, report_id)
        await audit_log.note(
            conn,
            actor,
            "report.settled",
            event_id=event_id,
            subjects=[photo_id],
            detail={"photo": "settle"},
        )
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
    web.post("/api/photos/{id}/report", post_report),
    web.get("/gallery/{id:[0-9]+}/report", report_page),
    web.post("/gallery/{id:[0-9]+}/report", report_form),
    web.get("/api/admin/events/{id}/reports", get_reports),
    web.post("/api/admin/events/{id}/reports/{report_id}/settle", post_settle),
]
