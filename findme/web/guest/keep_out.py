"""Please keep me out: a page for people who are no guests, and the call behind it."""

from http import HTTPStatus
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.errors import (
    ConsentRequired,
    FindMeError,
    NotFound,
    PicturesUnavailable,
    SelfieRefused,
    TooManyAttempts,
)
from findme.gallery import events
from findme.web import cookies
from findme.web.guest import consent
from findme.web.guest.join import YES, read_form
from findme.web.keys import KEEPING_OUT, POOL
from findme.web.openapi.route import FORM, Answer, Body, Tag, Who, post
from findme.web.rendering import language_of, redirect, render
from findme.web.responses import json_answer
from findme.web.shapes import File


class KeepOutForm(Struct):
    """A form of somebody who is no guest."""

    consent: Annotated[str, Meta(extra_json_schema={"const": "yes"})]
    selfie: Annotated[File, Meta(description="Deleted once it is compared with the photos.")]


class Received(Struct, frozen=True):
    """The same answer whether there are such photos or not."""

    status: Literal["received"] = "received"


async def _ask(request: web.Request) -> None:
    service = request.app[KEEPING_OUT]
    event = await service.check_may_ask(request.match_info["code"], cookies.origin_of(request))
    form = await read_form(request)
    consented = form.fields.get("consent", "").strip().lower() in YES
    await service.ask(event, consented=consented, jpeg=form.jpeg)


async def post_keep_out(request: web.Request) -> web.Response:
    """POST /api/events/{code}/keep-out."""
    await _ask(request)
    return json_answer(Received(), HTTPStatus.ACCEPTED)


async def page(request: web.Request) -> web.Response:
    """GET /e/{code}/out."""
    return await _page(request)


async def form(request: web.Request) -> web.Response:
    """POST /e/{code}/out."""
    try:
        await _ask(request)
    except FindMeError as error:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, NotFound):
            raise
        return await _page(request, error)
    return redirect(f"{request.path}?done=1")


async def _page(request: web.Request, error: FindMeError | None = None) -> web.Response:
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get_by_code(conn, request.match_info["code"])
    return render(
        request,
        "guest/keep_out.html",
        {
            "event": event,
            "code": None if error is None else error.code,
            "problems": [] if error is None else error.extra.get("problems", []),
            "done": "done" in request.query,
            **await consent.facts(request, event, language_of(request).code),
        },
        status=HTTPStatus.OK if error is None else error.status,
    )


ROUTES = [
    post(
        "/api/events/{code}/keep-out",
        post_keep_out,
        "Ask, without being a guest, that photos of oneself wait for the organiser",
        Answer(202, "Received.", Received),
        takes=Body({FORM: KeepOutForm}),
        fails=[NotFound, ConsentRequired, SelfieRefused, PicturesUnavailable, TooManyAttempts],
        tag=Tag.JOINING,
        who=Who.ANYONE_OR_USER,
    ),
    web.get("/e/{code}/out", page),
    web.post("/e/{code}/out", form),
]
