"""Around every request: its id, its actor, the same-origin proof, and the one place for errors."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import asyncpg
import msgspec
from aiohttp import web
from yarl import URL

from findme import db, logs
from findme.accounts import auth
from findme.errors import Contended, CrossSiteRequest, FindMeError, SignInRequired
from findme.models import Actor
from findme.operations import job_history
from findme.web.keys import ACTOR, CACHE, FAILED_JOBS, POOL, REQUEST_ID, SETTINGS
from findme.web.metrics import CALLER_GONE
from findme.web.rendering import render
from findme.web.shapes import Problem

log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SESSION_COOKIE = "findme_session"
#: Parts of paths that are secrets, by their names in the routes.
SECRET_PARTS = frozenset({"key", "token"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Failed jobs that are counted for the navigation; it shows two digits.
MOST_FAILED = 100
#: A login shows what it needs in its body: an old cookie neither helps nor hinders.
COOKIE_IGNORED = frozenset({"/api/auth/login"})

#: No inline script or style element; style attributes carry ratios and placeholder colours.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self'; "
    "style-src-attr 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, and turn what was raised into an answer."""
    request[REQUEST_ID] = secrets.token_hex(8)
    # the connection's task goes on to its next request, which sets its own
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
            # common on a bad network, and no failure of ours; what was raised further, the HTTP
            # library would log as one
            log.debug("[HTTP] %s: the caller hung up", request[REQUEST_ID], exc_info=error)
            return web.Response(status=CALLER_GONE)
        log.exception(
            "[HTTP] %s %s failed, request %s",
            request.method,
            loggable_path(request),
            request[REQUEST_ID],
        )
        detail = f"Something went wrong on our side (request {request[REQUEST_ID]})."
        return problem(request, 500, "internal_error", detail, {})


def _failure(request: web.Request, error: FindMeError) -> web.Response:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("[HTTP] %s %s: %s", request.method, loggable_path(request), error)
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if isinstance(error, SignInRequired):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(request, error.status, error.code, str(error), headers, **error.extra)


def _is_gone(request: web.Request) -> bool:
    """Whether nobody is left to answer: the caller's connection has ended."""
    return request.transport is None or request.transport.is_closing()


def loggable_path(request: web.Request) -> str:
    """Return the path without what opens something: keys and tokens are in no log."""
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
    """Answer with problem+json (RFC 9457), or with the error page where a browser asks for one.

    Where another answer is under way, the connection ends: this one would pass for its rest.
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
    """Find out who asks; what a cookie changes needs a same-origin proof."""
    authorization = request.headers.get("Authorization", "")
    scheme, _, bearer = authorization.partition(" ")
    by_cookie = not authorization
    token = request.cookies.get(SESSION_COOKIE, "") if by_cookie else bearer.strip()
    if token and (by_cookie or scheme.lower() == "bearer"):
        found = await auth.identify(
            request.app[POOL], request.app[CACHE], token, by_cookie=by_cookie
        )
        if found is not None:
            request[ACTOR] = found
        elif not by_cookie and token != request.app[SETTINGS].metrics_token:
            raise SignInRequired("This token is not valid, or not any more.")
    if by_cookie and request.method not in SAFE_METHODS:
        proven = _same_origin(request)
        needed = request[ACTOR].by_cookie and request.path not in COOKIE_IGNORED
        # another site must not sign its visitors in as somebody else either, for their selfies
        if proven is False or (needed and not proven):
            raise CrossSiteRequest
    return await handler(request)


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count failed jobs for the navigation of the organiser's pages; no other page asks."""
    if request.path.startswith("/admin") and request[ACTOR].is_admin:
        async with db.acquire(request.app[POOL]) as conn:
            request[FAILED_JOBS] = await job_history.count_failed(conn, most=MOST_FAILED)
    return await handler(request)


def _same_origin(request: web.Request) -> bool | None:
    """Whether the browser says that one of our pages made the request; None: it says nothing."""
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
    response.headers.setdefault("X-Request-Id", request.get(REQUEST_ID, "-"))
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if response.content_type == "text/html":
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
    # who asks decides what is answered: no proxy may keep it for the next one
    response.headers.setdefault("Cache-Control", "private, no-cache")
