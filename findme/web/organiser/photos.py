"""The photos of an event as admins see them: listed with their state, reviewed, deleted."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.db import Record
from findme.errors import InvalidRequest, NotFound
from findme.gallery import events, photos
from findme.models import EventId, PhotoId, PhotoState, Review
from findme.web.keys import PHOTO_REVIEW, POOL, admin
from findme.web.openapi.route import GONE, Query, Tag, Who, a_page, delete, get, ok, post
from findme.web.responses import (
    MAX_LIMIT,
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    split_page,
    time_text,
)
from findme.web.shapes import Faces, Id, Path, Placeholder, Time


class AdminPhoto(Struct, frozen=True):
    """A photo with its state."""

    id: Id
    event_id: Id
    filename: str
    width: Annotated[int, Meta(description="Pixels of the upright picture.")]
    height: Annotated[int, Meta(description="Pixels of the upright picture.")]
    taken_at: Time | None
    uploaded_at: Time
    state: PhotoState
    error: Annotated[str | None, Meta(description="Why it failed.")]
    faces: Faces
    guests: Annotated[int, Meta(description="Guests who were found on it.")]
    placeholder: Placeholder
    thumb_url: Path | None
    preview_url: Path | None
    review: Review
    original_url: Path


class ReviewOfPhotos(Struct):
    """The review of some photos."""

    ids: list[Id]
    review: Review


class Reviewed(Struct, frozen=True):
    """The result of a review."""

    changed: Annotated[list[Id], Meta(description="Those that were otherwise.")]
    visible: Annotated[list[Id], Meta(description="Those of all that guests see now.")]


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
    rows, more = split_page(found, limit)
    return await page_answer(
        request, [_photo(row) for row in rows], total, rows[-1]["id"] if more else None
    )


def _photo(row: Record) -> AdminPhoto:
    return AdminPhoto(
        id=str(row["id"]),
        event_id=str(row["event_id"]),
        filename=row["filename"],
        width=row["width"],
        height=row["height"],
        taken_at=time_text(row["taken_at"]),
        uploaded_at=time_text(row["uploaded_at"]),
        state=row["state"],
        error=row["error"],
        faces=row["faces"],
        guests=row["guests"],
        placeholder=row["placeholder"],
        thumb_url=f"/api/photo/{row['id']}?size=thumb" if row["ready"] else None,
        preview_url=f"/api/photo/{row['id']}?size=preview" if row["ready"] else None,
        review=row["review"],
        original_url=f"/api/photo/{row['id']}?size=original",
    )


async def post_review(request: web.Request) -> web.Response:
    """POST /api/admin/photos/review: show, hide or hold back photos, of any events.

    `visible` are those that guests see now: a photo without pictures is never shown.
    """
    actor = admin(request).id
    body = await json_of(request)
    review, listed = _review(body.get("review")), body.get("ids")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_LIMIT:
        raise InvalidRequest(f"ids are 1 to {MAX_LIMIT} ids of photos.", field="ids")
    photo_ids = [PhotoId(parse_id(str(item))) for item in listed]
    reviewed = await request.app[PHOTO_REVIEW].review(actor, photo_ids, review)
    return json_answer(
        Reviewed(
            changed=[str(photo_id) for photo_id in reviewed.changed],
            visible=[str(photo_id) for photo_id in reviewed.visible],
        )
    )


async def delete_photo(request: web.Request) -> web.Response:
    """DELETE /api/admin/photos/{id}: deletes its faces and matches too."""
    actor, photo_id = admin(request).id, PhotoId(path_id(request))
    if not await request.app[PHOTO_REVIEW].delete(actor, [photo_id]):
        raise NotFound
    return web.Response(status=204)


def _review(value: object) -> Review:
    if value not in list(Review):
        raise InvalidRequest("review is `shown`, `hidden` or `waiting`.", field="review")
    return Review(str(value))


ROUTES = [
    get(
        "/api/admin/events/{id}/photos",
        get_photos,
        "Photos with their state",
        a_page(AdminPhoto),
        query=[Query("review", "Photos of one review; all if left out.", Review)],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/photos/review",
        post_review,
        "Show, hide or hold back photos: all of them or none",
        ok(Reviewed, "Done."),
        takes=ReviewOfPhotos,
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
    delete(
        "/api/admin/photos/{id}",
        delete_photo,
        "Delete a photo with its faces and matches",
        GONE,
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
]
