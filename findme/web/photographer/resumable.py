"""Uploads that go on where they stopped: the file is named by its SHA-256 before it is sent.

What a body that breaks off has brought is kept, and the next one begins there. Everything that can
be refused is refused before the client, waiting for `100 Continue`, sends a byte.
"""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from findme import db
from findme.errors import HashMismatch, InvalidRequest, QueueFull, UploadTooLarge, WrongOffset
from findme.gallery import events, photos
from findme.media import resumable_uploads, storage
from findme.media.resumable_uploads import Partial, Turns
from findme.models import EventId
from findme.web.keys import POOL, SETTINGS, actor
from findme.web.photographer import uploads
from findme.web.photographer.known_hashes import parse_sha256
from findme.web.request_bodies import body_of
from findme.web.responses import json_answer

#: Requests that write to the same partial upload take turns.
TURNS = web.AppKey("TURNS", Turns)
#: What breaks a body off: the connection, its framing, the sender's silence.
BROKEN_OFF = (
    web.HTTPRequestTimeout,
    ConnectionError,
    aiohttp.ClientError,
    web.RequestPayloadError,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Which bytes of the file a body brings: from *start* up to *stop*, of *total*."""

    start: int
    stop: int
    total: int


async def get_upload(request: web.Request) -> web.Response:
    """GET /api/events/{event_id}/uploads/{sha256}: where an upload goes on."""
    event_id = uploads.own_event(request)
    digest = parse_sha256(request.match_info["sha256"])
    async with db.acquire(request.app[POOL]) as conn:
        await events.get(conn, event_id)
        photo_id = (await photos.list_known(conn, event_id, [digest])).get(digest)
    received = _partial(request, event_id, digest).received
    return json_answer(
        {"received": received, "photo_id": None if photo_id is None else str(photo_id)}
    )


async def put_upload(request: web.Request) -> web.Response:
    """PUT /api/events/{event_id}/uploads/{sha256}: all of a file, or what is missing of it."""
    digest = parse_sha256(request.match_info["sha256"])
    event_id = await uploads.open_event(request)
    name = uploads.clean_name(request.query.get("filename", ""))
    piece = _piece(request)
    limit = request.app[SETTINGS].max_upload_bytes
    if piece.total > limit:
        raise UploadTooLarge(
            f"The file is larger than the {limit // 1024**2} MB this server takes."
        )
    async with db.acquire(request.app[POOL]) as conn:
        duplicate = await uploads.find_duplicate(conn, event_id, digest, name)
    if duplicate is not None:
        return uploads.answer(request, [duplicate])
    partial = _partial(request, event_id, digest)
    async with request.app[TURNS].take(partial, lambda: _hang_up(request)):
        if piece.start != partial.received:
            raise WrongOffset(received=partial.received)
        await _invite(request)
        with storage.room():
            whole = await resumable_uploads.append(
                partial, _arriving(request), most=piece.stop - piece.start, total=piece.total
            )
        if whole is None:
            return json_answer({"received": partial.received})
        if whole.sha256 != digest or whole.size_bytes != piece.total:
            partial.remove()
            raise HashMismatch
        with storage.room():
            verdict = await uploads.store(request, event_id, whole, name)
        if not isinstance(verdict.problem, QueueFull):
            partial.remove()
    return uploads.answer(request, [verdict])


def _partial(request: web.Request, event_id: EventId, digest: bytes) -> Partial:
    caller = actor(request)
    # what another uploader sends under the same hash is theirs alone
    uploader = (
        f"token{caller.upload_token_id}" if caller.user is None else f"account{caller.user.id}"
    )
    folder = request.app[SETTINGS].findme_data_dir
    return resumable_uploads.find(folder, event_id, uploader, digest.hex())


def _piece(request: web.Request) -> Piece:
    """Return what Content-Range announces; without it, the whole file."""
    length, header = request.content_length, request.headers.get("Content-Range")
    if length is None:
        raise InvalidRequest("Content-Length is missing.")
    if header is None:
        return Piece(0, length, length)
    # `*` sends nothing: all is there, and only the verdict is missing
    match = re.fullmatch(r"bytes (?:(\d{1,15})-(\d{1,15})|\*)/(\d{1,15})", header.strip())
    if match is None:
        raise InvalidRequest("Content-Range is `bytes first-last/total` or `bytes */total`.")
    total = int(match[3])
    piece = Piece(total, total, total)
    if match[1] is not None:
        piece = Piece(int(match[1]), int(match[2]) + 1, total)
    if not piece.start <= piece.stop <= total or piece.stop - piece.start != length:
        raise InvalidRequest("Content-Range and the length of the body contradict each other.")
    return piece


async def _wait(_request: web.Request) -> None:
    """Leave it to the handler when to say 100 Continue."""


async def _invite(request: web.Request) -> None:
    """Ask a client for the body that it holds back (RFC 9110, 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # the headers of the answer are still to come
        request.writer.output_size = 0


async def _arriving(request: web.Request) -> AsyncIterator[bytes]:
    """Yield what arrives, until the body's end or until it breaks off."""
    with suppress(*BROKEN_OFF):
        async for chunk in body_of(request):
            yield chunk


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def setup_turns(app: web.Application) -> None:
    """Let requests of this application take turns."""
    app[TURNS] = Turns()


_PATH = "/api/events/{event_id}/uploads/{sha256}"
ROUTES = [
    web.get(_PATH, get_upload),
    web.put(_PATH, put_upload, expect_handler=_wait),
]
