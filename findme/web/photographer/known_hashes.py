"""Which files an event has already: a client sends hashes before it sends any picture."""

from typing import Annotated, TypeAlias

from aiohttp import web
from msgspec import Meta, Struct

from findme.errors import InvalidRequest
from findme.web.keys import UPLOADS
from findme.web.openapi.route import Tag, Who, ok, post
from findme.web.photographer.uploads import own_event
from findme.web.responses import json_answer, json_of

#: Hashes of one request.
MOST_HASHES = 1000
#: Characters of a SHA-256 in hexadecimal.
LETTERS = 64


Hash: TypeAlias = Annotated[
    str, Meta(description="SHA-256, hexadecimal.", pattern="^[0-9a-fA-F]{64}$")
]


class Hashes(Struct):
    """Files, by their bytes."""

    hashes: Annotated[list[Hash], Meta(max_length=1000)]


class Known(Struct, frozen=True):
    """The files that an event has already."""

    known: dict[str, Annotated[str, Meta(description="Photo id.")]]
    pending: list[Hash]
    failed: dict[str, Annotated[str, Meta(description="Why the picture cannot be read.")]]


async def post_known(request: web.Request) -> web.Response:
    """POST /api/events/{event_id}/photos/known."""
    event_id = own_event(request)
    asked = (await json_of(request)).get("hashes")
    if not isinstance(asked, list) or len(asked) > MOST_HASHES:
        raise InvalidRequest(f"hashes is a list of at most {MOST_HASHES}.", field="hashes")
    digests = [parse_sha256(text) for text in asked]
    found = await request.app[UPLOADS].list_known(event_id, digests)
    return json_answer(
        Known(
            known={digest.hex(): str(photo) for digest, photo in found.known.items()},
            pending=[digest.hex() for digest in found.pending],
            failed={digest.hex(): error for digest, error in found.failed.items()},
        )
    )


def parse_sha256(text: object) -> bytes:
    """Return the 32 bytes of a SHA-256 in hexadecimal; InvalidRequest for anything else."""
    if not isinstance(text, str) or len(text) != LETTERS:
        raise InvalidRequest("A hash is a SHA-256 in hexadecimal, 64 letters.")
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise InvalidRequest("A hash is a SHA-256 in hexadecimal, 64 letters.") from error


ROUTES = [
    post(
        "/api/events/{event_id}/photos/known",
        post_known,
        "Which of these bytes the event has already",
        ok(Known, "Those it has."),
        takes=Hashes,
        tag=Tag.UPLOADING,
        who=Who.UPLOADER,
    ),
]
