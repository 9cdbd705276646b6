"""The cookies of a session and of a browser that has signed in before."""

from aiohttp import web

from findme.accounts import auth, known_browsers
from findme.accounts.auth import Session
from findme.accounts.sign_in import Origin
from findme.web.keys import base_url, remote

SESSION = "findme_session"
#: Signs nobody in: the browser's right password passes while others guess (see `known_browsers`).
BROWSER = "findme_browser"
#: Over https, browsers take a cookie of this prefix from this host alone, and not from another one
#: of the same domain or over http, which could sign its visitors in as somebody else.
HOST = "__Host-"
#: What a browser forgets after signing out. Not its cookies: it has signed in before.
SITE_DATA = '"cache", "storage"'


def session_of(request: web.Request) -> str:
    """Return the token of the session's cookie; empty without one."""
    return request.cookies.get(name_of(request, SESSION), "")


def origin_of(request: web.Request) -> Origin:
    """Return where an attempt to sign in comes from."""
    return Origin(remote(request), request.cookies.get(name_of(request, BROWSER), ""))


def name_of(request: web.Request, name: str) -> str:
    """Return the full name of a cookie of ours."""
    return HOST + name if _is_https(request) else name


def set_session(response: web.StreamResponse, request: web.Request, session: Session) -> None:
    """Give the browser its session: out of reach of scripts and of other sites."""
    _set(response, request, SESSION, session.token, auth.SESSION_LIFETIME.total_seconds())
    set_browser(response, request, session.browser)


def set_browser(response: web.StreamResponse, request: web.Request, token: str) -> None:
    """Let the browser be known when somebody signs in with it the next time."""
    _set(response, request, BROWSER, token, known_browsers.KEPT.total_seconds())


def end_session(
    response: web.StreamResponse, request: web.Request, *, erased: bool = False
) -> None:
    """Take the session's cookie back, and have the browser forget what pages left in it.

    If the account is *erased*, the browser is not known any more either.
    """
    for name in (SESSION, BROWSER) if erased else (SESSION,):
        response.del_cookie(
            name_of(request, name), secure=_is_https(request), httponly=True, samesite="Lax"
        )
    response.headers["Clear-Site-Data"] = SITE_DATA


def _is_https(request: web.Request) -> bool:
    return base_url(request).startswith("https://")


def _set(
    response: web.StreamResponse, request: web.Request, name: str, value: str, seconds: float
) -> None:
    response.set_cookie(
        name_of(request, name),
        value,
        max_age=int(seconds),
        httponly=True,
        samesite="Lax",
        secure=_is_https(request),
    )
