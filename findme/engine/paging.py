"""Page tokens: where a list goes on, opaque to the caller."""

import base64
import binascii
from typing import TypeVar

import orjson

from findme.engine.errors import InvalidPaginationTokenException
from findme.engine.protocol import Members

Position = TypeVar("Position", int, str)


def position(request: Members, listing: str, start: Position) -> Position:
    """Where the page begins: *start*, or what the request's token of the same *listing* says."""
    token = request.get("NextToken")
    if not token:
        return start
    try:
        found, value = orjson.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidPaginationTokenException from error
    if found != listing or type(value) is not type(start):
        raise InvalidPaginationTokenException
    place: Position = value
    return place


def next_token(listing: str, value: int | str) -> str:
    """Token of the page that begins after *value*."""
    return base64.urlsafe_b64encode(orjson.dumps([listing, value])).decode()


def size(request: Members, default: int, most: int) -> int:
    """How many items a page has; 0 asks for the default, as nothing does."""
    asked: int = request.get("MaxResults") or default
    return min(asked, most)
