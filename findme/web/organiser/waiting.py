"""The waiting list of an event, as JSON and as a page: newcomers are compared, admitted, refused.

Only here does an organiser see selfies, small and only of those who wait: a name alone cannot tell
a guest from a stranger. The consent of these guests says so.
"""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct
from yarl import URL

from findme.accounts.admission import Newcomer, Seen
from findme.errors import InvalidRequest, NotFound
from findme.models import EventId, GuestId, SelfieId, SelfieState, UserId
from findme.services.admission import WaitingList
from findme.web.keys import ADMISSION_DESK, admin
from findme.web.openapi.route import JPEG, Tag, Who, a_page, get, ok, post, some_bytes
from findme.web.rendering import redirect, render, set_event_zone
from findme.web.request_bodies import form_of
from findme.web.responses import (
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    split_page,
    time_text,
)
from findme.web.shapes import Id, Path, Time

#: Newcomers of one page.
PAGE = 60
#: Newcomers that one call admits.
MOST = 1000
#: Portraits are gone once their guest is admitted: browsers keep none.
CACHE_CONTROL = "private, no-store"


class WaitingGuest(Struct, frozen=True):
    """Somebody who waits to be admitted."""

    user_id: Id
    name: str
    email: Annotated[str | None, Meta(description="null: a link is the way in.")]
    joined_at: Time
    selfie_id: Annotated[
        Id | None, Meta(description="What the organiser sees; null: they only want to browse.")
    ]
    selfie: SelfieState | None
    selfie_url: Annotated[Path | None, Meta(description="A small JPEG, until they are admitted.")]
    ready: Annotated[bool, Meta(description="Whether they can be admitted now.")]


class SeenGuest(Struct, forbid_unknown_fields=True):
    """Somebody who waits, as the list showed them."""

    user_id: Id
    selfie_id: Annotated[
        Id | None,
        Meta(description="As listed: somebody who has sent another selfie since goes on waiting."),
    ] = None


class Admitted(Struct, frozen=True):
    """The result of an admission."""

    admitted: Annotated[int, Meta(description="Guests who see their photos now.")]


class Admission(Struct, forbid_unknown_fields=True):
    """Newcomers to admit."""

    guests: Annotated[list[SeenGuest], Meta(description="At most 1,000.")]


async def get_waiting(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/waiting: the last who joined comes first."""
    admin(request)
    before, limit = page_of(request)
    found = await _list(request, before, limit + 1)
    page, more = split_page(found.newcomers, limit)
    items = [_shape(found.event.id, newcomer) for newcomer in page]
    return await page_answer(request, items, found.total, page[-1].guest_id if more else None)


async def post_admit(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/waiting/admit."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    listed = (await json_of(request)).get("guests")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        raise InvalidRequest(f"guests has 1 to {MOST} entries.", field="guests")
    seen = [_seen(entry) for entry in listed]
    return json_answer(Admitted(await request.app[ADMISSION_DESK].admit(actor, event_id, seen)))


async def get_portrait(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/waiting/{selfie_id}.jpg."""
    admin(request)
    selfie_id = SelfieId(path_id(request, "selfie_id"))
    desk = request.app[ADMISSION_DESK]
    return web.Response(
        body=await desk.make_portrait(EventId(path_id(request)), selfie_id),
        content_type=JPEG,
        headers={"Cache-Control": CACHE_CONTROL},
    )


async def _list(request: web.Request, before: int | None, limit: int) -> WaitingList:
    return await request.app[ADMISSION_DESK].list_waiting(
        EventId(path_id(request)), before=None if before is None else GuestId(before), limit=limit
    )


def _shape(event_id: EventId, newcomer: Newcomer) -> WaitingGuest:
    selfie_id = newcomer.selfie_id
    return WaitingGuest(
        user_id=str(newcomer.user_id),
        name=newcomer.name,
        email=newcomer.email,
        joined_at=time_text(newcomer.joined_at),
        selfie_id=None if selfie_id is None else str(selfie_id),
        selfie=newcomer.selfie,
        selfie_url=None if selfie_id is None else _portrait_url(event_id, selfie_id),
        ready=newcomer.ready,
    )


def _portrait_url(event_id: EventId, selfie_id: SelfieId) -> str:
    return f"/api/admin/events/{event_id}/waiting/{selfie_id}.jpg"


def _seen(entry: object) -> Seen:
    """Return an entry of the body; InvalidRequest."""
    if not isinstance(entry, dict) or not entry.keys() <= {"user_id", "selfie_id"}:
        raise InvalidRequest("A guest has user_id and selfie_id.", field="guests")
    selfie_id = entry.get("selfie_id")
    return _seen_pair(str(entry.get("user_id", "")), None if selfie_id is None else str(selfie_id))


def _seen_pair(user_id: str, selfie_id: str | None) -> Seen:
    try:
        return Seen(
            UserId(parse_id(user_id)), None if selfie_id is None else SelfieId(parse_id(selfie_id))
        )
    except NotFound as error:
        raise InvalidRequest(
            "user_id and selfie_id are ids of the list.", field="guests"
        ) from error


# Page ---------------------------------------------------------------------------------------


async def page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/waiting?before=."""
    admin(request)
    before = parse_id(request.query["before"]) if "before" in request.query else None
    found = await _list(request, before, PAGE + 1)
    set_event_zone(request, found.event)
    shown, more = split_page(found.newcomers, PAGE)
    here = URL(request.path)
    return render(
        request,
        "admin/waiting.html",
        {
            "event": found.event,
            "tab": "guests",
            "newcomers": shown,
            "ready": sum(newcomer.ready for newcomer in shown),
            "total": found.total,
            "portraits": {
                newcomer.selfie_id: _portrait_url(found.event.id, newcomer.selfie_id)
                for newcomer in shown
                if newcomer.selfie_id is not None
            },
            "first_page": None if before is None else str(here),
            "next_page": str(here.with_query(before=str(shown[-1].guest_id))) if more else None,
            "receipt": request.query.get("receipt"),
            "admitted": parse_id(request.query["admitted"])
            if "admitted" in request.query
            else None,
        },
    )


async def admit(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/waiting: admits `only` one, `all`, or those in `who`."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    form = await form_of(request)
    field = next((name for name in ("only", "all") if name in form), "who")
    chosen = form.getall("shown" if field == "all" else field, [])
    seen = [_of_field(str(value)) for value in chosen[:MOST]]
    admitted = await request.app[ADMISSION_DESK].admit(actor, event_id, seen) if seen else 0
    return redirect(str(URL(request.path).with_query(admitted=str(admitted))))


def _of_field(value: str) -> Seen:
    """Return the newcomer of a checkbox: the user, and the selfie if there is one."""
    user_id, _, selfie_id = value.partition("-")
    return _seen_pair(user_id, selfie_id or None)


ROUTES = [
    get(
        "/api/admin/events/{id}/waiting",
        get_waiting,
        "Guests who wait to be admitted, the last who joined first",
        a_page(WaitingGuest),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/events/{id}/waiting/admit",
        post_admit,
        "Admit guests who wait",
        ok(Admitted, "How many were admitted."),
        takes=Admission,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/waiting/{selfie_id}.jpg",
        get_portrait,
        "The selfie of somebody who waits, small; gone once they are admitted",
        some_bytes("A picture.", JPEG),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    web.get(r"/admin/events/{id:\d+}/waiting", page),
    web.post(r"/admin/events/{id:\d+}/waiting", admit),
]
