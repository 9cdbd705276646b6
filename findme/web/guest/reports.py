"""Guests report a photo, from the viewer or by the form of its page."""

from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from findme.models import PhotoId
from findme.web.guest import photo_lists
from findme.web.guest.tabs import MINE, gallery_url, tabs_of
from findme.web.keys import PHOTO_MARKS, user
from findme.web.openapi.route import Tag, Who, created, post
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import choice_of, json_answer, json_of, path_id, text_of
from findme.web.shapes import Id


class NewReport(Struct):
    """A guest's report."""

    reason: Literal["of_me", "private", "offensive", "other"]
    note: Annotated[str, Meta(description="Up to 1000 characters.")] = ""


class Reported(Struct, frozen=True):
    """A report that was stored."""

    id: Id


async def post_report(request: web.Request) -> web.Response:
    """POST /api/photos/{id}/report {reason, note?}."""
    photo_id, me = PhotoId(path_id(request)), user(request)
    await request.app[PHOTO_MARKS].check_may_see(me.id, photo_id)
    body = await json_of(request)
    reason, note = text_of(body, "reason"), text_of(body, "note", required=False)
    made = await request.app[PHOTO_MARKS].report(me.id, photo_id, reason, note)
    return json_answer(Reported(str(made)), 201)


async def report_page(request: web.Request) -> web.Response:
    """GET /gallery/{id}/report?event=&tab=: the form as a page, for browsers without the dialog."""
    photo_id = PhotoId(path_id(request))
    event, _ = await photo_lists.joined_event(request)
    event_id = await request.app[PHOTO_MARKS].check_may_see(user(request).id, photo_id)
    tab = choice_of(request, "tab", tabs_of(event), MINE)
    return render(
        request,
        "guest/report.html",
        {
            "photo_id": photo_id,
            "event_id": event_id,
            "tab": tab,
            "done": "done" in request.query,
            "back": f"/gallery/{photo_id}?event={event_id}&tab={tab}",
            "gallery": gallery_url(event, tab),
        },
    )


async def report_form(request: web.Request) -> web.Response:
    """POST /gallery/{id}/report?event=&tab=."""
    photo_id, me = PhotoId(path_id(request)), user(request)
    await request.app[PHOTO_MARKS].check_may_see(me.id, photo_id)
    form = await form_of(request)
    reason, note = str(form.get("reason", "")), str(form.get("note", "")).replace("\0", "")
    await request.app[PHOTO_MARKS].report(me.id, photo_id, reason, note)
    return redirect(str(request.rel_url.update_query(done="1")))


ROUTES = [
    post(
        "/api/photos/{id}/report",
        post_report,
        "Ask the organiser to look at a photo; a second report replaces the first",
        created(Reported, "Noted."),
        takes=NewReport,
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    web.get("/gallery/{id:[0-9]+}/report", report_page),
    web.post("/gallery/{id:[0-9]+}/report", report_form),
]
