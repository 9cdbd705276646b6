"""A forgotten password: a link by mail or from an admin, and the page that it opens."""

from http import HTTPStatus

from aiohttp import web
from msgspec import Struct

from findme import db
from findme.accounts import auth, password_resets
from findme.errors import Conflict, FindMeError, NotFound, TooManyAttempts
from findme.models import UserId
from findme.web import cookies
from findme.web.keys import ACCESS, POOL, actor, admin, base_url, mailed_base, remote
from findme.web.openapi.route import Answer, Tag, Who, created, post
from findme.web.rendering import language_of, render
from findme.web.request_bodies import form_of
from findme.web.responses import json_answer, json_of, path_id, text_of, time_text
from findme.web.shapes import Time, Url


class Forgotten(Struct):
    """The address of the account whose password is forgotten."""

    email: str


class ResetLink(Struct, frozen=True):
    """A link to a new password; it works once, for an hour."""

    url: Url
    expires_at: Time


async def request_mail(request: web.Request, email: str) -> None:
    """Have a link mailed; NotFound if this server sends no mail, TooManyAttempts by a visitor."""
    base = mailed_base(request)
    if base is None:
        raise NotFound("Ask the organiser for a link: this server sends no mail.")
    await request.app[ACCESS].request_reset_mail(
        email, origin=remote(request), language=language_of(request).code, base_url=base
    )


async def post_forgotten(request: web.Request) -> web.Response:
    """POST /api/auth/forgotten {email}: 202, whether there is such an account or not."""
    await request_mail(request, text_of(await json_of(request), "email"))
    return web.Response(status=HTTPStatus.ACCEPTED)


async def post_reset_link(request: web.Request) -> web.Response:
    """POST /api/admin/users/{id}/reset-link: to be handed to its owner by other means."""
    who, user_id = admin(request), UserId(path_id(request))
    link = await request.app[ACCESS].create_reset_link(who.id, user_id)
    url = f"{base_url(request)}/reset/{link.token}"
    answer = json_answer(ResetLink(url, time_text(link.expires_at)), 201)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def forgotten_page(request: web.Request) -> web.Response:
    """GET /forgotten: the field for the address, or the person to ask."""
    return _forgotten(request)


async def forgotten(request: web.Request) -> web.Response:
    """POST /forgotten: the form."""
    email = str((await form_of(request)).get("email", ""))
    try:
        await request_mail(request, email)
    except FindMeError as error:
        return _forgotten(request, email=email, error=error)
    return _forgotten(request, email=email, sent=True)


def _forgotten(
    request: web.Request, *, email: str = "", sent: bool = False, error: FindMeError | None = None
) -> web.Response:
    minutes = int(password_resets.LIFETIME.total_seconds() // 60)
    return render(
        request,
        "guest/forgotten.html",
        {
            "email": email,
            "sent": sent,
            "code": None if error is None else error.code,
            "minutes": minutes,
        },
        status=HTTPStatus.OK if error is None else error.status,
    )


async def reset_page(request: web.Request) -> web.Response:
    """GET /reset/{token}: the field for the new password.

    It changes nothing: programs that look at the links of a mail do not use them up.
    """
    try:
        async with db.acquire(request.app[POOL]) as conn:
            await password_resets.check(conn, request.match_info["token"])
    except FindMeError as error:
        return _reset(request, error)
    return _reset(request)


async def reset(request: web.Request) -> web.Response:
    """POST /reset/{token}: the form."""
    app, signed_in = request.app, actor(request).user
    try:
        async with db.acquire(app[POOL]) as conn:
            await password_resets.check(conn, request.match_info["token"])
        password = str((await form_of(request)).get("password", ""))
        browser = await password_resets.use(
            app[POOL],
            request.match_info["token"],
            password,
            browser=cookies.origin_of(request).browser,
            signed_in=None if signed_in is None else signed_in.id,
        )
    except FindMeError as error:
        return _reset(request, error)
    page = _reset(request, done=True)
    cookies.set_browser(page, request, browser)
    return page


def _reset(
    request: web.Request, error: FindMeError | None = None, *, done: bool = False
) -> web.Response:
    page = render(
        request,
        "guest/reset.html",
        {
            "code": None if error is None else error.code,
            "minimum": auth.MIN_PASSWORD,
            "done": done,
        },
        status=HTTPStatus.OK if error is None else error.status,
    )
    # `same-origin` (the default) keeps the token from other sites; the form needs its proof
    page.headers["Cache-Control"] = "no-store"
    return page


ROUTES = [
    post(
        "/api/auth/forgotten",
        post_forgotten,
        "Have a link to a new password mailed; there only if mail is set up",
        Answer(HTTPStatus.ACCEPTED, "Accepted, whether the address has an account or not."),
        takes=Forgotten,
        fails=[NotFound, TooManyAttempts],
        tag=Tag.ACCOUNT,
        who=Who.ANYONE,
    ),
    post(
        "/api/admin/users/{id}/reset-link",
        post_reset_link,
        "Make a link to a new password, to be handed over by other means",
        created(ResetLink, "The link."),
        fails=[Conflict],
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    web.get("/forgotten", forgotten_page),
    web.post("/forgotten", forgotten),
    web.get("/reset/{token}", reset_page),
    web.post("/reset/{token}", reset),
]
