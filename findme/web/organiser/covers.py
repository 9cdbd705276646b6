"""The cover picture of an event: set and removed by its organiser."""

from aiohttp import web
from msgspec import Struct

from findme import db
from findme.errors import (
    BadImage,
    ImageTooLarge,
    InvalidRequest,
    PicturesUnavailable,
    UnreadableImage,
    UnsupportedImage,
)
from findme.gallery import events
from findme.media import storage
from findme.models import Event, EventId, UserId
from findme.web.keys import EVENT_SETUP, POOL, SETTINGS, admin
from findme.web.links import cover_url
from findme.web.openapi.route import FORM, GONE, PICTURE_TYPES, Body, Tag, Who, delete, ok, put
from findme.web.request_bodies import body_of, chunks_of, parts_of
from findme.web.responses import json_answer, path_id
from findme.web.shapes import File, Path


class CoverForm(Struct):
    """A form with one picture."""

    cover: File


class Cover(Struct, frozen=True):
    """An event's cover picture."""

    cover_url: Path | None


async def put_cover(request: web.Request) -> web.Response:
    """PUT /api/admin/events/{id}/cover: a form with one picture, or the picture as the body."""
    actor = admin(request).id
    event_id = EventId(path_id(request))
    async with db.acquire(request.app[POOL]) as conn:
        await events.get(conn, event_id)
    event = await take_cover(request, actor, event_id)
    return json_answer(Cover(cover_url(event)))


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
    put(
        "/api/admin/events/{id}/cover",
        put_cover,
        "Give an event a cover picture, as the body or in a form",
        ok(Cover, "Where it is."),
        takes=Body({**dict.fromkeys(PICTURE_TYPES), FORM: CoverForm}),
        fails=[
            ImageTooLarge,
            UnsupportedImage,
            BadImage,
            UnreadableImage,
            PicturesUnavailable,
        ],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    delete(
        "/api/admin/events/{id}/cover",
        delete_cover,
        "Take the cover away",
        GONE,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
]
