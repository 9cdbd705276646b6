"""The guest's own selfie, small, for the gallery's top bar."""

from aiohttp import web

from findme.models import SelfieId
from findme.web.guest import photo_lists
from findme.web.keys import GUEST_SELFIES
from findme.web.responses import parse_id

#: A selfie's bytes never change under its id; browsers keep it no longer than a week.
CACHE_CONTROL = "private, max-age=604800"


async def get_avatar(request: web.Request) -> web.Response:
    """GET /gallery/me.jpg?event=&selfie=: one of the caller's own selfies, for them alone."""
    _, guest = await photo_lists.joined_event(request)
    selfie_id = SelfieId(parse_id(request.query.get("selfie", "")))
    return web.Response(
        body=await request.app[GUEST_SELFIES].make_avatar(guest.id, selfie_id),
        content_type="image/jpeg",
        headers={"Cache-Control": CACHE_CONTROL},
    )


ROUTES = [web.get("/gallery/me.jpg", get_avatar)]
