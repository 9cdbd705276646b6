"""Bodies, read piece by piece, and forms; a broken one raises InvalidRequest."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import (
    ContentEncodingError,
    HttpProcessingError,
    TransferEncodingError,
)
from multidict import MultiDict, MultiDictProxy

from findme.errors import InvalidRequest

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds without a byte after which a connection counts as dead: a lost phone does not close it.
SILENCE_SECONDS = 60.0
#: Bytes that are read of a body at a time.
READ = 256 * 1024
#: Bytes of a text field; more is cut off.
MAX_FIELD = 10_000

#: Parts of a form; our pages send a dozen. Each part costs memory even if it is not read.
MAX_PARTS = 100

#: Raised by aiohttp for a form's framing, character set, encoding and the headers of a part.
_WRONG = (ValueError, LookupError, RuntimeError, HttpProcessingError)
_BROKEN = "This multipart form cannot be understood."


async def with_read_timeout(reading: Awaitable[T]) -> T:
    """Await a read of a body, and return its result; 408 if the sender stalls, 400 if it breaks."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await reading
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text="Nothing more arrived.") from error
    except (ContentEncodingError, TransferEncodingError, web.RequestPayloadError) as error:
        # also a broken `Content-Encoding: gzip`, which aiohttp unpacks while it reads
        log.info("[HTTP] A body is broken: %s", error)
        raise web.HTTPBadRequest(text="The body is not encoded as its headers say.") from error


async def body_of(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the bytes of a body that is not a form."""
    while chunk := await with_read_timeout(request.content.read(READ)):
        yield chunk


async def form_of(request: web.Request) -> MultiDictProxy[str]:
    """Return the text fields of a small form without NUL, which PostgreSQL's text cannot store.

    InvalidRequest if the body is not a valid form.
    """
    try:
        posted = await with_read_timeout(request.post())
    except _WRONG as error:
        raise InvalidRequest("This form cannot be understood.") from error
    fields = [(name, value) for name, value in posted.items() if isinstance(value, str)]
    return MultiDictProxy(MultiDict((name, value.replace("\0", "")) for name, value in fields))


async def parts_of(request: web.Request, most: int = MAX_PARTS) -> AsyncIterator[BodyPartReader]:
    """Yield the parts of a form, at most *most*; bytes that the caller leaves are skipped."""
    try:
        reader = await request.multipart()
        taken = 0
        while (part := await with_read_timeout(reader.next())) is not None:
            if not isinstance(part, BodyPartReader):
                raise InvalidRequest("Nested multipart bodies are not understood.")
            taken += 1
            if taken > most:
                raise InvalidRequest(f"This form has more than {most} parts.")
            yield part
            async for _ in chunks_of(part):
                pass
    except _WRONG as error:
        raise InvalidRequest(_BROKEN) from error


async def chunks_of(part: BodyPartReader) -> AsyncIterator[bytes]:
    """Yield the bytes of a part."""
    try:
        while chunk := await with_read_timeout(part.read_chunk(READ)):
            yield chunk
    except _WRONG as error:
        raise InvalidRequest(_BROKEN) from error


async def text_of(part: BodyPartReader) -> str:
    """Return a text field without NUL, which PostgreSQL's text cannot store."""
    data = b""
    # a chunk is what has arrived: a field may come in several
    async for chunk in chunks_of(part):
        if len(data) < MAX_FIELD:
            data += chunk
    return data[:MAX_FIELD].decode("utf-8", "replace").replace("\0", "")
