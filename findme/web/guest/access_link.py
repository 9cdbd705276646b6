"""The link of a guest without an e-mail: it opens their account, in any browser."""

from aiohttp import web

from findme.models import User
from findme.web import cookies
from findme.web.guest.auth import logout
from findme.web.keys import ACCESS, actor
from findme.web.rendering import redirect, render


async def open_link(request: web.Request) -> web.Response:
    """GET /k/{key}: one button, or the gallery of a visitor who is signed in as its owner.

    It signs nobody in: programs look at the links of mails and chats, and another site could send
    its visitors here to get their selfies.
    """
    owner, present = await _owner(request), actor(request).user
    if present is not None and present.id == owner.id:
        return _hide_address(redirect(await _home_of(request, owner)))
    page = render(request, "guest/key_ask.html", {"other": owner})
    # the form needs the proof of same origin that `no-referrer` would take away
    page.headers["Cache-Control"] = "no-store"
    return page


async def enter(request: web.Request) -> web.Response:
    """POST /k/{key}: the visitor pressed the button; a session that was open ends."""
    owner = await _owner(request)
    if actor(request).user is not None:
        await logout(request)
    return await _enter(request, owner)


async def _owner(request: web.Request) -> User:
    return await request.app[ACCESS].find_by_key(request.match_info["key"])


async def _enter(request: web.Request, owner: User) -> web.Response:
    session = await request.app[ACCESS].enter_by_link(owner, cookies.origin_of(request).browser)
    response = _hide_address(redirect(await _home_of(request, owner)))
    cookies.set_session(response, request, session)
    return response


async def _home_of(request: web.Request, owner: User) -> str:
    """Return the path of the gallery that a guest joined last, or of their account."""
    event_id = await request.app[ACCESS].last_joined_event(owner.id)
    return "/account" if event_id is None else f"/gallery?event={event_id}"


def _hide_address(response: web.Response) -> web.Response:
    """Keep the address, which contains the key, from the next page and from caches."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


ROUTES = [
    web.get("/k/{key}", open_link),
    web.post("/k/{key}", enter),
]
