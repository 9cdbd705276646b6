"""The cookies of a session and of a browser that has signed in before."""

from aiohttp import web

from findme.accounts import auth, known_browsers
from findme.accounts.auth import Session
from findme.accounts.sign_in import Origin
from findme.web.keys import base_url, remote

SESSION = "findme_session"
#: Signs nobody in: the browser's right password passes while others guess (see `known_browsers`).
BROWSER = "findme_browser"


def session_of(request: web.Request) -> str:
    """Return the token of the session's cookie; empty without one."""
    return request.cookies.get(SESSION, "")


def origin_of(request: web.Request) -> Origin:
    """Return where an attempt to sign in comes from."""
    return Origin(remote(request), request.cookies.get(BROWSER, ""))


def set_session(response: web.StreamResponse, request: web.Request, session: Session) -> None:
    """Give the browser its session: out of reach of scripts and of other sites."""
    _set(response, request, SESSION, session.token, auth.SESSION_LIFETIME.total_seconds())
    set_browser(response, request, session.browser)


def set_browser(response: web.StreamResponse, request: web.Request, token: str) -> None:
    """Let the browser be known when somebody signs in with it the next time."""
    _set(response, request, BROWSER, token, known_browsers.KEPT.total_seconds())


def end_session(response: web.StreamResponse) -> None:
    """Take the session's cookie back."""
    response.del_cookie(SESSION)


def _set(
    response: web.StreamResponse, request: web.Request, name: str, value: str, seconds: float
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=int(seconds),
        httponly=True,
        samesite="Lax",
        secure=base_url(request).startswith("https://"),
    )
