"""Downloads as one streamed ZIP: a guest's photos, or everything that is stored about them."""

import unicodedata
from collections.abc import Sequence
from urllib.parse import quote

from aiohttp import web

from findme.errors import InvalidRequest, NotFound
from findme.media import zip_stream
from findme.media.zip_stream import Entry
from findme.web.guest.photo_lists import joined_event
from findme.web.guest.photos import bound_buffers, send
from findme.web.keys import DOWNLOADS, user
from findme.web.rendering import zone_of
from findme.web.responses import parse_id


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


async def send_archive(
    request: web.Request, filename: str, entries: Sequence[Entry], photos: int
) -> web.StreamResponse:
    """Stream an archive; between two chunks no connection is held, so a phone may take an hour."""
    response = web.StreamResponse(
        headers={
            "Content-Disposition": _attachment(filename),
            "Cache-Control": "private, no-store",
            "X-Total-Count": str(photos),
        }
    )
    response.content_type = "application/zip"
    # without a length aiohttp sends chunks, and HTTP/1.0 ends with the connection
    response.content_length = zip_stream.size_of(entries)
    bound_buffers(request)
    await response.prepare(request)
    if request.method != "HEAD":
        async for chunk in zip_stream.stream(entries, zone_of(request)):
            await send(request, response, chunk)
    await response.write_eof()
    return response


def _attachment(filename: str) -> str:
    """Return a Content-Disposition that old and new browsers understand (RFC 6266)."""
    (name,) = zip_stream.distinct_names([filename])
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = "".join(char for char in letters if char.isalnum() or char in " .-_()").strip(" .-_")
    if not plain.endswith(".zip"):
        plain = "photos.zip"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


ROUTES = [
    web.get("/api/my-photos.zip", get_my_photos_zip),
    web.get("/api/me/export", get_export),
]
