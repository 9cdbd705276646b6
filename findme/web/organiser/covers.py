"""The cover picture of an event: set and removed by its organiser."""

from aiohttp import web

from findme import db
from findme.errors import InvalidRequest
from findme.gallery import events
from findme.media import storage
from findme.models import Event, EventId, UserId
from findme.web.keys import EVENT_SETUP, POOL, SETTINGS, admin
from findme.web.links import cover_url
from findme.web.request_bodies import body_of, chunks_of, parts_of
from findme.web.responses import json_answer, path_id


async def put_cover(request: web.Request) -> web.Response:
    """PUT /api/admin/events/{id}/cover: a form with one picture, or the picture as the body."""
    actor = admin(request).id
    event_id = EventId(path_id(request))
    async with db.acquire(request.app[POOL]) as conn:
        await events.get(conn, event_id)
    event = await take_cover(request, actor, event_id)
    return json_answer({"cover_url": cover_url(event)})


async def take_cover(request: web.Request, actor: UserId, event_id: EventId) -> Event:
    """Make the picture of a request's body or form the event's cover."""
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
        return await request.app[EVENT_SETUP].set_cover(actor, event_id, path)


async def delete_cover(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}/cover."""
    await request.app[EVENT_SETUP].remove_cover(admin(request).id, EventId(path_id(request)))
    return web.Response(status=204)


ROUTES = [
    web.put("/api/admin/events/{id}/cover", put_cover),
    web.delete("/api/admin/events/{id}/cover", delete_cover),
]
