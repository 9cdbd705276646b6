"""Hearts: a guest marks photos for themselves."""

from aiohttp import web

from findme.models import PhotoId
from findme.web.keys import PHOTO_MARKS, user
from findme.web.openapi.route import GONE, Tag, Who, delete, put
from findme.web.responses import path_id


async def put_favourite(request: web.Request) -> web.Response:
    """PUT /api/photos/{id}/favourite."""
    photo_id = PhotoId(path_id(request))
    await request.app[PHOTO_MARKS].add_favourite(user(request).id, photo_id)
    return web.Response(status=204)


async def delete_favourite(request: web.Request) -> web.Response:
    """DELETE /api/photos/{id}/favourite."""
    photo_id = PhotoId(path_id(request))
    await request.app[PHOTO_MARKS].remove_favourite(user(request).id, photo_id)
    return web.Response(status=204)


ROUTES = [
    put(
        "/api/photos/{id}/favourite",
        put_favourite,
        "Mark a photo with a heart",
        GONE,
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    delete(
        "/api/photos/{id}/favourite",
        delete_favourite,
        "Take that back",
        GONE,
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
]
