"""The guest's pages but gallery and account: home, joining, signing in and out."""

import secrets
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import web
from yarl import URL

from findme import db
from findme.accounts import auth, guests, invitations
from findme.accounts.second_factor import SecondFactorRequired
from findme.errors import FindMeError, NotFound
from findme.gallery import events
from findme.models import Accounts, Admission, Event
from findme.web import cookies
from findme.web.guest import auth as auth_api
from findme.web.guest import consent
from findme.web.guest import join as join_api
from findme.web.keys import ACCESS, POOL, TYPED, actor
from findme.web.links import key_url
from findme.web.rendering import language_of, local_path, redirect, render, set_event_zone, zones_of
from findme.web.request_bodies import form_of


async def home(request: web.Request) -> web.Response:
    """GET /: the field for the code, or a guest's events."""
    return await _home(request)


async def _home(request: web.Request, *, code: str = "", unknown: bool = False) -> web.Response:
    signed_in = actor(request).user
    joined: list[Event] = []
    if signed_in is not None:
        async with db.acquire(request.app[POOL]) as conn:
            joined = await events.list_joined(conn, signed_in.id)
    return render(
        request,
        "guest/home.html",
        {
            "joined": joined,
            "zones": zones_of(request, joined),
            "code": code,
            "unknown_code": unknown,
        },
        status=HTTPStatus.NOT_FOUND if unknown else HTTPStatus.OK,
    )


async def open_code(request: web.Request) -> web.Response:
    """GET /e?code=: the typed code; it may have spaces, hyphens and small letters."""
    code = events.clean_code(request.query.get("code", ""))
    if not code.isascii() or not code.isalnum():
        return await _home(request, code=request.query.get("code", ""), unknown=True)
    return redirect(f"/e/{code}")


async def join_page(request: web.Request) -> web.Response:
    """GET /e/{code}: joining with a selfie; for a guest of the event, another selfie."""
    return await _join_page(request)


async def join(request: web.Request) -> web.Response:
    """POST /e/{code}: joining without scripts."""
    try:
        joined = await join_api.join_from_form(request)
    except FindMeError as error:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return await _join_page(request, error)
    following = f"/gallery?event={joined.event.id}"
    response = redirect(following)
    if joined.key is not None:
        link = key_url(request, joined.key)
        response = render(request, "guest/key.html", {"key_url": link, "next": following})
    return join_api.set_session(request, response, joined)


async def _join_page(request: web.Request, error: FindMeError | None = None) -> web.Response:
    typed, signed_in = request.match_info["code"], actor(request).user
    async with db.acquire(request.app[POOL]) as conn:
        try:
            event = await events.get_by_code(conn, typed)
        except NotFound:
            return await _home(request, code=typed, unknown=True)
        guest = None if signed_in is None else await guests.find(conn, event.id, signed_in.id)
        # shown again, the form has the token in its fields
        token = request.get(TYPED, {}).get("invitation") or request.query.get("invitation", "")
        invited = await invitations.find(conn, event.id, token) if token else None
    if error is None and typed != event.code:
        return redirect(str(URL(f"/e/{event.code}").with_query(request.query)))
    if token and guest is not None and guest.consented and not guest.waits:
        return redirect(f"/gallery?event={event.id}")
    set_event_zone(request, event)
    language = language_of(request).code
    shown = await consent.consent_text(request, event, invited=invited is not None)
    return render(
        request,
        "guest/join.html",
        {
            "event": event,
            # somebody who waits joins once more with an invitation, and is admitted
            "guest": None if guest is None or not guest.consented or invited else guest,
            "browsing": guest is not None and not guest.consented,
            "code": None if error is None else error.code,
            "problems": [] if error is None else error.extra.get("problems", []),
            "field": None if error is None else error.extra.get("field"),
            "minimum": auth.MIN_PASSWORD,
            "adds": guest is not None and "more" in request.query,
            # a guest who was admitted with a face, and has it still, does not wait again
            "waits": event.admission is Admission.APPROVAL
            and invited is None
            and (guest is None or guest.waits or not guest.consented),
            "closed": not event.admits(datetime.now(UTC)),
            "optional": event.accounts is Accounts.OPTIONAL,
            # without scripts, the form comes back with the error in its fields
            "full": error is not None and error.extra.get("field") in ("email", "password"),
            "typed": {"name": invited or "", **request.get(TYPED, {})},
            "invitation": None if invited is None else token,
            "invitation_used": bool(token) and invited is None,
            "attempt": secrets.token_urlsafe(),
            **await consent.facts(request, event, language, invited=invited is not None),
            "consent_id": shown.id,
        },
        status=HTTPStatus.OK if error is None else error.status,
    )


async def login_page(request: web.Request) -> web.Response:
    """GET /login."""
    following = local_path(request.query.get("next"), "/")
    if actor(request).user is not None:
        return redirect(following)
    return _login_page(request, following)


def _login_page(
    request: web.Request,
    following: str,
    *,
    email: str = "",
    ticket: str = "",
    error: FindMeError | None = None,
) -> web.Response:
    """Return the fields for address and password or, with a ticket, the one for the code."""
    return render(
        request,
        "guest/login.html",
        {
            "next": following,
            "email": email,
            "ticket": ticket,
            "code": None if error is None else error.code,
        },
        status=HTTPStatus.OK if error is None else error.status,
    )


async def login(request: web.Request) -> web.Response:
    """POST /login: the form, with scripts or without."""
    form = await form_of(request)
    email, password = str(form.get("email", "")), str(form.get("password", ""))
    ticket, code = str(form.get("ticket", "")), str(form.get("code", ""))
    following = local_path(str(form.get("next", "")), "/")
    access, origin = request.app[ACCESS], cookies.origin_of(request)
    try:
        if ticket:
            signed_in = await access.finish_sign_in(ticket, code, origin)
        else:
            signed_in = await access.sign_in(email, password, origin)
    except SecondFactorRequired as error:
        # the password was right: the page must not carry it to the second step
        ticket = ticket or await access.write_ticket(error.user_id)
        return _login_page(request, following, ticket=ticket)
    except FindMeError as error:
        if error.code == "sign_in_required":  # the ticket is too old
            ticket = ""
        return _login_page(request, following, email=email, ticket=ticket, error=error)
    if following == "/" and signed_in.user.role == "admin":
        following = "/admin"
    response = redirect(following)
    cookies.set_session(response, request, signed_in.session)
    return response


async def logout(request: web.Request) -> web.Response:
    """POST /logout."""
    if actor(request).user is not None:
        await auth_api.logout(request)
    response = redirect("/")
    cookies.end_session(response, request)
    return response


ROUTES = [
    web.get("/", home),
    web.get("/e", open_code),
    web.get("/e/{code}", join_page),
    web.post("/e/{code}", join),
    web.get("/login", login_page),
    web.post("/login", login),
    web.post("/logout", logout),
]
