"""An event's upload tokens, one for each photographer: for admins, and for the photographers."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import orjson
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from findme.db import Record
from findme.errors import InvalidRequest, NotFound, SignInRequired
from findme.gallery.photographers import MOST_OFFSET
from findme.models import EventId, TokenId
from findme.web.keys import SETTINGS, UPLOAD_TOKENS, actor, admin
from findme.web.openapi.route import GONE, Tag, Who, a_page, created, delete, get, ok, patch, post
from findme.web.responses import (
    json_answer,
    json_of,
    page_answer,
    page_of,
    path_id,
    split_page,
    text_of,
    time_text,
)
from findme.web.shapes import Id, Time

#: Characters of a photographer's name.
MOST_LABEL = 100
#: Numbers that a watcher reports of itself.
REPORTED = ("backlog", "backlog_bytes", "bytes_per_s", "sent", "there", "refused", "errors")
#: Characters of the last error in a report.
MOST_ERROR = 200
#: A number in a report: more bytes than anybody has.
MOST_NUMBER = 1e15


Offset: TypeAlias = Annotated[
    int, Meta(description="Seconds that are added to the times of the photographer's camera.")
]


class WatcherReport(Struct, kw_only=True):
    """The progress of a photographer's watcher."""

    backlog: Annotated[float | None, Meta(description="Files that wait.")] = None
    backlog_bytes: float | None = None
    bytes_per_s: Annotated[float | None, Meta(description="Of the last seconds.")] = None
    sent: Annotated[float | None, Meta(description="Since the watcher started.")] = None
    there: Annotated[float | None, Meta(description="Files that were there already.")] = None
    refused: float | None = None
    errors: Annotated[
        float | None, Meta(description="Attempts that failed, and were made again.")
    ] = None
    clock_ahead_s: Annotated[
        float | None, Meta(description="Seconds by which the clock of its machine is ahead.")
    ] = None
    last_error: str | None = None


class UploadToken(Struct, frozen=True):
    """An upload token, without the token itself."""

    id: Id
    label: Annotated[str, Meta(description="The photographer's name, the credit of the photos.")]
    clock_offset_s: Offset
    created_at: Time
    last_used_at: Time | None
    reported_at: Time | None
    report: WatcherReport | None


class NewUploadToken(Struct, frozen=True):
    """An upload token that was just made."""

    id: Id
    label: str
    clock_offset_s: Offset
    token: Annotated[str, Meta(description="Shown this once.")]


class TokenChanges(Struct):
    """The members of an upload token."""

    label: Annotated[str | UnsetType | None, Meta(description="Up to 100 characters.")] = UNSET
    clock_offset_s: Offset | UnsetType | None = UNSET


class EventOfToken(Struct, frozen=True):
    """The event that a token uploads to."""

    id: Id
    name: str


class OwnToken(Struct, frozen=True):
    """The event and the photographer of a token."""

    event: EventOfToken
    label: str
    clock_offset_s: Offset
    max_upload_bytes: Annotated[int, Meta(description="Of one file.")]


