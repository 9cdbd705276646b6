"""A guest's verdicts: "that's me", or "not me"."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme.errors import ConsentRequired, InvalidRequest, NotAlike
from findme.models import FaceId, PhotoId
from findme.web.keys import PHOTO_MARKS, user
from findme.web.openapi.route import GONE, JSON, Body, Tag, Who, delete, post
from findme.web.responses import json_of, parse_id, path_id


class Face(Struct):
    """A face on a photo."""

    face_id: (
        Annotated[str, Meta(description="Which face it is; without it, the photo alone.")] | None
    ) = None


async def post_not_me(request: web.Request) -> web.Response:
    """POST /api/photos/{id}/not-me: the match no longer counts."""
    photo_id = PhotoId(path_id(request))
    await request.app[PHOTO_MARKS].reject(user(request).id, photo_id)
    return web.Response(status=204)


async def post_me(request: web.Request) -> web.Response:
    """POST /api/photos/{id}/me {face_id?}: the match is sure, and helps to find further ones."""
    photo_id, me = PhotoId(path_id(request)), user(request)
    await request.app[PHOTO_MARKS].check_may_judge(me.id, photo_id)
    body = await json_of(request)
    wanted = body.get("face_id")
    if wanted is not None and not isinstance(wanted, str):
        raise InvalidRequest("face_id is a string.", field="face_id")
    face_id = None if wanted is None else FaceId(parse_id(wanted))
    await request.app[PHOTO_MARKS].confirm(me.id, photo_id, face_id)
    return web.Response(status=204)


async def delete_not_me(request: web.Request) -> web.Response:
    """DELETE /api/photos/{id}/not-me: what the search found counts again."""
    photo_id = PhotoId(path_id(request))
    await request.app[PHOTO_MARKS].undo(user(request).id, photo_id, "not_me")
    return web.Response(status=204)


async def delete_me(request: web.Request) -> web.Response:
    """DELETE /api/photos/{id}/me: what was found from that face goes with it."""
    photo_id = PhotoId(path_id(request))
    await request.app[PHOTO_MARKS].undo(user(request).id, photo_id, "me")
    return web.Response(status=204)


ROUTES = [
    post(
        "/api/photos/{id}/not-me",
        post_not_me,
        "That is not me: the match no longer counts, for good",
        GONE,
        fails=[ConsentRequired],
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    delete(
        "/api/photos/{id}/not-me",
        delete_not_me,
        "Take that back",
        GONE,
        fails=[ConsentRequired],
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    post(
        "/api/photos/{id}/me",
        post_me,
        "That is me: the match is sure, and helps to find further ones if it resembles a selfie",
        GONE,
        takes=Body({JSON: Face}, required=False),
        fails=[ConsentRequired, NotAlike],
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    delete(
        "/api/photos/{id}/me",
        delete_me,
        "Take that back",
        GONE,
        fails=[ConsentRequired],
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
]
