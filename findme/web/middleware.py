"""The middleware of every request: its id, its actor, the same-origin check, errors as answers."""

import itertools
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import asyncpg
import msgspec
from aiohttp import hdrs, web
from multidict import istr
from yarl import URL

from findme import db, logs
from findme.accounts.actor import Actor
from findme.errors import Contended, CrossSiteRequest, FindMeError, SignInRequired
from findme.models import Role
from findme.operations import job_history
from findme.web import cookies
from findme.web.keys import (
    ACTOR,
    FAILED_JOBS,
    POOL,
    REQUEST_ID,
    RIGHTS,
    SAFE_METHODS,
    SERVER,
    SETTINGS,
)
from findme.web.metrics import CALLER_GONE
from findme.web.rendering import render
from findme.web.shapes import Problem

log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: The names in the routes of path parts that are secrets.
SECRET_PARTS = frozenset({"key", "token"})
#: Failed jobs that are counted for the navigation, which shows two digits.
MOST_FAILED = 100
#: A login is proved by its body; an old cookie must not make it fail.
COOKIE_IGNORED = frozenset({"/api/auth/login"})

#: Where an admin goes who must have a second factor and has none.
ENROLMENT = "/account/second-factor"

#: No inline script or style element. Style attributes carry ratios and placeholder colours.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self'; "
    "style-src-attr 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    # no other site shows our pictures, which its visitors' browsers might have leave to fetch
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: `istr` is lower case already: no answer has to make it so.
_HEADERS = tuple((istr(name), value) for name, value in SECURITY_HEADERS.items())
_SERVER, _REQUEST_ID = hdrs.SERVER, istr("X-Request-Id")
#: Ids of requests: this process, and a number. They open nothing, so they may be guessed.
_PROCESS = secrets.token_hex(4)
_requests = itertools.count()
#: A year, for browsers that reached us by https.
TRANSPORT_SECURITY = "max-age=31536000"


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, and turn exceptions into answers."""
    request[REQUEST_ID] = f"{_PROCESS}{next(_requests) & 0xFFFFFFFF:08x}"
    # not reset: the next request of the connection runs in the same task and sets its own
    logs.REQUEST_ID.set(request[REQUEST_ID])
    request[ACTOR] = Actor()
    try:
        return await handler(request)
    except FindMeError as error:
        return _failure(request, error)
    except asyncpg.TransactionRollbackError as error:
        log.warning("[HTTP] %s %s: %s", request.method, loggable_path(request), error)
        return _failure(request, Contended())
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        kept = {
            name: error.headers[name]
            for name in ("Allow", "Content-Range", "Retry-After")
            if name in error.headers
        }
        code = HTTPStatus(error.status).phrase.lower().replace(" ", "_")
        return problem(request, error.status, code, error.text or error.reason, kept)
    except Exception as error:  # the one place where a bug becomes an answer
        if isinstance(error, ConnectionError) and _is_gone(request):
            # common on a bad network, and no failure of ours; aiohttp would log it as one if it
            # were raised
            log.debug("[HTTP] %s: the client disconnected", request[REQUEST_ID], exc_info=error)
            return web.Response(status=CALLER_GONE)
        return _fault(request, error)


def _fault(request: web.Request, error: Exception) -> web.Response:
    """Log what should not happen, and answer: 503 if a later try may succeed, else 500."""
    line = "[HTTP] %s %s failed, request %s"
    values = (request.method, loggable_path(request), request[REQUEST_ID])
    if _is_database_away(error):
        # the place where a lost connection was noticed says nothing
        log.error(f"{line}: %s", *values, error)
        return _refuse(request, db.DatabaseAway())
    log.error(line, *values, exc_info=error)
    detail = f"Something went wrong on our side (request {request[REQUEST_ID]})."
    return problem(request, 500, "internal_error", detail, {})


def _is_database_away(error: Exception) -> bool:
    """Whether a later try may succeed; an InterfaceError may be a bug of ours as well."""
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error) or "closing" in str(error)
    return db.is_connection_error(error)


def _failure(request: web.Request, error: FindMeError) -> web.Response:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("[HTTP] %s %s: %s", request.method, loggable_path(request), error)
    return _refuse(request, error)


def _refuse(request: web.Request, error: FindMeError) -> web.Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if isinstance(error, SignInRequired):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(request, error.status, error.code, str(error), headers, **error.extra)


def _is_gone(request: web.Request) -> bool:
    """Whether the caller's connection has ended, so that nobody can be answered."""
    return request.transport is None or request.transport.is_closing()


