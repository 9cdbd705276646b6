"""The public parts of an event, for anyone with its code: name, times, cover, accent colour."""

from functools import lru_cache

from aiohttp import web

from findme import db
from findme.errors import NotFound
from findme.gallery import events
from findme.media import accent_colour, storage
from findme.models import Size
from findme.web.event_shapes import PublicEvent
from findme.web.keys import POOL
from findme.web.links import cover_url
from findme.web.openapi.route import Tag, Who, get, ok
from findme.web.responses import choice_of, json_answer, time_text
from findme.web.streaming import send_image

SIZES = (Size.PREVIEW, Size.THUMB)
#: The version in the address changes with the bytes.
FOR_EVER = "public, max-age=31536000, immutable"


async def get_by_code(request: web.Request) -> web.Response:
    """GET /api/events/{code}: the public values of an event."""
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get_by_code(conn, request.match_info["code"])
    return json_answer(
        PublicEvent(
            name=event.name,
            starts_at=time_text(event.starts_at),
            expires_at=time_text(event.expires_at),
            closes_at=time_text(event.closes_at),
            join_open=event.join_open,
            admission=event.admission,
            accounts=event.accounts,
            browse=event.browse,
            accent=event.accent,
            cover_url=cover_url(event),
        )
    )


async def get_cover(request: web.Request) -> web.StreamResponse:
    """GET /e/{code}/cover?size=: the picture that stands over the join page."""
    size = Size(choice_of(request, "size", SIZES, Size.PREVIEW))
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get_by_code(conn, request.match_info["code"])
        image = await storage.find_cover(conn, event.id, size)
    if image is None:
        raise NotFound
    named = request.query.get("v") == event.cover
    return await send_image(request, image, cache_control=FOR_EVER if named else "public, no-cache")


async def get_accent(request: web.Request) -> web.Response:
    """GET /accent/{colour}.css: the colour on the guests' buttons, readable in both schemes."""
    return web.Response(
        text=_accent_css(request.match_info["colour"]),
        content_type="text/css",
        headers={"Cache-Control": FOR_EVER},
    )


@lru_cache(maxsize=256)
def _accent_css(colour: str) -> str:
    made = accent_colour.accent(f"#{colour}")
    day = f"--act: {made.day}; --on-act: {made.on_day};"
    night = f"--act: {made.night}; --on-act: {made.on_night};"
    # in the order and with the weight of app.css
    return (
        f":root {{ {day} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root:not([data-scheme=light]) {{ {night} }} }}\n"
        f":root[data-scheme=dark] {{ {night} }}\n"
    )


ROUTES = [
    get(
        "/api/events/{code}",
        get_by_code,
        "What a join page shows",
        ok(PublicEvent, "The event."),
        fails=[NotFound],
        tag=Tag.JOINING,
        who=Who.ANYONE,
    ),
    web.get("/e/{code}/cover", get_cover),
    web.get("/accent/{colour:[0-9a-f]{6}}.css", get_accent),
]
