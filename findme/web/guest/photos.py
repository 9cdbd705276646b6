"""Guests' photo lists and the bytes of photos."""

import asyncio
import re
import socket
from collections.abc import Sequence

from aiohttp import web

from findme.errors import NotFound
from findme.media import redaction, storage
from findme.media.redaction import Redaction
from findme.models import PhotoId, Shelf, Size, StoredImage
from findme.web.guest import photo_lists
from findme.web.keys import PICTURES, POOL, actor, user
from findme.web.responses import choice_of, limit_of, list_answer, path_id

#: Immutable: a photo's bytes never change under its address; `v` is a part of it where the
#: organiser's choices change them.
CACHE_CONTROL = "private, max-age=31536000, immutable"
#: The shelf of what the guest marked, beside those of what was found.
FAVOURITES = "favourites"
#: Bytes that wait in the kernel and in the process for one slow phone.
SEND_BUFFER = 64 * 1024
#: Seconds that one chunk may take to leave; slower than 4 KB/s is a connection that has died.
WRITE_SECONDS = 60.0


async def get_my_photos(request: web.Request) -> web.Response:
    """GET /api/my-photos."""
    before, limit = photo_lists.cursor_of(request), limit_of(request)
    shelf = choice_of(request, "shelf", [*Shelf, FAVOURITES], Shelf.SURE)
    event, guest = await photo_lists.joined_event(request)
    if shelf == FAVOURITES:
        packed = await photo_lists.favourite_photos(
            request, event, guest, before=before, limit=limit
        )
    else:
        packed = await photo_lists.my_photos(
            request, event, guest, Shelf(shelf), before=before, limit=limit
        )
    return list_answer(request, packed)


async def get_all_photos(request: web.Request) -> web.Response:
    """GET /api/all-photos."""
    before, limit = photo_lists.cursor_of(request), limit_of(request)
    event, guest = await photo_lists.joined_event(request)
    packed = await photo_lists.all_photos(request, event, guest, before=before, limit=limit)
    return list_answer(request, packed)


async def get_photo(request: web.Request) -> web.StreamResponse:
    """GET /api/photo/{id}: bytes, streamed chunk by chunk, for whoever may see the photo."""
    photo_id = PhotoId(path_id(request))
    size = Size(choice_of(request, "size", Size, Size.PREVIEW))
    caller, pictures = user(request), request.app[PICTURES]
    if actor(request).is_admin:
        picture = await pictures.find_for_admin(photo_id, size)
    else:
        picture = await pictures.find_for_guest(caller, photo_id, size)
    same = request.query.get("v", "") == picture.version
    return await send_image(
        request, picture.image, cache_control=CACHE_CONTROL if same else "private, no-cache"
    )


async def send_image(
    request: web.Request, image: StoredImage, *, cache_control: str = CACHE_CONTROL
) -> web.StreamResponse:
    """Answer with a stored picture: 200, 206 for a Range, 304, 412 or 416."""
    blanks = redaction.from_json(image.redactions) if image.redactions else []
    etag = f'"{image.digest[:32]}{"r" if blanks else ""}"'
    headers = {"ETag": etag, "Cache-Control": cache_control, "Accept-Ranges": "bytes"}
    if {etag, "*"} & _etags(request.headers.get("If-None-Match", "")):
        return web.Response(status=304, headers=headers)
    wanted = _range_of(request, image, etag)
    if wanted is None:
        start, stop, status = 0, image.size_bytes, 200
    else:
        start, stop, status = wanted.start, wanted.stop, 206
        if start >= image.size_bytes:
            raise web.HTTPRequestRangeNotSatisfiable(
                headers={"Content-Range": f"bytes */{image.size_bytes}"},
                text="The range begins behind the end of the picture.",
            )
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{image.size_bytes}"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_type = image.media_type
    response.content_length = stop - start
    bound_buffers(request)
    await response.prepare(request)
    if request.method != "HEAD":
        await _send_chunks(request, response, image, blanks, start, stop)
    await response.write_eof()
    return response


async def _send_chunks(
    request: web.Request,
    response: web.StreamResponse,
    image: StoredImage,
    blanks: Sequence[Redaction],
    start: int,
    stop: int,
) -> None:
    """Send the bytes *start* to *stop*; no connection is held while the phone reads."""
    first, last = start // storage.CHUNK, (stop - 1) // storage.CHUNK
    offset = first * storage.CHUNK
    async for chunk in storage.read_chunks(request.app[POOL], image.id, first=first, last=last):
        clean = redaction.apply(chunk, offset, blanks)
        await send(request, response, clean[max(0, start - offset) : stop - offset])
        offset += len(chunk)
    if offset < stop:
        raise NotFound("The picture was deleted meanwhile.")


async def send(request: web.Request, response: web.StreamResponse, chunk: bytes) -> None:
    """Send a piece of an answer; ConnectionError where nobody takes it any more."""
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(chunk)
    except TimeoutError as error:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError("The phone takes nothing any more.") from error


def bound_buffers(request: web.Request) -> None:
    """Keep what waits for a slow phone small: on our side and in the kernel."""
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=SEND_BUFFER)
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def _etags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _range_of(request: web.Request, image: StoredImage, etag: str) -> range | None:
    """Return the one byte range that is asked for; None for all of it (RFC 9110, section 14)."""
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get("Range", "").strip())
    condition = request.headers.get("If-Range")
    if match is None or match[0] == "bytes=-" or (condition is not None and condition != etag):
        return None
    size = image.size_bytes
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    start = int(match[1])
    stop = min(int(match[2]) + 1, size) if match[2] else size
    return range(start, stop) if start < stop or start >= size else None


ROUTES = [
    web.get("/api/my-photos", get_my_photos),
    web.get("/api/all-photos", get_all_photos),
    web.get("/api/photo/{id}", get_photo),
    web.get("/api/image/{id}", get_photo),
]
