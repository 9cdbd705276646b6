"""Uploads that continue where they were interrupted: the path names the file by its SHA-256.

An upload is refused, if at all, before a client that waits for `100 Continue` sends a byte.
"""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Annotated, TypeAlias

import aiohttp
from aiohttp import web
from msgspec import Meta, Struct

from findme.errors import (
    Conflict,
    DiskFull,
    EventClosed,
    EveryFileRejected,
    HashMismatch,
    InvalidRequest,
    PicturesUnavailable,
    QueueFull,
    WrongOffset,
)
from findme.services.resumable_uploads import Piece, Sender, UploadProgress
from findme.web.keys import RESUMABLE_UPLOADS, actor
from findme.web.openapi.route import Body, Header, Query, Tag, Who, accepted, get, ok, put
from findme.web.photographer import uploads
from findme.web.photographer.known_hashes import parse_sha256
from findme.web.request_bodies import body_of
from findme.web.responses import json_answer
from findme.web.shapes import Id, UploadResults

#: The errors of an interrupted body: of the connection, its framing, a sender that times out.
BROKEN_OFF = (
    web.HTTPRequestTimeout,
    ConnectionError,
    aiohttp.ClientError,
    web.RequestPayloadError,
)


BytesThere: TypeAlias = Annotated[
    int, Meta(description="Bytes that are there, from the first one on.")
]


class UploadState(Struct, frozen=True):
    """The received bytes of a file; its photo, if the file is complete."""

    received: BytesThere
    photo_id: Id | None


class Received(Struct, frozen=True):
    """The received bytes of a file."""

    received: BytesThere


async def get_upload(request: web.Request) -> web.Response:
    """GET /api/events/{event_id}/uploads/{sha256}: where an upload continues."""
    event_id = uploads.own_event(request)
    digest = parse_sha256(request.match_info["sha256"])
    found = await request.app[RESUMABLE_UPLOADS].find_progress(event_id, actor(request), digest)
    photo_id = None if found.photo_id is None else str(found.photo_id)
    return json_answer(UploadState(found.received, photo_id))


async def put_upload(request: web.Request) -> web.Response:
    """PUT /api/events/{event_id}/uploads/{sha256}: all of a file, or the rest of it."""
    digest = parse_sha256(request.match_info["sha256"])
    event_id = await uploads.open_event(request)
    name = uploads.clean_name(request.query.get("filename", ""))
    sender = Sender(_arriving(request), partial(_invite, request), partial(_hang_up, request))
    result = await request.app[RESUMABLE_UPLOADS].receive(
        event_id, actor(request), digest, _piece(request), name, sender
    )
    if isinstance(result, UploadProgress):
        return json_answer(Received(result.received))
    return uploads.answer([result])


def _piece(request: web.Request) -> Piece:
    """Return the piece that Content-Range announces; the whole file without that header."""
    length, header = request.content_length, request.headers.get("Content-Range")
    if length is None:
        raise InvalidRequest("Content-Length is missing.")
    if header is None:
        return Piece(0, length, length)
    # `*` sends nothing: every byte is there, and only the result is missing
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
    """Let the service decide when to say 100 Continue."""


async def _invite(request: web.Request) -> None:
    """Ask a client for the body that it is holding back (RFC 9110, 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # the headers of the answer are still to come
        request.writer.output_size = 0


async def _arriving(request: web.Request) -> AsyncIterator[bytes]:
    """Yield what arrives, until the body ends or breaks off."""
    with suppress(*BROKEN_OFF):
        async for chunk in body_of(request):
            yield chunk


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


_PATH = "/api/events/{event_id}/uploads/{sha256}"
ROUTES = [
    get(
        _PATH,
        get_upload,
        "Where an interrupted upload continues",
        ok(UploadState, "So far."),
        fails=[InvalidRequest],
        tag=Tag.UPLOADING,
        who=Who.UPLOADER,
    ),
    put(
        _PATH,
        put_upload,
        "Upload a file that is named by its hash, or the rest of it",
        ok(Received, "The file is not complete yet."),
        accepted(UploadResults, "Bytes and job are on disk."),
        query=[
            Query("filename", "The name of the file."),
            Header(
                "Content-Range",
                "`bytes first-last/total`, if it is not the whole file; `bytes */total` if all is "
                "there.",
            ),
        ],
        takes=Body({"image/*": None}),
        fails=[
            EventClosed,
            WrongOffset,
            Conflict,
            HashMismatch,
            EveryFileRejected,
            QueueFull,
            PicturesUnavailable,
            DiskFull,
        ],
        expect_handler=_wait,
        tag=Tag.UPLOADING,
        who=Who.UPLOADER,
    ),
]
