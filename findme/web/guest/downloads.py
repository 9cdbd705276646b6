"""Downloads as one streamed ZIP: a guest's photos, or everything that is stored about them."""

from aiohttp import web

from findme.errors import DownloadsOff, InvalidRequest, NotFound
from findme.web.guest.photo_lists import joined_event
from findme.web.keys import DOWNLOADS, user
from findme.web.openapi.route import EVENT, ZIP, Header, Query, Tag, Who, get, some_bytes
from findme.web.responses import parse_id
from findme.web.streaming import send_archive


async def get_my_photos_zip(request: web.Request) -> web.StreamResponse:
    """GET /api/my-photos.zip: the caller's sure photos, or those in `ids`."""
    event, guest = await joined_event(request)
    archive = await request.app[DOWNLOADS].pack_photos(event, guest, _ids_of(request))
    return await send_archive(request, archive.filename, archive.entries, archive.photos)


async def get_export(request: web.Request) -> web.StreamResponse:
    """GET /api/me/export: account.json, selfies, and the caller's sure photos of all events."""
    archive = await request.app[DOWNLOADS].pack_export(user(request).id)
    return await send_archive(request, archive.filename, archive.entries, archive.photos)


def _ids_of(request: web.Request) -> set[int] | None:
    """Return the photos of `?ids=1,2,3`; None if it is left out."""
    text = request.query.get("ids")
    if text is None:
        return None
    try:
        return {parse_id(item) for item in text.split(",")}
    except NotFound as error:
        raise InvalidRequest("ids are ids of photos with commas between.", field="ids") from error


_HEADERS = (
    Header("Content-Length", "Bytes of the whole archive, if they are known.", int),
    Header("Content-Disposition", "The name to save it under."),
    Header("X-Total-Count", "How many photos are in it.", int),
)

ROUTES = [
    get(
        "/api/my-photos.zip",
        get_my_photos_zip,
        "The originals of the photos that surely show the caller, streamed",
        some_bytes("A ZIP.", ZIP, headers=_HEADERS),
        query=[EVENT, Query("ids", "Only these of them, with commas between.")],
        fails=[DownloadsOff],
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    get(
        "/api/me/export",
        get_export,
        "Everything held on the caller: account.json, selfies, photos",
        some_bytes("A ZIP.", ZIP, headers=_HEADERS),
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
]
