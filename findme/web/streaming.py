"""Answers that are streamed: stored pictures and ZIP archives; a slow phone holds no memory."""

import asyncio
import re
import socket
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote

from aiohttp import web

from findme.errors import NotFound
from findme.media import sent_bytes, zip_stream
from findme.media.zip_stream import ZipEntry
from findme.models import StoredImage
from findme.web.keys import POOL
from findme.web.rendering import zone_of

#: Immutable: a photo's bytes never change under its address; `v` is a part of it if the
#: organiser's options change them.
CACHE_CONTROL = "private, max-age=31536000, immutable"
#: Bytes that wait in the kernel and in the process for one slow phone.
SEND_BUFFER = 64 * 1024
#: Seconds that one chunk may take to leave; slower than 4 KB/s is a connection that has died.
WRITE_SECONDS = 60.0


async def send_image(
    request: web.Request,
    image: StoredImage,
    *,
    cache_control: str = CACHE_CONTROL,
    body: bytes | None = None,
) -> web.StreamResponse:
    """Answer with a stored picture: 200, 206 for a Range, 304, 412 or 416.

    *body* is all of a small picture that was read already: it is sent in one piece.
    """
    etag = f'"{image.digest[:32]}"'
    headers = {"ETag": etag, "Cache-Control": cache_control, "Accept-Ranges": "bytes"}
    if {etag, "*"} & etags_of(request.headers.get("If-None-Match", "")):
        return web.Response(status=304, headers=headers)
    wanted = range_of(request, image, etag)
    if wanted is None and body is not None:
        return web.Response(body=body, headers=headers, content_type=image.media_type)
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
        await _send_chunks(request, response, image, start, stop)
    await response.write_eof()
    return response


async def _send_chunks(
    request: web.Request,
    response: web.StreamResponse,
    image: StoredImage,
    start: int,
    stop: int,
) -> None:
    """Send the bytes *start* to *stop*; no database connection is held while the phone reads."""
    offset = start
    async for chunk in sent_bytes.read(request.app[POOL], image, start, stop):
        await send(request, response, chunk)
        offset += len(chunk)
    if offset < stop:
        raise NotFound("The picture was deleted meanwhile.")


async def send(request: web.Request, response: web.StreamResponse, chunk: bytes) -> None:
    """Send a piece of an answer; ConnectionError if the client does not read it any more."""
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(chunk)
    except TimeoutError as error:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError("The phone takes nothing any more.") from error


def bound_buffers(request: web.Request) -> None:
    """Bound the bytes that wait for a slow phone, in the process and in the kernel."""
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=SEND_BUFFER)
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def etags_of(header: str) -> set[str]:
    """Return the entity tags of If-None-Match, weak ones as strong."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def range_of(request: web.Request, image: StoredImage, etag: str) -> range | None:
    """Return the byte range that a request asks for; None for all (RFC 9110, section 14)."""
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


async def send_archive(
    request: web.Request, filename: str, entries: Sequence[ZipEntry], photos: int
) -> web.StreamResponse:
    """Stream an archive; no database connection is held between chunks, so it may take an hour."""
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