async def post_token(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/tokens: the token is shown only here."""
    admin_id = admin(request).id
    body = await json_of(request)
    label = _label(body) or "Photographer"
    offset = _offset(body) or 0
    token_id, token = await request.app[UPLOAD_TOKENS].create(
        admin_id, EventId(path_id(request)), label, clock_offset_s=offset
    )
    return json_answer(NewUploadToken(str(token_id), label, offset, token), 201)


async def get_tokens(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/tokens: without the tokens themselves."""
    admin(request)
    before, limit = page_of(request)
    every = await request.app[UPLOAD_TOKENS].list_of(EventId(path_id(request)))
    # an event has a handful: the page is cut here
    rows, more = split_page([row for row in every if before is None or row["id"] < before], limit)
    items = [_token(row) for row in rows]
    return await page_answer(request, items, len(every), rows[-1]["id"] if more else None)


async def patch_token(request: web.Request) -> web.Response:
    """PATCH /api/admin/events/{id}/tokens/{token_id}: photos that arrived already change too."""
    admin_id = admin(request).id
    event_id, token_id = EventId(path_id(request)), TokenId(path_id(request, "token_id"))
    body = await json_of(request)
    row = await request.app[UPLOAD_TOKENS].change(
        admin_id, event_id, token_id, name=_label(body) or None, clock_offset_s=_offset(body)
    )
    return json_answer(_token(row))


async def delete_token(request: web.Request) -> web.Response:
    """DELETE /api/admin/events/{id}/tokens/{token_id}."""
    admin_id = admin(request).id
    event_id, token_id = EventId(path_id(request)), TokenId(path_id(request, "token_id"))
    await request.app[UPLOAD_TOKENS].revoke(admin_id, event_id, token_id)
    return web.Response(status=204)


async def get_own(request: web.Request) -> web.Response:
    """GET /api/upload-token: the event and the photographer of the caller's token."""
    photographer = await request.app[UPLOAD_TOKENS].get_photographer(_own(request))
    return json_answer(
        OwnToken(
            event=EventOfToken(str(photographer.event_id), photographer.event_name),
            label=photographer.name,
            clock_offset_s=photographer.clock_offset_s,
            max_upload_bytes=request.app[SETTINGS].max_upload_bytes,
        )
    )


async def post_report(request: web.Request) -> web.Response:
    """POST /api/upload-token/report: the state of the photographer's watcher."""
    token_id = _own(request)
    body = await json_of(request)
    state: dict[str, object] = {name: _number(body, name) for name in REPORTED}
    state["clock_ahead_s"] = _number(body, "clock_ahead_s", least=-MOST_NUMBER)
    state["last_error"] = text_of(body, "last_error", required=False)[:MOST_ERROR] or None
    await request.app[UPLOAD_TOKENS].report(token_id, state)
    return web.Response(status=204)


def _token(row: Record) -> UploadToken:
    return UploadToken(
        id=str(row["id"]),
        label=row["label"],
        clock_offset_s=row["clock_offset_s"],
        created_at=time_text(row["created_at"]),
        last_used_at=time_text(row["last_used_at"]),
        reported_at=time_text(row["reported_at"]),
        report=None if row["report"] is None else orjson.loads(row["report"]),
    )


def _own(request: web.Request) -> TokenId:
    """Return the caller's upload token; NotFound for a signed-in user."""
    caller = actor(request)
    if caller.upload_token_id is None:
        raise SignInRequired if caller.user is None else NotFound
    return caller.upload_token_id


def _label(body: Mapping[str, Any]) -> str:
    return " ".join(text_of(body, "label", required=False).split())[:MOST_LABEL]


def _offset(body: Mapping[str, Any]) -> int | None:
    value = body.get("clock_offset_s")
    if value is None:
        return None
    # True is an int, too
    if type(value) is not int or abs(value) > MOST_OFFSET:
        raise InvalidRequest(
            f"clock_offset_s is a whole number of seconds, at most {MOST_OFFSET} either way.",
            field="clock_offset_s",
        )
    return value


def _number(body: Mapping[str, Any], name: str, *, least: float = 0) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not least <= value <= MOST_NUMBER:
        raise InvalidRequest(f"{name} is not a number that can be.", field=name)
    return float(value) if isinstance(value, float) else int(value)


ROUTES = [
    post(
        "/api/admin/events/{id}/tokens",
        post_token,
        "Make an upload token for a photographer",
        created(NewUploadToken, "The token, shown this once."),
        takes=TokenChanges,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/tokens",
        get_tokens,
        "Upload tokens",
        a_page(UploadToken),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    patch(
        "/api/admin/events/{id}/tokens/{token_id}",
        patch_token,
        "Change the photographer's name or clock, also for the photos that came already",
        ok(UploadToken, "The token."),
        takes=TokenChanges,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    delete(
        "/api/admin/events/{id}/tokens/{token_id}",
        delete_token,
        "Take an upload token back",
        GONE,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/upload-token",
        get_own,
        "What the token is good for",
        ok(OwnToken, "Its event and its photographer."),
        tag=Tag.UPLOADING,
        who=Who.UPLOAD_TOKEN,
    ),
    post(
        "/api/upload-token/report",
        post_report,
        "Tell how far the watcher is",
        GONE,
        takes=WatcherReport,
        tag=Tag.UPLOADING,
        who=Who.UPLOAD_TOKEN,
    ),
]
