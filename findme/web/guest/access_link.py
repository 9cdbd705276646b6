"""The link of a guest without an e-mail: it opens their account, in any browser."""

from aiohttp import web

from findme import db
from findme.accounts import accounts, auth, guests
from findme.models import User
from findme.web.guest.auth import logout, set_session_cookie
from findme.web.keys import POOL, actor
from findme.web.rendering import redirect, render


async def open_link(request: web.Request) -> web.Response:
    """GET /k/{key}: the gallery; a visitor who is signed in as somebody else is asked first."""
    who, present = await _owner(request), actor(request).user
    if present is None:
        return await _enter(request, who)
    if present.id == who.id:
        return _quiet(redirect(await _home_of(request, who)))
    # its form needs the proof of same origin that `no-referrer` would take away
    return render(request, "guest/key_ask.html", {"other": who})


async def change_over(request: web.Request) -> web.Response:
    """POST /k/{key}: the visitor said yes; the session that was open ends."""
    who = await _owner(request)
    if actor(request).user is not None:
        await logout(request)
    return await _enter(request, who)


async def _owner(request: web.Request) -> User:
    async with db.acquire(request.app[POOL]) as conn:
        return await accounts.find_by_key(conn, request.match_info["key"])


async def _enter(request: web.Request, who: User) -> web.Response:
    async with db.acquire(request.app[POOL]) as conn:
        session = await auth.open_session(conn, who.id)
    response = _quiet(redirect(await _home_of(request, who)))
    set_session_cookie(response, request, session.token, session.expires_at)
    return response


async def _home_of(request: web.Request, who: User) -> str:
    """Return where a guest goes: the gallery they joined last, or their account."""
    async with db.acquire(request.app[POOL]) as conn:
        mine = await guests.list_by_user(conn, who.id)
    return f"/gallery?event={mine[0].event_id}" if mine else "/account"


def _quiet(response: web.Response) -> web.Response:
    """Keep the address, which is the key, from whatever comes next."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


ROUTES = [
    web.get("/k/{key}", open_link),
    web.post("/k/{key}", change_over),
]
