"""An event's photos as admins see them: each with its state; approved, hidden, deleted."""

from collections.abc import Sequence

from aiohttp import web

from findme import db
from findme.db import Record
from findme.errors import InvalidRequest, NotFound
from findme.gallery import events, photos
from findme.models import EventId, PhotoId, Review
from findme.web.guest.join import after_forgetting
from findme.web.keys import CACHE, POOL, admin
from findme.web.organiser import contact_sheet
from findme.web.responses import (
    MAX_LIMIT,
    cut,
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    time_text,
)


async def get_photos(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/photos: each with its state and error."""
    admin(request)
    before, limit = page_of(request)
    review = _review(request.query["review"]) if "review" in request.query else None
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await photos.list_all(
            conn,
            event.id,
            before=None if before is None else PhotoId(before),
            limit=limit + 1,
            review=review,
        )
        total = await photos.count_all(conn, event.id, review=review)
    rows, more = cut(found, limit)
    return await page_answer(request, _items(rows), total, rows[-1]["id"] if more else None)


def _items(rows: Sequence[Record]) -> list[dict[str, object]]:
    return [
        {
            "id": str(row["id"]),
            "event_id": str(row["event_id"]),
            "filename": row["filename"],
            "width": row["width"],
            "height": row["height"],
            "taken_at": time_text(row["taken_at"]),
            "uploaded_at": time_text(row["uploaded_at"]),
            "state": row["state"],
            "error": row["error"],
            "faces": row["faces"],
            "guests": row["guests"],
            "placeholder": row["placeholder"],
            "thumb_url": f"/api/photo/{row['id']}?size=thumb" if row["ready"] else None,
            "preview_url": f"/api/photo/{row['id']}?size=preview" if row["ready"] else None,
            "review": row["review"],
            "original_url": f"/api/photo/{row['id']}?size=original",
        }
        for row in rows
    ]


async def post_review(request: web.Request) -> web.Response:
    """POST /api/admin/photos/review: show, hide or hold back photos, of any events.

    `visible` are those that guests see now: what has no picture is shown to nobody.
    """
    admin(request)
    body = await json_of(request)
    review, listed = _review(body.get("review")), body.get("ids")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_LIMIT:
        raise InvalidRequest(f"ids are 1 to {MAX_LIMIT} ids of photos.", field="ids")
    photo_ids = [PhotoId(parse_id(str(item))) for item in listed]
    async with db.transaction(request.app[POOL]) as conn:
        changed = await contact_sheet.review(request, conn, photo_ids, review)
        visible = await photos.only_visible(conn, photo_ids)
    for event_id in set(changed.values()):
        await request.app[CACHE].forget_event(event_id)
    return json_answer(
        {
            "changed": [str(photo_id) for photo_id in sorted(changed)],
            "visible": [str(photo_id) for photo_id in visible],
        }
    )


async def delete_photo(request: web.Request) -> web.Response:
    """DELETE /api/admin/photos/{id}: faces and matches too."""
    admin(request)
    async with db.transaction(request.app[POOL]) as conn:
        gone = await contact_sheet.delete(request, conn, [PhotoId(path_id(request))])
    if not gone:
        raise NotFound
    await after_forgetting(request, gone.values())
    return web.Response(status=204)


def _review(value: object) -> Review:
    if value not in list(Review):
        raise InvalidRequest("review is `shown`, `hidden` or `waiting`.", field="review")
    return Review(str(value))


ROUTES = [
    web.get("/api/admin/events/{id}/photos", get_photos),
    web.post("/api/admin/photos/review", post_review),
    web.delete("/api/admin/photos/{id}", delete_photo),
]
