"""An event's looks: its cover picture and its accent colour, open to whoever has the code."""

from functools import lru_cache

from aiohttp import web

from findme import db
from findme.errors import InvalidRequest, NotFound
from findme.gallery import events
from findme.media import accent_colour, images, storage
from findme.models import Event, EventId, Size
from findme.privacy import audit_log
from findme.web.guest import photos
from findme.web.keys import IMAGES, POOL, SETTINGS, admin
from findme.web.request_bodies import body_of, chunks_of, parts_of
from findme.web.responses import choice_of, json_answer, path_id

SIZES = (Size.PREVIEW, Size.THUMB)
#: The version in the address changes with the bytes.
FOR_EVER = "public, max-age=31536000, immutable"
#: What the audit log says of another cover.
_COVER = {"members": ["cover"]}


def cover_url(event: Event, size: Size = Size.PREVIEW) -> str | None:
    """Return where anyone with the code finds the cover; None where there is none."""
    if event.cover is None:
        return None
    return f"/e/{event.code}/cover?size={size}&v={event.cover}"


async def put_cover(request: web.Request) -> web.Response:
    """PUT /api/admin/events/{id}/cover: a form with one picture, or the picture as the body."""
    actor = admin(request).id
    event_id = EventId(path_id(request))
    async with db.acquire(request.app[POOL]) as conn:
        await events.get(conn, event_id)
    pictures = await take_cover(request)
    async with db.transaction(request.app[POOL]) as conn:
        event = await events.set_cover(conn, event_id, pictures)
        await audit_log.note(conn, actor, "event.changed", event_id=event_id, detail=_COVER)
    return json_answer({"cover_url": cover_url(event)})


async def take_cover(request: web.Request) -> dict[Size, bytes]:
    """Return the picture of a request's body or form, in the sizes of a cover."""
    settings = request.app[SETTINGS]
    async with storage.spool_folder(settings.findme_data_dir) as folder:
        path = folder / "cover"
        if request.content_type.startswith("multipart/"):
            taken = False
            async for part in parts_of(request):
                if part.filename is not None and not taken:
                    await storage.spool(chunks_of(part), path, limit=settings.max_upload_bytes)
                    taken = True
            if not taken:
                raise InvalidRequest("There is no picture in this form.", field="cover")
        else:
            body = body_of(request)
            await storage.spool(body, path, limit=settings.max_upload_bytes)
        imaging = request.app[IMAGES]
        made = await imaging.run(images.render, path, settings.max_image_pixels)
    return {Size.PREVIEW: made.preview, Size.THUMB: made.thumb}


async def delete_cover(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}/cover."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    async with db.transaction(request.app[POOL]) as conn:
        await events.set_cover(conn, event_id, {})
        await audit_log.note(conn, actor, "event.changed", event_id=event_id, detail=_COVER)
    return web.Response(status=204)


async def get_cover(request: web.Request) -> web.StreamResponse:
    """GET /e/{code}/cover?size=: the picture that stands over the join page."""
    size = Size(choice_of(request, "size", SIZES, Size.PREVIEW))
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get_by_code(conn, request.match_info["code"])
        image = await storage.find_cover(conn, event.id, size)
    if image is None:
        raise NotFound
    named = request.query.get("v") == event.cover
    return await photos.send_image(
        request, image, cache_control=FOR_EVER if named else "public, no-cache"
    )


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
    web.put("/api/admin/events/{id}/cover", put_cover),
    web.delete("/api/admin/events/{id}/cover", delete_cover),
    web.get("/e/{code}/cover", get_cover),
    web.get("/accent/{colour:[0-9a-f]{6}}.css", get_accent),
]
