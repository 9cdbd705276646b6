"""An admin's second factor: the calls, and the page of the account, which works without scripts."""

from http import HTTPStatus
from typing import Annotated

import segno
from aiohttp import web
from msgspec import Meta, Struct

from findme.accounts.second_factor import CodeRefused
from findme.errors import Conflict, FindMeError, TooManyAttempts, WrongPassword
from findme.web.keys import SECOND_FACTORS, actor, enrolling_admin
from findme.web.openapi.route import GONE, Tag, Who, created, delete, ok, post, put
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import json_answer, json_of, text_of


class OwnPassword(Struct):
    """The caller's present password."""

    password: str


class Enrolment(Struct, frozen=True):
    """What an authenticator app needs."""

    secret: Annotated[str, Meta(description="Base32, to type.")]
    address: Annotated[str, Meta(description="`otpauth:` address, for a QR code.")]


class Code(Struct):
    """What the app shows."""

    code: str


class RecoveryCodes(Struct, frozen=True):
    """Codes that sign in once each; shown this once."""

    recovery_codes: list[str]


class PasswordAndCode(Struct):
    """What switches the second factor off."""

    password: str
    code: Annotated[str, Meta(description="Of the app, or a recovery code.")]


async def post_second_factor(request: web.Request) -> web.Response:
    """POST /api/me/second-factor {password}."""
    me = enrolling_admin(request)
    password = text_of(await json_of(request), "password")
    begun = await request.app[SECOND_FACTORS].begin(me, password)
    return _secret(json_answer(Enrolment(begun.secret, begun.address), HTTPStatus.CREATED))


async def put_second_factor(request: web.Request) -> web.Response:
    """PUT /api/me/second-factor {code}."""
    me = enrolling_admin(request)
    code = text_of(await json_of(request), "code")
    return _secret(json_answer(RecoveryCodes(await request.app[SECOND_FACTORS].confirm(me, code))))


async def delete_second_factor(request: web.Request) -> web.Response:
    """DELETE /api/me/second-factor {password, code}."""
    me = enrolling_admin(request)
    body = await json_of(request)
    await request.app[SECOND_FACTORS].remove(me, text_of(body, "password"), text_of(body, "code"))
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def page(request: web.Request) -> web.Response:
    """GET /account/second-factor."""
    return await _page(request)


async def begin(request: web.Request) -> web.Response:
    """POST /account/second-factor: the QR code, shown this once."""
    me = enrolling_admin(request)
    form = await form_of(request)
    try:
        begun = await request.app[SECOND_FACTORS].begin(me, str(form.get("password", "")))
    except FindMeError as error:
        return await _page(request, error)
    # white around the code: the page may be dark
    picture = segno.make(begun.address, error="m", micro=False).svg_data_uri(
        border=4, dark="#000", light="#fff", omitsize=True
    )
    return _render(request, {"step": "scan", "enrolment": begun, "picture": picture})


async def confirm(request: web.Request) -> web.Response:
    """POST /account/second-factor/confirm: the recovery codes, shown this once."""
    me = enrolling_admin(request)
    form = await form_of(request)
    try:
        codes = await request.app[SECOND_FACTORS].confirm(me, str(form.get("code", "")))
    except FindMeError as error:
        # the app has the secret; to show it again would show it to whoever has the session
        return _render(request, {"step": "scan"}, error)
    return _render(request, {"step": "codes", "codes": codes, "next": "/admin"})


async def switch_off(request: web.Request) -> web.Response:
    """POST /account/second-factor/off."""
    me = enrolling_admin(request)
    form = await form_of(request)
    try:
        await request.app[SECOND_FACTORS].remove(
            me, str(form.get("password", "")), str(form.get("code", ""))
        )
    except FindMeError as error:
        return await _page(request, error)
    return redirect("/account/second-factor")


async def _page(request: web.Request, error: FindMeError | None = None) -> web.Response:
    state = await request.app[SECOND_FACTORS].state(enrolling_admin(request))
    step = "on" if state.on else "off"
    return _render(request, {"step": step, "left": state.recovery_codes}, error)


def _render(
    request: web.Request, context: dict[str, object], error: FindMeError | None = None
) -> web.Response:
    usual = {
        "enrolment": None,
        "must": actor(request).must_enrol,
        "code": None if error is None else error.code,
    }
    status = HTTPStatus.OK if error is None else error.status
    return render(request, "guest/second_factor.html", {**usual, **context}, status=status)


def _secret(response: web.Response) -> web.Response:
    response.headers["Cache-Control"] = "no-store"
    return response


ROUTES = [
    post(
        "/api/me/second-factor",
        post_second_factor,
        "Begin to set up a second factor: a secret for an authenticator app",
        created(Enrolment, "It counts once a code of it was sent with PUT."),
        takes=OwnPassword,
        fails=[WrongPassword, Conflict, TooManyAttempts],
        tag=Tag.ACCOUNT,
        who=Who.ADMIN,
    ),
    put(
        "/api/me/second-factor",
        put_second_factor,
        "Switch the second factor on by a code of the app",
        ok(RecoveryCodes, "The recovery codes, shown this once."),
        takes=Code,
        fails=[CodeRefused, Conflict, TooManyAttempts],
        tag=Tag.ACCOUNT,
        who=Who.ADMIN,
    ),
    delete(
        "/api/me/second-factor",
        delete_second_factor,
        "Switch the second factor off",
        GONE,
        takes=PasswordAndCode,
        fails=[WrongPassword, CodeRefused, Conflict, TooManyAttempts],
        tag=Tag.ACCOUNT,
        who=Who.ADMIN,
    ),
    web.get("/account/second-factor", page),
    web.post("/account/second-factor", begin),
    web.post("/account/second-factor/confirm", confirm),
    web.post("/account/second-factor/off", switch_off),
]
