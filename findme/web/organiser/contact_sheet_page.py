"""The organiser's contact sheet and the details of a photo, as pages and forms."""

from typing import Any

from aiohttp import web
from msgspec import structs
from yarl import URL

from findme import db
from findme.db import Record
from findme.errors import InvalidRequest, NotFound
from findme.gallery import contact_sheet, events
from findme.gallery.contact_sheet import View
from findme.models import Box, EventId, PhotoId, Review
from findme.web.keys import PHOTO_REVIEW, POOL, SETTINGS, admin
from findme.web.organiser import contact_sheet as sheet_api
from findme.web.organiser.contact_sheet_answer import close_photo, sheet_photo
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import MAX_LIMIT, choice_of, parse_id, path_id, split_page
from findme.web.shapes import read_box
from findme.web.tiles import tile_of

#: Photos of one page.
PAGE = 60
#: The names of the forms' buttons, besides the reviews.
DELETE, DELETE_SURELY, RETRY, THOROUGH, ZIP = "delete", "delete-surely", "retry", "thorough", "zip"


async def sheet(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/photos?view=&before=."""
    admin(request)
    view = View(choice_of(request, "view", View, View.ALL))
    before = PhotoId(parse_id(request.query["before"])) if "before" in request.query else None
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await contact_sheet.list_view(conn, event.id, view, before=before, limit=PAGE + 1)
        counts = await contact_sheet.count_views(conn, event.id)
    rows, more = split_page(found, PAGE)
    here = URL(request.path).with_query(view=view)
    return render(
        request,
        "admin/photos.html",
        {
            "event": event,
            "tab": "photos",
            "view": view,
            "views": list(View),
            "counts": counts,
            "tiles": [_tile(row) for row in rows],
            "is_first_page": before is None,
            "first_page": str(here),
            "next_page": str(here.update_query(before=str(rows[-1]["id"]))) if more else None,
            "max_upload_mb": request.app[SETTINGS].max_upload_mb,
        },
    )


def _tile(row: Record) -> dict[str, Any]:
    return tile_of(structs.asdict(sheet_photo(row)), row["taken_at"] or row["uploaded_at"])


async def photo(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/photos/{photo_id}: the whole photo with its faces as boxes."""
    admin(request)
    photo_id = PhotoId(path_id(request, "photo_id"))
    event, found = await sheet_api.find_details(request, photo_id)
    if event.id != path_id(request):
        raise NotFound
    async with db.acquire(request.app[POOL]) as conn:
        newer, older = await contact_sheet.beside(conn, event.id, photo_id)
    details = close_photo(found)
    names: dict[str | None, list[str]] = {}
    for row in found.guests:
        if row["face_id"] is not None and row["says"] != "not_me":
            names.setdefault(str(row["face_id"]), []).append(row["name"])
    return render(
        request,
        "admin/photo.html",
        {
            "event": event,
            "tab": "photos",
            "photo": tile_of(
                structs.asdict(details), found.photo["taken_at"] or found.photo["uploaded_at"]
            ),
            "ratio": round(found.photo["width"] / found.photo["height"], 4),
            "faces": [
                {
                    "id": row["id"],
                    "place": place_of(read_box(row)),
                    "names": names.get(str(row["id"])) or filter(None, [row["person_name"]]),
                    "group_id": row["person_id"],
                }
                for row in found.faces
            ],
            "missed": [
                {"place": place_of(read_box(row)), "reasons": row["reasons"]}
                for row in found.missed
            ],
            "newer": newer,
            "older": older,
        },
    )


def place_of(box: Box) -> str:
    """Return the position of a face on its picture, as CSS."""
    return (
        f"left:{100 * box.left:.2f}%;top:{100 * box.top:.2f}%;"
        f"width:{100 * box.width:.2f}%;height:{100 * box.height:.2f}%"
    )


async def act(request: web.Request) -> web.StreamResponse:
    """POST /admin/events/{id}/photos: the buttons for the chosen photos."""
    actor = admin(request).id
    form = await form_of(request)
    event_id = EventId(path_id(request))
    word = str(form.get("act", ""))
    wanted = list(dict.fromkeys(parse_id(str(value)) for value in form.getall("ids", [])))
    if len(wanted) > MAX_LIMIT:
        raise InvalidRequest(f"At most {MAX_LIMIT} photos at once.", field="ids")
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, event_id)
        chosen = await contact_sheet.only_of(conn, event_id, [PhotoId(number) for number in wanted])
    back = str(form.get("back", "")) or request.path
    if not back.startswith(request.path):
        raise InvalidRequest("back leads elsewhere.", field="back")
    if word == DELETE and chosen:
        context = {"event": event, "tab": "photos", "ids": chosen, "back": back}
        return render(request, "admin/photos_delete.html", context)
    if word == ZIP and chosen:
        target = URL(f"/api/admin/events/{event_id}/contact-sheet.zip")
        return redirect(str(target.with_query(ids=",".join(map(str, chosen)))))
    service = request.app[PHOTO_REVIEW]
    if word == DELETE_SURELY:
        await service.delete(actor, chosen)
        return redirect(request.path)
    if word in (RETRY, THOROUGH):
        await service.retry(actor, chosen, thorough=word == THOROUGH)
    elif word in list(Review):
        await service.review(actor, chosen, Review(word))
    else:
        raise InvalidRequest("There is no such button.", field="act")
    return redirect(back)


ROUTES = [
    web.get(r"/admin/events/{id:\d+}/photos", sheet),
    web.post(r"/admin/events/{id:\d+}/photos", act),
    web.get(r"/admin/events/{id:\d+}/photos/{photo_id:\d+}", photo),
]
