"""The face service over HTTP: one address, the operation in a header, JSON both ways."""

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from aiohttp import web

from findme.engine import protocol, signature
from findme.engine.collection_store import Gallery
from findme.engine.errors import (
    ImageTooLargeException,
    InternalServerError,
    Refusal,
    UnknownOperationException,
)
from findme.engine.faces import Analyst
from findme.engine.operations import collections, images, users
from findme.engine.protocol import Members
from findme.engine.service import Service

log = logging.getLogger(__name__)

SERVICE: web.AppKey[Service] = web.AppKey("SERVICE", Service)
CREDENTIALS: web.AppKey[Mapping[str, str] | None] = web.AppKey("CREDENTIALS")

STORED_OPERATIONS = {**collections.OPERATIONS, **users.OPERATIONS}

_DRAINED = 64 * 1024 * 1024
"""A body that is too large is read up to here, so that its sender gets to hear the reason."""
_SMALL_BODY = 64 * 1024
"""Up to here, checking a body on the loop is quicker than handing it to a thread."""


async def serve(
    *,
    host: str,
    port: int,
    data_dir: Path,
    credentials: Mapping[str, str] | None,
    ready: Callable[[int], None],
    threads: int = 2,
) -> None:
    """Run the service until cancelled; port 0 takes a free one.

    *ready* is called with the actual port once a request can be answered. *credentials* maps
    access key ids to secrets; None takes every signature. *threads* pictures are looked at
    at once. Raises OSError for an address in use, GalleryInUse for a data directory in use,
    WeightsError if a model is missing.
    """
    with socket.create_server((host, port)) as listener:
        async with open_service(data_dir, threads) as service:
            app = create_app(service, credentials)
            runner = web.AppRunner(app, access_log=None, handle_signals=False)
            await runner.setup()
            try:
                await web.SockSite(runner, listener).start()
                ready(listener.getsockname()[1])
                await asyncio.Event().wait()
            finally:
                await runner.cleanup()


@asynccontextmanager
async def open_service(data_dir: Path, threads: int) -> AsyncIterator[Service]:
    """Lock and load the gallery and the models of *data_dir*."""
    gallery = await asyncio.to_thread(Gallery, data_dir)
    try:
        analyst = await asyncio.to_thread(Analyst.load, data_dir / "models")
    except BaseException:
        gallery.close()
        raise
    service = Service(analyst, gallery, threads)
    try:
        service.start()
        yield service
    finally:
        await asyncio.shield(service.close())


def create_app(service: Service, credentials: Mapping[str, str] | None) -> web.Application:
    """Build the application over an open service."""
    app = web.Application()
    app[SERVICE] = service
    app[CREDENTIALS] = credentials
    app.router.add_get("/healthz", health)
    app.router.add_post("/", answer)
    return app


async def health(_request: web.Request) -> web.Response:
    """Say that the loop is alive."""
    return web.json_response({"status": "ok"})


async def answer(request: web.Request) -> web.Response:
    """Answer one operation in the form of AWS JSON 1.1, refusals included."""
    request_id = str(uuid.uuid4())
    try:
        members = await _perform(request)
    except Refusal as refusal:
        return _refused(request_id, refusal)
    except Exception:
        # The only place where the unforeseen becomes an answer.
        target = request.headers.get("X-Amz-Target")
        log.exception("Request failed", extra={"request_id": request_id, "target": target})
        return _refused(request_id, InternalServerError())
    if len(members.get("FaceMatches", ())) > 100:
        return _response(request_id, await asyncio.to_thread(orjson.dumps, members))
    return _response(request_id, orjson.dumps(members))


async def _perform(request: web.Request) -> Members:
    body = await _read(request)
    if len(body) > _SMALL_BODY:
        operation, members = await asyncio.to_thread(_checked, request, body)
    else:
        operation, members = _checked(request, body)
    service = request.app[SERVICE]
    if operation in STORED_OPERATIONS:
        return await service.stored(STORED_OPERATIONS[operation], members)
    return await images.OPERATIONS[operation](service, members)


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    length = 0
    async for chunk in request.content.iter_any():
        length += len(chunk)
        if length <= protocol.MAX_BODY_BYTES:
            body += chunk
        elif length > _DRAINED:
            break
    if length > protocol.MAX_BODY_BYTES:
        raise ImageTooLargeException
    return bytes(body)


def _checked(request: web.Request, body: bytes) -> tuple[str, Members]:
    """Name and members of the operation, once signature and members are found right."""
    credentials = request.app[CREDENTIALS]
    if credentials is not None:
        signature.verify(
            credentials,
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.rel_url.raw_query_string,
            headers=request.headers,
            body=body,
        )
    operation = protocol.operation_of(request.headers.get("X-Amz-Target"))
    if operation not in STORED_OPERATIONS and operation not in images.OPERATIONS:
        raise UnknownOperationException
    return operation, protocol.parse(operation, body)


def _refused(request_id: str, refusal: Refusal) -> web.Response:
    code = refusal.code
    body = orjson.dumps({"__type": code, "Code": code, "Message": str(refusal)})
    response = _response(request_id, body, refusal.status)
    # botocore reads __type alone; other SDKs read this header.
    response.headers["x-amzn-ErrorType"] = code
    return response


def _response(request_id: str, body: bytes, status: int = 200) -> web.Response:
    headers = {"Content-Type": protocol.CONTENT_TYPE, "x-amzn-RequestId": request_id}
    return web.Response(status=status, body=body, headers=headers)