def loggable_path(request: web.Request) -> str:
    """Return the path without its secrets: keys and tokens must not be in a log."""
    path = request.path
    for name in SECRET_PARTS & request.match_info.keys():
        path = path.replace(request.match_info[name], "…")
    return path


def problem(
    request: web.Request,
    status: int,
    code: str,
    detail: str,
    headers: dict[str, str],
    **extra: Any,
) -> web.Response:
    """Answer with problem+json (RFC 9457), or with the error page if a browser asks for HTML.

    If another answer has begun, the connection is closed: this one would be read as its rest.
    """
    if request.writer.output_size and request.transport is not None:
        request.transport.abort()
    title = HTTPStatus(status).phrase
    if request.path.startswith("/api/") or "text/html" not in request.headers.get("Accept", ""):
        body = Problem(
            type="about:blank", title=title, status=status, detail=detail, code=code, **extra
        )
        return web.Response(
            body=msgspec.json.encode(body),
            status=status,
            headers=headers,
            content_type="application/problem+json",
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return web.Response(
            status=303, headers={"Location": str(URL("/login").with_query(next=request.path_qs))}
        )
    context = {"status": status, "title": title, "detail": detail, "code": code}
    page = render(request, "error.html", context, status=status)
    page.headers.update(headers)
    return page


@web.middleware
async def identity(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Identify the caller; a change that a cookie authorises must come from one of our pages."""
    authorization = request.headers.get("Authorization", "")
    scheme, _, bearer = authorization.partition(" ")
    by_cookie = not authorization
    token = cookies.session_of(request) if by_cookie else bearer.strip()
    if token and (by_cookie or scheme.lower() == "bearer"):
        found = await request.app[RIGHTS].identify(
            token, by_cookie=by_cookie, anew=request.method not in SAFE_METHODS
        )
        if found is not None:
            request[ACTOR] = _limited(request, found)
        elif not by_cookie and token != request.app[SETTINGS].metrics_token:
            raise SignInRequired("This token is not valid, or not any more.")
    if by_cookie and request.method not in SAFE_METHODS:
        proven = _same_origin(request)
        needed = request[ACTOR].by_cookie and request.path not in COOKIE_IGNORED
        # another site must not sign its visitors in as somebody else either: it would get their
        # selfies
        if proven is False or (needed and not proven):
            raise CrossSiteRequest
    if request[ACTOR].must_enrol and request.path.startswith("/admin"):
        return web.Response(status=303, headers={"Location": ENROLMENT})
    return await handler(request)


def _limited(request: web.Request, found: Actor) -> Actor:
    """Return the actor; an admin without the second factor that is required is no admin yet."""
    required = request.app[SETTINGS].findme_admin_second_factor == "required"
    if not required or found.user is None or not found.is_admin or found.two_factors:
        return found
    return replace(found, user=replace(found.user, role=Role.GUEST), must_enrol=True)


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count failed jobs for the navigation of the organiser's pages, which alone show them."""
    if request.path.startswith("/admin") and request[ACTOR].is_admin:
        async with db.acquire(request.app[POOL]) as conn:
            request[FAILED_JOBS] = await job_history.count_failed(conn, most=MOST_FAILED)
    return await handler(request)


def _same_origin(request: web.Request) -> bool | None:
    """Whether the browser says that one of our pages sent the request; None if it says nothing."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin") or request.headers.get("Referer")
    if origin is None:
        return None
    ours = {request.host}
    if base := request.app[SETTINGS].findme_base_url:
        ours.add(URL(base).authority)
    try:
        return URL(origin).authority in ours
    except ValueError:  # not an address at all
        return False


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every answer carries (an on_response_prepare signal)."""
    headers = response.headers
    headers.setdefault(_REQUEST_ID, request.get(REQUEST_ID, "-"))
    headers[_SERVER] = SERVER
    for name, value in _HEADERS:
        headers.setdefault(name, value)
    if request.app[SETTINGS].is_https:
        headers.setdefault("Strict-Transport-Security", TRANSPORT_SECURITY)
    if response.content_type == "text/html":
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    # the answer depends on the caller, so no proxy may store it for the next one
    headers.setdefault(hdrs.CACHE_CONTROL, "private, no-cache")
