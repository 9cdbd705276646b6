"""The page of guests' reports: an organiser hides, deletes or keeps each photo."""

from aiohttp import web
from yarl import URL

from findme import db
from findme.errors import InvalidRequest
from findme.faces import persons
from findme.gallery import events, reports
from findme.models import EventId
from findme.services.photo_review import Settlement
from findme.web.keys import PHOTO_REVIEW, POOL, admin
from findme.web.organiser.reports import OPEN, SETTLED
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import choice_of, parse_id, path_id, split_page

#: The button that shows all photos again of people who are no guests.
SHOW_ALL = "show_all"
#: Reports of one page.
PAGE = 30
#: The values of `persons.shapes`.
SHAPE = ("ratio", "placeholder", "ready")


async def page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/reports?state=&before=."""
    admin(request)
    state = choice_of(request, "state", (OPEN, SETTLED), OPEN)
    before = parse_id(request.query["before"]) if "before" in request.query else None
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await reports.list_of(
            conn, event.id, settled=state == SETTLED, before=before, limit=PAGE + 1
        )
        counts = {
            word: await reports.count(conn, event.id, settled=word == SETTLED)
            for word in (OPEN, SETTLED)
        }
        kept_out = await reports.list_kept_out(conn, event.id)
        listed, more = split_page(found, PAGE)
        shapes = await persons.shapes(conn, [each.photo_id for each in listed])
    here = URL(request.path).with_query(state=state)
    return render(
        request,
        "admin/reports.html",
        {
            "event": event,
            "tab": "reports",
            "state": state,
            "counts": counts,
            "kept_out": len(kept_out),
            "reports": [
                (each, dict(zip(SHAPE, shapes[each.photo_id], strict=True))) for each in listed
            ],
            "next_page": str(here.update_query(before=str(listed[-1].id))) if more else None,
        },
    )


async def act(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/reports: `settle` a report; `hide`, `show` or `delete` its photo.

    `show_all` shows all photos again that wait because somebody wants to be kept out.
    """
    actor = admin(request).id
    form, event_id = await form_of(request), EventId(path_id(request))
    if form.get("act") == SHOW_ALL:
        await request.app[PHOTO_REVIEW].show_kept_out(actor, event_id)
        return redirect(request.path)
    report_id, word = parse_id(str(form.get("report_id", ""))), form.get("act")
    if word not in list(Settlement):
        raise InvalidRequest("There is no such button.", field="act")
    settlement = Settlement(str(word))
    await request.app[PHOTO_REVIEW].settle_report(actor, event_id, report_id, settlement)
    return redirect(request.path)


ROUTES = [
    web.get(r"/admin/events/{id:\d+}/reports", page),
    web.post(r"/admin/events/{id:\d+}/reports", act),
]
