"""Missed faces, for admins: per photo, summed, and one call that tries again more thoroughly."""

from aiohttp import web

from findme import db
from findme.db import Record
from findme.errors import InvalidRequest
from findme.faces import missed_faces
from findme.gallery import events
from findme.models import EventId, PhotoId
from findme.web.keys import PHOTO_REVIEW, POOL, admin
from findme.web.responses import cut, json_answer, json_of, page_answer, page_of, path_id


def missed_json(face: Record) -> dict[str, object]:
    """Return a missed face: where it is (ratios), how sure it is one, and why it was left out."""
    return {
        "box": {
            "left": round(face["box_left"], 4),
            "top": round(face["box_top"], 4),
            "width": round(face["box_width"], 4),
            "height": round(face["box_height"], 4),
        },
        "confidence": round(face["confidence"], 2),
        "reasons": face["reasons"],
    }


async def get_sum(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/missed-faces/summary."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await missed_faces.sum_of(conn, event.id)
    return json_answer({"faces": found.faces, "photos": found.photos, "by_reason": found.by_reason})


async def get_photos(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/missed-faces: the photos with missed faces, newest first."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await missed_faces.list_photos(
            conn, event.id, before=None if before is None else PhotoId(before), limit=limit + 1
        )
        rows, more = cut(found, limit)
        missed = await missed_faces.list_of_photos(conn, [row["id"] for row in rows])
        total = (await missed_faces.sum_of(conn, event.id)).photos
    items: list[dict[str, object]] = [
        {
            "photo_id": str(row["id"]),
            "filename": row["filename"],
            "missed": [missed_json(face) for face in missed[row["id"]]],
        }
        for row in rows
    ]
    return await page_answer(request, items, total, rows[-1]["id"] if more else None)


async def post_retry(request: web.Request) -> web.Response:
    """POST /api/admin/photos/{id}/retry {thorough?}: index a photo again."""
    actor = admin(request).id
    body = await json_of(request)
    thorough = body.get("thorough", True)
    if not isinstance(thorough, bool):
        raise InvalidRequest("thorough is true or false.", field="thorough")
    photo_id = PhotoId(path_id(request))
    job_id = await request.app[PHOTO_REVIEW].retry_one(actor, photo_id, thorough=thorough)
    return json_answer({"job_id": str(job_id)}, 202)


ROUTES = [
    web.get("/api/admin/events/{id}/missed-faces", get_photos),
    web.get("/api/admin/events/{id}/missed-faces/summary", get_sum),
    web.post("/api/admin/photos/{id}/retry", post_retry),
]
