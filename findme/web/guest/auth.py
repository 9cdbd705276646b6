"""Signing in and out."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme.accounts import auth
from findme.accounts.second_factor import SecondFactorRequired, WrongCode
from findme.errors import SignInRequired, TooManyAttempts, WrongCredentials
from findme.web import cookies, shapes
from findme.web.keys import ACCESS, POOL, actor, user
from findme.web.openapi.route import GONE, Tag, Who, ok, post
from findme.web.responses import json_answer, json_of, text_of, time_text
from findme.web.shapes import Time


class SignIn(Struct):
    """An e-mail address and a password, and a code if the account has a second factor."""

    email: str
    password: str
    code: Annotated[
        str, Meta(description="Of the authenticator app, or a recovery code; each works once.")
    ] = ""


class SessionAnswer(Struct, frozen=True):
    """A session, which stands in a cookie as well."""

    token: str
    expires_at: Time
    user: shapes.User


async def post_login(request: web.Request) -> web.Response:
    """POST /api/auth/login."""
    body = await json_of(request)
    email, password = text_of(body, "email"), text_of(body, "password")
    code = text_of(body, "code", required=False)
    signed_in = await request.app[ACCESS].sign_in(email, password, cookies.origin_of(request), code)
    response = json_answer(
        SessionAnswer(
            token=signed_in.session.token,
            expires_at=time_text(signed_in.session.expires_at),
            user=shapes.user_of(signed_in.user),
        )
    )
    cookies.set_session(response, request, signed_in.session)
    return response


def session_token(request: web.Request) -> str:
    """Return the token of the session that the request came with; empty without one."""
    token = cookies.session_of(request)
    if not actor(request).by_cookie:
        token = request.headers.get("Authorization", "").partition(" ")[2].strip() or token
    return token


async def logout(request: web.Request) -> None:
    """End the session that the request came with."""
    token = session_token(request)
    if not token:
        raise SignInRequired
    await auth.close_session(request.app[POOL], token)


async def post_logout(request: web.Request) -> web.Response:
    """POST /api/auth/logout."""
    await logout(request)
    response = web.Response(status=204)
    cookies.end_session(response, request)
    return response


async def post_logout_everywhere(request: web.Request) -> web.Response:
    """POST /api/auth/logout-everywhere: all sessions of the caller end, this one too."""
    await auth.close_sessions(request.app[POOL], user(request).id)
    response = web.Response(status=204)
    cookies.end_session(response, request)
    return response


ROUTES = [
    post(
        "/api/auth/login",
        post_login,
        "Sign in",
        ok(SessionAnswer, "The session, in a cookie as well."),
        takes=SignIn,
        fails=[WrongCredentials, SecondFactorRequired, WrongCode, TooManyAttempts],
        tag=Tag.ACCOUNT,
        who=Who.ANYONE,
    ),
    post(
        "/api/auth/logout",
        post_logout,
        "End the session",
        GONE,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
    post(
        "/api/auth/logout-everywhere",
        post_logout_everywhere,
        "End all sessions of the caller",
        GONE,
        tag=Tag.ACCOUNT,
        who=Who.USER,
    ),
]
