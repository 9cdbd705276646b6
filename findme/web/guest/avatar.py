"""The guest's own selfie, small, for the gallery's top bar."""

import asyncio

from aiohttp import web

from findme import db
from findme.accounts import selfies
from findme.errors import NotFound
from findme.media import avatar, storage
from findme.models import SelfieId
from findme.web.guest import photo_lists
from findme.web.keys import POOL
from findme.web.responses import parse_id

#: A selfie's bytes never change under its id; it is asked for no longer than it is one's own.
CACHE_CONTROL = "private, max-age=604800"


async def get_avatar(request: web.Request) -> web.Response:
    """GET /gallery/me.jpg?event=&selfie=: one of the caller's own selfies, for them alone."""
    _, guest = await photo_lists.joined_event(request)
    selfie_id = SelfieId(parse_id(request.query.get("selfie", "")))
    pool = request.app[POOL]
    async with db.acquire(pool) as conn:
        mine = {row["id"] for row in await selfies.list_of(conn, guest.id)}
        image = await storage.find_selfie_image(conn, selfie_id) if selfie_id in mine else None
    if image is None:
        raise NotFound
    small = await asyncio.to_thread(avatar.avatar, await storage.read_bytes(pool, image.id))
    return web.Response(
        body=small, content_type="image/jpeg", headers={"Cache-Control": CACHE_CONTROL}
    )


ROUTES = [web.get("/gallery/me.jpg", get_avatar)]
