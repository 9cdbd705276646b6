"""How a call of the API is described beside its handler.

    ROUTES = [
        get(
            "/api/admin/webhooks/{id}",
            get_webhook,
            "One webhook",
            ok(Webhook, "The webhook."),
            tag=Tag.OPERATING,
            who=Who.ADMIN,
        ),
    ]

The functions make routes like those of aiohttp, which carry their description along. Shapes are
types that msgspec knows: structs, lists of them, `Annotated` with a `Meta`. Derived parts are not
described again: the parameters in the path, those of a page, and the problems that follow from a
method, a body or a caller.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_routedef import AbstractRouteDef
from msgspec import Meta

from findme.errors import (
    CrossSiteRequest,
    FindMeError,
    InvalidRequest,
    NotFound,
    SignInRequired,
    UploadTooLarge,
)
from findme.web.responses import DEFAULT_LIMIT, MAX_LIMIT
from findme.web.shapes import Problem

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
FORM: Final = "multipart/form-data"
ZIP: Final = "application/zip"
JPEG: Final = "image/jpeg"
#: The types of pictures that photographers upload and guests download.
PICTURE_TYPES: Final = (JPEG, "image/png", "image/webp", "image/heic")

#: Any type that msgspec describes.
Shape: TypeAlias = Any


class Tag(StrEnum):
    """The subjects by which the calls are listed."""

    JOINING = "Joining"
    ACCOUNT = "Account"
    PHOTOS = "Photos"
    UPLOADING = "Uploading"
    EVENTS = "Events"
    OPERATING = "Operating"
    SERVICE = "Service"


class Who(StrEnum):
    """The callers of a call; the value is the text on the page."""

    ANYONE = "Anyone"
    ANYONE_OR_USER = "Anyone, signed in or not"
    USER = "A signed-in user"
    ADMIN = "An admin"
    UPLOADER = "An upload token, or a signed-in user"
    UPLOAD_TOKEN = "An upload token"  # noqa: S105  # not a password


@dataclass(frozen=True, slots=True)
class Header:
    """A header that is worth naming."""

    name: str
    about: str
    shape: Shape = str


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query."""

    name: str
    about: str
    shape: Shape = str
    default: object = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One status of a call: its meaning, and the shape of its JSON.

    Media types without a shape are bytes; without either, there is no body.
    """

    status: int
    about: str
    shape: Shape = None
    media_types: Sequence[str] = ()
    headers: Sequence[Header] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a call: shapes by media type; for a body of bytes, None."""

    shapes: Mapping[str, Shape]
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """The description of a call."""

    summary: str
    tag: Tag
    who: Who
    answers: Sequence[Answer]
    #: Problems beyond those that follow from the rest.
    fails: Sequence[type[FindMeError]] = ()
    parameters: Sequence[Query | Header] = ()
    takes: Body | None = None
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Call(AbstractRouteDef):
    """A route with its description."""

    method: str
    path: str
    handler: Handler
    description: Description
    #: Of aiohttp's own routes, such as `expect_handler`.
    options: Mapping[str, Any]

    def register(self, router: web.UrlDispatcher) -> list[web.AbstractRoute]:
        """Add the route to an application's router."""
        route = web.RouteDef(self.method, self.path, self.handler, {**self.options})
        return route.register(router)

    @property
    def path_names(self) -> list[str]:
        """The names in the path's braces."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def problems(self) -> list[type[FindMeError]]:
        """The problems that the call can answer with, by status."""
        about = self.description
        # a token that is not valid any more is refused everywhere
        found = [*about.fails, SignInRequired]
        if about.who not in (Who.ANYONE, Who.ANYONE_OR_USER):
            # a resource that a caller may not see is not found
            found.append(NotFound)
        # what a browser changes needs a same-origin proof
        if self.method != "GET":
            found.append(CrossSiteRequest)
        if about.takes is not None:
            found += [UploadTooLarge, InvalidRequest]
        if about.parameters:
            found.append(InvalidRequest)
        return sorted(dict.fromkeys(found), key=lambda problem: problem.status)


def _call(
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    *answers: Answer,
    tag: Tag,
    who: Who,
    fails: Sequence[type[FindMeError]] = (),
    query: Sequence[Query | Header] = (),
    takes: Shape | Body = None,
    deprecated: bool = False,
    **options: Any,
) -> Call:
    """Return a call; *takes* is a shape of JSON, or a Body; *options* are those of aiohttp."""
    paged = any(header in PAGE for answer in answers for header in answer.headers)
    about = Description(
        summary=summary,
        tag=tag,
        who=who,
        answers=answers,
        fails=fails,
        parameters=[*query, BEFORE, LIMIT] if paged else query,
        takes=takes if takes is None or isinstance(takes, Body) else Body({JSON: takes}),
        deprecated=deprecated,
    )
    return Call(method, path, handler, about, options)


get = partial(_call, "GET")
post = partial(_call, "POST")
put = partial(_call, "PUT")
patch = partial(_call, "PATCH")
delete = partial(_call, "DELETE")


# Answers ------------------------------------------------------------------------------------------


def ok(shape: Shape, about: str, *headers: Header) -> Answer:
    """Return a 200 in JSON."""
    return Answer(HTTPStatus.OK, about, shape, headers=headers)


def created(shape: Shape, about: str) -> Answer:
    """Return a 201 in JSON."""
    return Answer(HTTPStatus.CREATED, about, shape)


def accepted(shape: Shape, about: str) -> Answer:
    """Return a 202 in JSON: what was asked for is on its way."""
    return Answer(HTTPStatus.ACCEPTED, about, shape)


def a_page(shape: Shape, about: str = "Newest first.") -> Answer:
    """Return a page of a list: a bare array, with `Link` while there is more."""
    return Answer(HTTPStatus.OK, about, list[shape], headers=PAGE)


def some_bytes(about: str, *media_types: str, headers: Sequence[Header] = ()) -> Answer:
    """Return a 200 that is no JSON."""
    return Answer(HTTPStatus.OK, about, media_types=media_types, headers=headers)


def picture_answers(*media_types: str) -> tuple[Answer, ...]:
    """Return the answers of a stored picture: the whole of it, a range, and what it is not."""
    return (
        some_bytes("The picture.", *media_types),
        Answer(HTTPStatus.PARTIAL_CONTENT, "The bytes that Range asked for.", None, media_types),
        Answer(HTTPStatus.NOT_MODIFIED, "If-None-Match named its ETag."),
        Answer(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "The range begins behind the end.",
            Problem,
            [PROBLEM],
        ),
    )


GONE: Final = Answer(HTTPStatus.NO_CONTENT, "Done.")
GONE_WITH_RECEIPT: Final = Answer(
    HTTPStatus.NO_CONTENT,
    "Done; Location is the receipt of the erasure.",
    headers=[Header("Location", "The address of the receipt.")],
)
PAGE: Final = (
    Header("X-Total-Count", "How many there are in all.", int),
    Header("Link", '<…>; rel="next" while there is more.'),
)

# Parameters ---------------------------------------------------------------------------------------

BEFORE: Final = Query("before", "Where the page before ended: follow Link rather than make it up.")
LIMIT: Final = Query(
    "limit", "Items of a page.", Annotated[int, Meta(ge=1, le=MAX_LIMIT)], DEFAULT_LIMIT
)
EVENT: Final = Query("event", "An event's id; the one joined last if left out.")
