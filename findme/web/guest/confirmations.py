"""The link in the mail to an address that somebody gave: confirm it, or take it back."""

from http import HTTPStatus

from aiohttp import web

from findme.errors import FindMeError
from findme.web.keys import ACCESS, actor, user
from findme.web.rendering import render
from findme.web.request_bodies import form_of


async def page(request: web.Request) -> web.Response:
    """GET /confirm/{token}: what may be done; it changes nothing, as programs look at links."""
    return await _page(request)


async def answer(request: web.Request) -> web.Response:
    """POST /confirm/{token}: `mine` of the account's owner, anything else takes the address out."""
    access, token = request.app[ACCESS], request.match_info["token"]
    try:
        await access.find_confirmation(token)
        mine = (await form_of(request)).get("answer") == "mine"
        if mine:
            await access.confirm_address(token, user(request))
        else:
            await access.take_address_back(token)
    except FindMeError as error:
        return await _page(request, error)
    return _render(request, {"done": "mine" if mine else "taken"}, HTTPStatus.OK)


async def _page(request: web.Request, error: FindMeError | None = None) -> web.Response:
    signed_in = actor(request).user
    try:
        found = await request.app[ACCESS].find_confirmation(request.match_info["token"])
    except FindMeError as expired:
        return _render(request, {"code": expired.code}, expired.status)
    own = signed_in is not None and signed_in.id == found.user_id
    status = HTTPStatus.OK if error is None else error.status
    return _render(request, {"email": found.email, "own": own}, status)


def _render(request: web.Request, context: dict[str, object], status: int) -> web.Response:
    usual = {"done": None, "code": None, "email": "", "own": False, "path": request.path}
    response = render(request, "guest/confirm.html", {**usual, **context}, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


ROUTES = [
    web.get("/confirm/{token}", page),
    web.post("/confirm/{token}", answer),
]
