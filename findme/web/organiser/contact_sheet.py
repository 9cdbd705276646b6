"""The contact sheet as JSON: an event's photos by state, one photo closely, several at once."""

from typing import Any

from aiohttp import web

from findme import db
from findme.db import Record
from findme.errors import InvalidRequest, NotFound
from findme.gallery import contact_sheet, events, exports, photos
from findme.gallery.contact_sheet import Closely, View
from findme.gallery.guest_photos import Thresholds
from findme.models import Event, EventId, PhotoId, Shelf
from findme.web.keys import PHOTO_REVIEW, POOL, SETTINGS, admin
from findme.web.organiser.missed_faces import missed_json
from findme.web.organiser.persons import box_json, box_of
from findme.web.responses import (
    MAX_LIMIT,
    choice_of,
    cut,
    job_json,
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    time_text,
)
from findme.web.streaming import send_archive


async def get_sheet(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/contact-sheet?view=: photos with their state, newest first."""
    admin(request)
    before, limit = page_of(request)
    view = View(choice_of(request, "view", View, View.ALL))
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await contact_sheet.list_view(
            conn,
            event.id,
            view,
            before=None if before is None else PhotoId(before),
            limit=limit + 1,
        )
        counts = await contact_sheet.count_views(conn, event.id)
    rows, more = cut(found, limit)
    items = [sheet_json(row) for row in rows]
    return await page_answer(request, items, counts[view], rows[-1]["id"] if more else None)


async def get_counts(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/contact-sheet/counts: how many photos each view has."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        counts = await contact_sheet.count_views(conn, event.id)
    return json_answer({str(view): number for view, number in counts.items()})


async def get_photo(request: web.Request) -> web.Response:
    """GET /api/admin/photos/{id}: its faces, whom it shows, what was missed, its jobs."""
    admin(request)
    event, found = await closely(request, PhotoId(path_id(request)))
    return json_answer(closely_json(found, Thresholds.of(event, request.app[SETTINGS])))


async def closely(request: web.Request, photo_id: PhotoId) -> tuple[Event, Closely]:
    """Return a photo with all that is known of it, and its event."""
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, (await photos.get(conn, photo_id)).event_id)
        maybe = Thresholds.of(event, request.app[SETTINGS]).maybe
        return event, await contact_sheet.look_closely(conn, photo_id, maybe=maybe)


def sheet_json(row: Record) -> dict[str, object]:
    """Return a photo as admins see it."""
    address = f"/api/photo/{row['id']}?size="
    return {
        "id": str(row["id"]),
        "event_id": str(row["event_id"]),
        "filename": row["filename"],
        "width": row["width"],
        "height": row["height"],
        "taken_at": time_text(row["taken_at"]),
        "uploaded_at": time_text(row["uploaded_at"]),
        "credit": row["credit"],
        "state": row["state"],
        "error": row["error"],
        "review": row["review"],
        "visible": row["visible"],
        "faces": row["faces"],
        "missed": row["missed"],
        "guests": row["guests"],
        "placeholder": row["placeholder"],
        "thumb_url": address + "thumb" if row["ready"] else None,
        "preview_url": address + "preview" if row["ready"] else None,
        "original_url": address + "original",
    }


def closely_json(found: Closely, thresholds: Thresholds) -> dict[str, object]:
    """Return a photo with its faces, guests, missed faces and jobs."""
    return {
        **sheet_json(found.photo),
        "on_it": [_face_json(row) for row in found.faces],
        "shows": [_shown_json(row, thresholds) for row in found.guests],
        "missed_faces": [missed_json(row) for row in found.missed],
        "jobs": [{**job_json(row), "thorough": row["thorough"]} for row in found.jobs],
    }


def _face_json(row: Record) -> dict[str, object]:
    return {
        "face_id": str(row["id"]),
        "box": box_json(box_of(row)),
        "confidence": round(row["confidence"], 2),
        "group_id": None if row["person_id"] is None else str(row["person_id"]),
        "group_name": row["person_name"],
    }


def _shown_json(row: Record, thresholds: Thresholds) -> dict[str, object]:
    similarity = row["similarity"]
    match = None
    if row["says"] != "not_me":
        sure = row["says"] == "me" or similarity >= thresholds.sure
        match = Shelf.SURE if sure else Shelf.MAYBE
    return {
        "user_id": str(row["user_id"]),
        "name": row["name"],
        "match": match,
        "says": row["says"],
        "similarity": None if similarity is None else round(similarity, 2),
        "face_id": None if row["face_id"] is None else str(row["face_id"]),
    }


# Several at once ----------------------------------------------------------------------------


async def post_delete(request: web.Request) -> web.Response:
    """POST /api/admin/photos/delete {ids}: photos that are gone already are left out."""
    actor = admin(request).id
    photo_ids = photo_ids_of(await json_of(request))
    deleted = await request.app[PHOTO_REVIEW].delete(actor, photo_ids)
    return json_answer({"deleted": [str(photo_id) for photo_id in deleted]})


async def post_retry(request: web.Request) -> web.Response:
    """POST /api/admin/photos/retry {ids, thorough?}: indexes photos again, except those in work."""
    actor = admin(request).id
    body = await json_of(request)
    thorough = body.get("thorough", False)
    if not isinstance(thorough, bool):
        raise InvalidRequest("thorough is true or false.", field="thorough")
    queued = await request.app[PHOTO_REVIEW].retry(actor, photo_ids_of(body), thorough=thorough)
    return json_answer({"queued": [str(photo_id) for photo_id in queued]}, 202)


async def get_zip(request: web.Request) -> web.StreamResponse:
    """GET /api/admin/events/{id}/contact-sheet.zip?ids=1,2: the originals of chosen photos."""
    admin(request)
    chosen = [PhotoId(parse_id(item)) for item in request.query.get("ids", "").split(",")]
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        kept = await contact_sheet.only_of(conn, event.id, chosen)
        originals = await exports.list_originals(conn, kept)
    if not originals:
        raise NotFound("There is no photo to download.")
    entries = exports.archive_entries(request.app[POOL], originals)
    return await send_archive(request, f"{event.name}.zip", entries, len(originals))


def photo_ids_of(body: dict[str, Any]) -> list[PhotoId]:
    """Return the member `ids`: 1 to 1000 ids, each once."""
    ids = body.get("ids")
    if not isinstance(ids, list) or not all(isinstance(value, str) for value in ids):
        raise InvalidRequest("ids is a list of ids.", field="ids")
    if not 1 <= len(ids) <= MAX_LIMIT:
        raise InvalidRequest(f"ids are 1 to {MAX_LIMIT} ids.", field="ids")
    return [PhotoId(number) for number in dict.fromkeys(parse_id(value) for value in ids)]


ROUTES = [
    web.get("/api/admin/events/{id}/contact-sheet", get_sheet),
    web.get("/api/admin/events/{id}/contact-sheet/counts", get_counts),
    web.get("/api/admin/events/{id}/contact-sheet.zip", get_zip),
    web.get("/api/admin/photos/{id}", get_photo),
    web.post("/api/admin/photos/delete", post_delete),
    web.post("/api/admin/photos/retry", post_retry),
]
