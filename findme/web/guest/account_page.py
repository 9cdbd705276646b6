"""The account's page and its forms, which work without scripts."""

from dataclasses import replace

from aiohttp import web

from findme import db
from findme.accounts import auth, confirmations, guests, selfies
from findme.errors import FindMeError
from findme.gallery import events
from findme.models import EventId, GuestId, SelfieState
from findme.services.erasure import Scope
from findme.web import cookies
from findme.web.guest import account
from findme.web.guest import auth as auth_api
from findme.web.keys import ERASURE, POOL, actor, mailed_base, user
from findme.web.rendering import (
    LANGUAGE_COOKIE,
    SCHEME_COOKIE,
    SCHEMES,
    language_of,
    redirect,
    remember,
    render,
    set_event_zone,
    zones_of,
)
from findme.web.request_bodies import form_of
from findme.web.responses import choice_of, parse_id


async def page(request: web.Request) -> web.Response:
    """GET /account: my events, my selfies, display, sign-in, erasing."""
    return await _page(request)


async def _page(request: web.Request, error: FindMeError | None = None) -> web.Response:
    signed_in = user(request)
    async with db.acquire(request.app[POOL]) as conn:
        parts = await guests.list_by_user(conn, signed_in.id)
        named = {event.id: event for event in await events.list_joined(conn, signed_in.id)}
        pictures = {part.id: await _pictures(conn, part.id) for part in parts}
        proven = await confirmations.is_proven(conn, signed_in.id)
    joined = [
        (part, named[part.event_id], pictures[part.id]) for part in parts if part.event_id in named
    ]
    return render(
        request,
        "guest/account.html",
        {
            "joined": joined,
            "zones": zones_of(request, named.values()),
            "has_face": any(part.consented for part in parts),
            "most": selfies.MOST,
            "enrols": actor(request).is_admin or actor(request).must_enrol,
            "minimum": auth.MIN_PASSWORD,
            "code": None if error is None else error.code,
            "field": None if error is None else error.extra.get("field"),
            "done": request.query.get("done"),
            # without mail, nobody could prove an address
            "unproven": signed_in.email is not None
            and not proven
            and mailed_base(request) is not None,
        },
        status=200 if error is None else error.status,
    )


async def _pictures(conn: db.Connection, guest_id: GuestId) -> list[db.Record]:
    """Return the selfies of a guest's searches; the picture of a refused one is not kept."""
    mine = await selfies.list_of(conn, guest_id)
    return [row for row in mine if row["state"] != SelfieState.REFUSED]


async def choose(request: web.Request) -> web.Response:
    """POST /account/choices: language, scheme, letter keys."""
    me, form = user(request), await form_of(request)
    scheme = str(form.get("scheme", ""))
    wanted = replace(
        me,
        language=str(form["language"]) if "language" in form else me.language,
        scheme=scheme if scheme in SCHEMES else None,
        letter_keys="letter_keys" in form,
    )
    await account.save_profile(request, wanted)
    response = redirect("/account")
    if wanted.language is not None and wanted.language != language_of(request).code:
        remember(request, response, LANGUAGE_COOKIE, wanted.language)
    if wanted.scheme is None:
        response.del_cookie(SCHEME_COOKIE)
    else:
        remember(request, response, SCHEME_COOKIE, wanted.scheme)
    return response


async def change_name(request: web.Request) -> web.Response:
    """POST /account/name."""
    me, form = user(request), await form_of(request)
    try:
        await account.save_profile(request, replace(me, name=form.get("name", "")))
    except FindMeError as error:
        return await _page(request, error)
    return redirect("/account")


async def change_password(request: web.Request) -> web.Response:
    """POST /account/password."""
    user(request)
    form = await form_of(request)
    try:
        await account.change_password(request, str(form.get("old", "")), str(form.get("new", "")))
    except FindMeError as error:
        return await _page(request, error)
    return redirect("/account?done=password#sign-in")


async def add_sign_in(request: web.Request) -> web.Response:
    """POST /account/credentials: an e-mail address and a password for a guest with a name only."""
    user(request)
    form = await form_of(request)
    try:
        email, password = str(form.get("email", "")), str(form.get("password", ""))
        await account.add_sign_in(request, email, password)
    except FindMeError as error:
        return await _page(request, error)
    return redirect("/account?done=credentials#sign-in")


async def renew_link(request: web.Request) -> web.Response:
    """POST /account/key: the new link, shown this once."""
    link = await account.renew_link(request)
    return render(request, "guest/key.html", {"key_url": link, "next": "/account"})


async def sign_out_everywhere(request: web.Request) -> web.Response:
    """POST /account/sign-out-everywhere."""
    await auth_api.post_logout_everywhere(request)
    response = redirect("/")
    cookies.end_session(response, request)
    return response


async def erase_page(request: web.Request) -> web.Response:
    """GET /account/erase?what=&event=: one question before anything goes."""
    me, scope, event = user(request), _scope_of(request), None
    service = request.app[ERASURE]
    if scope in (Scope.CONSENT, Scope.EVENT):
        event = await service.find_event(me.id, _event_id(request))
        set_event_zone(request, event)
    return render(
        request,
        "guest/erase.html",
        {
            "what": scope,
            "event": event,
            "stays": event is not None and event.browsable,
            "lost": await service.count_lost_photos(me.id, scope, event),
        },
    )


async def erase(request: web.Request) -> web.Response:
    """POST /account/erase?what=&event=: the answer is the receipt."""
    me, scope, service = user(request), _scope_of(request), request.app[ERASURE]
    if scope is Scope.ACCOUNT:
        response = redirect(f"/receipt/{await service.erase_account(me.id)}")
        cookies.end_session(response, request, erased=True)
        return response
    if scope is Scope.EVENT:
        token = await service.leave_event(me.id, _event_id(request))
    else:
        event_id = None if scope is Scope.FACE else _event_id(request)
        token = await service.erase_face(me.id, event_id)
    return redirect(f"/receipt/{token}")


def _scope_of(request: web.Request) -> Scope:
    return Scope(choice_of(request, "what", Scope, Scope.ACCOUNT))


def _event_id(request: web.Request) -> EventId:
    return EventId(parse_id(request.query.get("event", "")))


ROUTES = [
    web.get("/account", page),
    web.post("/account/choices", choose),
    web.post("/account/name", change_name),
    web.post("/account/password", change_password),
    web.post("/account/credentials", add_sign_in),
    web.post("/account/key", renew_link),
    web.post("/account/sign-out-everywhere", sign_out_everywhere),
    web.get("/account/erase", erase_page),
    web.post("/account/erase", erase),
]
