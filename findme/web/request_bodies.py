"""Bodies, piece by piece, and forms; what is broken in them is the caller's mistake."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import MultiDict, MultiDictProxy

from findme.errors import InvalidRequest

T = TypeVar("T")

#: Seconds without a byte, after which a connection has died: a phone that goes says no good-bye.
SILENCE_SECONDS = 60.0
#: Bytes read of a body at a time.
READ = 256 * 1024
#: Bytes of a text field; more is cut off.
MAX_FIELD = 10_000

#: Parts of a form; a page of ours has a dozen. It bounds the memory of what is never read whole.
MAX_PARTS = 100

#: What aiohttp says of a form's framing, character set, transfer encoding and a part's headers.
_WRONG = (ValueError, LookupError, RuntimeError, HttpProcessingError)
_BROKEN = "This multipart form cannot be understood."


async def heard(reading: Awaitable[T]) -> T:
    """Return what is read next of a body; 408 where its sender is silent."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await reading
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text="Nothing more arrived.") from error


async def body_of(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the bytes of a body that is no form."""
    while chunk := await heard(request.content.read(READ)):
        yield chunk


async def form_of(request: web.Request) -> MultiDictProxy[str]:
    """Return a small form's text fields, without what PostgreSQL's text cannot hold (NUL).

    InvalidRequest where the body is no form, in whatever way.
    """
    try:
        posted = await heard(request.post())
    except _WRONG as error:
        raise InvalidRequest("This form cannot be understood.") from error
    fields = [(name, value) for name, value in posted.items() if isinstance(value, str)]
    return MultiDictProxy(MultiDict((name, value.replace("\0", "")) for name, value in fields))


async def parts_of(request: web.Request, most: int = MAX_PARTS) -> AsyncIterator[BodyPartReader]:
    """Yield the parts of a form, at most *most*; what the caller leaves of one is passed over."""
    try:
        reader = await request.multipart()
        taken = 0
        while (part := await heard(reader.next())) is not None:
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
        while chunk := await heard(part.read_chunk(READ)):
            yield chunk
    except _WRONG as error:
        raise InvalidRequest(_BROKEN) from error


async def text_of(part: BodyPartReader) -> str:
    """Return a text field, without what PostgreSQL's text cannot hold (NUL)."""
    data = b""
    # a chunk is what has arrived: a field may come in several
    async for chunk in chunks_of(part):
        if len(data) < MAX_FIELD:
            data += chunk
    return data[:MAX_FIELD].decode("utf-8", "replace").replace("\0", "")
