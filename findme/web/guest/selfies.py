"""A guest's selfies: replaced, added (up to five), shown, removed."""

from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme.errors import (
    ConsentRequired,
    LastSelfie,
    PicturesUnavailable,
    SelfieRefused,
    TooManyAttempts,
    TooManySelfies,
)
from findme.models import EventId, SelfieId, SelfieState
from findme.services.guest_selfies import SelfieResult
from findme.web.guest.join import SelfieStatus, read_form, selfie_status
from findme.web.keys import GUEST_SELFIES, user
from findme.web.openapi.route import (
    FORM,
    GONE,
    PICTURE_TYPES,
    Body,
    Tag,
    Who,
    created,
    delete,
    get,
    ok,
    picture_answers,
    post,
    put,
)
from findme.web.responses import json_answer, path_id, time_text
from findme.web.shapes import File, Id, Path, Time
from findme.web.streaming import send_image


class SelfiePart(Struct):
    """A form with a selfie."""

    selfie: File


class Replaced(Struct, frozen=True):
    """A selfie that takes the place of the others."""

    selfie: SelfieStatus


class AddedSelfie(Struct, frozen=True, omit_defaults=True):
    """A selfie beside others."""

    id: Id
    status: SelfieState
    advice: Annotated[
        Sequence[str], Meta(description="What would make it find more; left out if it is good.")
    ] = ()


class Added(Struct, frozen=True):
    """A selfie that was added."""

    selfie: AddedSelfie


class KeptSelfie(Struct, frozen=True):
    """One of the caller's selfies."""

    id: Id
    status: SelfieState
    problem: Annotated[str | None, Meta(description="Why it was refused.")]
    advice: Annotated[list[str], Meta(description="What would make it find more.")]
    created_at: Time
    url: Annotated[Path | None, Meta(description="null: its picture is not kept.")]
    lost: Annotated[
        bool, Meta(description="Whether new photos are only found with another selfie.")
    ]


async def put_selfie(request: web.Request) -> web.Response:
    """PUT /api/me/events/{event_id}/selfie: the earlier ones stay until this is accepted."""
    _, result = await _add(request, replaces=True)
    return json_answer(Replaced(selfie_status(result)))


async def post_selfie(request: web.Request) -> web.Response:
    """POST /api/me/events/{event_id}/selfies: one more, beside the others."""
    selfie_id, result = await _add(request, replaces=False)
    return json_answer(Added(AddedSelfie(str(selfie_id), result.state, result.advice)), 201)


async def _add(request: web.Request, *, replaces: bool) -> tuple[SelfieId, SelfieResult]:
    service = request.app[GUEST_SELFIES]
    event_id = _event_id(request)
    guest = await service.check_may_add(user(request).id, event_id, replaces=replaces)
    form = await read_form(request)
    return await service.add(guest, form.jpeg, replaces=replaces)


async def get_selfies(request: web.Request) -> web.Response:
    """GET /api/me/events/{event_id}/selfies: newest first."""
    event_id = _event_id(request)
    rows = await request.app[GUEST_SELFIES].list_of(user(request).id, event_id)
    return json_answer(
        [
            KeptSelfie(
                id=str(row["id"]),
                status=row["state"],
                problem=row["problem"],
                advice=row["advice"],
                created_at=time_text(row["created_at"]),
                url=f"{request.path}/{row['id']}" if row["pictured"] else None,
                lost=row["lost"],
            )
            for row in rows
        ]
    )


async def get_selfie(request: web.Request) -> web.StreamResponse:
    """GET /api/me/events/{event_id}/selfies/{selfie_id}: the picture, for its guest alone."""
    selfie_id, event_id = SelfieId(path_id(request, "selfie_id")), _event_id(request)
    image = await request.app[GUEST_SELFIES].find_image(user(request).id, event_id, selfie_id)
    return await send_image(request, image)


async def delete_selfie(request: web.Request) -> web.Response:
    """DELETE /api/me/events/{event_id}/selfies/{selfie_id}: with what was found from it."""
    selfie_id, event_id = SelfieId(path_id(request, "selfie_id")), _event_id(request)
    await request.app[GUEST_SELFIES].remove(user(request).id, event_id, selfie_id)
    return web.Response(status=204)


def _event_id(request: web.Request) -> EventId:
    return EventId(path_id(request, "event_id"))


_FORM = Body({FORM: SelfiePart})
_REFUSED = (ConsentRequired, SelfieRefused, TooManyAttempts, PicturesUnavailable)

ROUTES = [
    put(
        "/api/me/events/{event_id}/selfie",
        put_selfie,
        "Another selfie; the last good one counts until this one is accepted",
        ok(Replaced, "Taken."),
        takes=_FORM,
        fails=_REFUSED,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    post(
        "/api/me/events/{event_id}/selfies",
        post_selfie,
        "One more selfie, beside the others: up to five",
        created(Added, "Taken."),
        takes=_FORM,
        fails=[TooManySelfies, *_REFUSED],
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    get(
        "/api/me/events/{event_id}/selfies",
        get_selfies,
        "My selfies, newest first",
        ok(list[KeptSelfie], "Up to five."),
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    get(
        "/api/me/events/{event_id}/selfies/{selfie_id}",
        get_selfie,
        "The picture of a selfie",
        *picture_answers(*PICTURE_TYPES),
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    delete(
        "/api/me/events/{event_id}/selfies/{selfie_id}",
        delete_selfie,
        "Remove a selfie, with what was found from it",
        GONE,
        fails=[LastSelfie],
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
]
