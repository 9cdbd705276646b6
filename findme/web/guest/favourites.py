"""Hearts: a guest marks photos for themselves."""

from aiohttp import web

from findme import db
from findme.gallery import favourites
from findme.models import GuestId, PhotoId
from findme.web.guest import photo_lists
from findme.web.keys import CACHE, POOL
from findme.web.responses import path_id


async def put_favourite(request: web.Request) -> web.Response:
    """PUT /api/photos/{id}/favourite."""
    photo_id = PhotoId(path_id(request))
    async with db.transaction(request.app[POOL]) as conn:
        guest = await photo_lists.guest_who_sees(request, conn, photo_id)
        await favourites.add(conn, guest.id, photo_id)
    return await _done(request, guest.id)


async def delete_favourite(request: web.Request) -> web.Response:
    """DELETE /api/photos/{id}/favourite."""
    photo_id = PhotoId(path_id(request))
    async with db.transaction(request.app[POOL]) as conn:
        guest = await photo_lists.guest_who_sees(request, conn, photo_id)
        await favourites.remove(conn, guest.id, photo_id)
    return await _done(request, guest.id)


async def _done(request: web.Request, guest_id: GuestId) -> web.Response:
    await request.app[CACHE].forget_guest(guest_id)
    return web.Response(status=204)


ROUTES = [
    web.put("/api/photos/{id}/favourite", put_favourite),
    web.delete("/api/photos/{id}/favourite", delete_favourite),
]
