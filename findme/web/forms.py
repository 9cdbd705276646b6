"""Multipart bodies, part by part, never whole; what is broken in them is the caller's mistake."""

from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, web

from findme.errors import InvalidRequest

#: Bytes read of a body at a time.
READ = 256 * 1024
#: Bytes of a text field; more is cut off.
MAX_FIELD = 10_000

_BROKEN = "This multipart form cannot be understood."


async def parts_of(request: web.Request) -> AsyncIterator[BodyPartReader]:
    """Yield the parts of a form; what the caller leaves of one is passed over."""
    # aiohttp says ValueError for everything that is wrong with a multipart body
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise InvalidRequest("Nested multipart bodies are not understood.")
            yield part
            await part.release()
    except ValueError as error:
        raise InvalidRequest(_BROKEN) from error


async def chunks_of(part: BodyPartReader) -> AsyncIterator[bytes]:
    """Yield the bytes of a part."""
    try:
        while chunk := await part.read_chunk(READ):
            yield chunk
    except ValueError as error:
        raise InvalidRequest(_BROKEN) from error


async def text_of(part: BodyPartReader) -> str:
    """Return a text field, without what PostgreSQL's text cannot hold (NUL)."""
    data = b""
    # a chunk is what has arrived: a field may come in several
    async for chunk in chunks_of(part):
        if len(data) < MAX_FIELD:
            data += chunk
    return data[:MAX_FIELD].decode("utf-8", "replace").replace("\0", "")
