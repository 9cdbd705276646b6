"""The gallery without a selfie, if the organiser allows it: a guest without any face search."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme.errors import BrowsingClosed, EventClosed, JoinClosed, NotFound, TooManyAttempts
from findme.services.joining import Joined
from findme.web import cookies
from findme.web.guest.join import JoinedAnswer, joined_answer, set_session
from findme.web.keys import JOINING, actor
from findme.web.openapi.route import JSON, Body, Tag, Who, created, post
from findme.web.rendering import language_of, redirect
from findme.web.request_bodies import form_of
from findme.web.responses import json_of, text_of


class Newcomer(Struct):
    """Somebody who looks at the gallery without a selfie."""

    name: Annotated[str, Meta(description="Guest, if left out.")] = ""


async def browse(request: web.Request, name: str) -> Joined:
    """Let the caller, or a newcomer of that name (or none), see an event's gallery."""
    return await request.app[JOINING].browse(
        request.match_info["code"],
        actor(request).user,
        name=name,
        origin=cookies.origin_of(request),
        language=language_of(request).code,
    )


async def _check(request: web.Request) -> None:
    """Refuse those whom the event does not let in, before their body is read."""
    await request.app[JOINING].check_may_browse(request.match_info["code"], actor(request).user)


async def post_browse(request: web.Request) -> web.Response:
    """POST /api/events/{code}/browse {name?}."""
    await _check(request)
    body = await json_of(request)
    return joined_answer(request, await browse(request, text_of(body, "name", required=False)))


async def browse_form(request: web.Request) -> web.Response:
    """POST /e/{code}/browse: the button under the join form."""
    await _check(request)
    joined = await browse(request, str((await form_of(request)).get("name", "")))
    following = redirect(f"/gallery?event={joined.event.id}&tab=all")
    return set_session(request, following, joined)


ROUTES = [
    post(
        "/api/events/{code}/browse",
        post_browse,
        "See the gallery without consent and selfie, if the organiser allows it",
        created(JoinedAnswer, "In, signed in by cookie too."),
        takes=Body({JSON: Newcomer}, required=False),
        fails=[NotFound, BrowsingClosed, JoinClosed, EventClosed, TooManyAttempts],
        tag=Tag.JOINING,
        who=Who.ANYONE_OR_USER,
    ),
    web.post("/e/{code}/browse", browse_form),
]
