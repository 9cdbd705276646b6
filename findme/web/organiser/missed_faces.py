"""Missed faces as JSON: of each photo and summed up, and a retry that looks more thoroughly."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.db import Record
from findme.errors import Conflict, InvalidRequest
from findme.faces import missed_faces
from findme.gallery import events
from findme.models import EventId, PhotoId
from findme.web.keys import PHOTO_REVIEW, POOL, admin
from findme.web.openapi.route import JSON, Body, Tag, Who, a_page, accepted, get, ok, post
from findme.web.responses import json_answer, json_of, page_answer, page_of, path_id, split_page
from findme.web.shapes import Box, Id, box_of_row


class MissedFace(Struct, frozen=True):
    """A face that was seen and not kept."""

    box: Box
    confidence: Annotated[float, Meta(description="0 to 100, that it is a face.")]
    reasons: list[Annotated[str, Meta(description="Rekognition's word, as LOW_SHARPNESS.")]]


class MissedFaces(Struct, frozen=True):
    """A photo with the faces that were not kept."""

    photo_id: Id
    filename: str
    missed: list[MissedFace]


class MissedSum(Struct, frozen=True):
    """How many faces of an event were not kept."""

    faces: Annotated[int, Meta(description="One face may have several reasons.")]
    photos: int
    by_reason: dict[str, int]


class Thoroughly(Struct):
    """How to index a photo again."""

    thorough: Annotated[bool, Meta(description="Every face, however bad.")] = True


class IndexingAgain(Struct, frozen=True):
    """The job that indexes a photo again."""

    job_id: Id


def missed_of(face: Record) -> MissedFace:
    """Return a missed face as admins see it."""
    return MissedFace(box_of_row(face), round(face["confidence"], 2), face["reasons"])


async def get_sum(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/missed-faces/summary."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await missed_faces.sum_of(conn, event.id)
    return json_answer(MissedSum(found.faces, found.photos, found.by_reason))


async def get_photos(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/missed-faces: the photos with missed faces, newest first."""
    admin(request)
    before, limit = page_of(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await missed_faces.list_photos(
            conn, event.id, before=None if before is None else PhotoId(before), limit=limit + 1
        )
        rows, more = split_page(found, limit)
        missed = await missed_faces.list_of_photos(conn, [row["id"] for row in rows])
        total = (await missed_faces.sum_of(conn, event.id)).photos
    items = [
        MissedFaces(
            str(row["id"]), row["filename"], [missed_of(face) for face in missed[row["id"]]]
        )
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
    return json_answer(IndexingAgain(str(job_id)), 202)


ROUTES = [
    get(
        "/api/admin/events/{id}/missed-faces",
        get_photos,
        "Photos with faces that were seen and not kept",
        a_page(MissedFaces),
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/missed-faces/summary",
        get_sum,
        "How many faces were seen and not kept, and why",
        ok(MissedSum, "The sums."),
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/photos/{id}/retry",
        post_retry,
        "Index a photo again; thorough (the default): every face, however bad",
        accepted(IndexingAgain, "Queued."),
        takes=Body({JSON: Thoroughly}, required=False),
        fails=[Conflict],
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
]
