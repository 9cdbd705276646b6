"""Pages from templates: one Jinja environment per language, and the values that every page has."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import partial
from http import HTTPStatus
from zoneinfo import ZoneInfo

import aiohttp_jinja2
import jinja2
from aiohttp import web
from jinja2.environment import TemplateModule

from findme.gallery import events
from findme.language import Language, choose, read_languages
from findme.messaging import notifications
from findme.models import Event, EventId
from findme.paths import TEMPLATES
from findme.web.assets import ASSETS, setup_assets
from findme.web.keys import ACTOR, EVENT_ZONE, FAILED_JOBS, SETTINGS, base_url, mailed_base

LANGUAGE_COOKIE = "findme_lang"
SCHEME_COOKIE = "findme_scheme"
#: Set by app.js: the visitor's time zone.
ZONE_COOKIE = "findme_zone"
COOKIE_SECONDS = 365 * 24 * 3600
SCHEMES = ("light", "dark")

LANGUAGES: web.AppKey[Mapping[str, Language]] = web.AppKey("LANGUAGES")
ENVIRONMENTS: web.AppKey[Mapping[str, web.AppKey[jinja2.Environment]]] = web.AppKey("ENVIRONMENTS")


def setup_pages(app: web.Application) -> None:
    """Read languages, templates and static files into the application."""
    setup_assets(app)
    app[LANGUAGES] = read_languages()
    # an environment each: sentences are then plain globals, which macros see as well
    keys = {code: web.AppKey(f"jinja_{code}", jinja2.Environment) for code in app[LANGUAGES]}
    app[ENVIRONMENTS] = keys
    for code, language in app[LANGUAGES].items():
        environment = aiohttp_jinja2.setup(
            app,
            app_key=keys[code],
            default_helpers=False,
            loader=jinja2.FileSystemLoader(TEMPLATES),
            extensions=["jinja2.ext.i18n"],
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # read once, as languages and static files are: a page is never half old, half new
            auto_reload=False,
        )
        environment.filters.update(
            number=language.number,
            seconds=language.seconds,
            size=language.size,
            percent=language.percent,
            dollars=language.dollars,
        )
        environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's
            language.gettext, language.ngettext, newstyle=True
        )
        environment.globals.update(
            language=language,
            languages=list(app[LANGUAGES].values()),
            plural=language.plural,
            static=app[ASSETS].url,
        )


def compile_pages(app: web.Application) -> None:
    """Compile every page in every language; takes a second, and is safe in a thread.

    Otherwise the first visitor of a page waits for it, and everybody else with them.
    """
    for key in app[ENVIRONMENTS].values():
        environment = app[key]
        for name in environment.list_templates(extensions=["html"]):
            environment.get_template(name)


def language_of(request: web.Request) -> Language:
    """Return a visitor's language: the switch, the cookie, the account's, the browser's, French."""
    actor = request.get(ACTOR)
    chosen = None if actor is None or actor.user is None else actor.user.language
    return choose(
        request.app[LANGUAGES],
        [request.query.get("lang"), request.cookies.get(LANGUAGE_COOKIE), chosen],
        request.headers.get("Accept-Language", ""),
    )


def zone_of(request: web.Request) -> tzinfo:
    """Return the event's time zone, the visitor's, or if both are unknown the server's."""
    if EVENT_ZONE in request:
        return request[EVENT_ZONE]
    try:
        return ZoneInfo(request.cookies[ZONE_COOKIE])
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return datetime.now(UTC).astimezone().tzinfo or UTC


def set_event_zone(request: web.Request, event: Event) -> None:
    """Let the pages of this request show times as the clocks at the event do."""
    if (zone := events.zone_of(event)) is not None:
        request[EVENT_ZONE] = zone


def zones_of(request: web.Request, several: Iterable[Event]) -> dict[EventId, tzinfo]:
    """Return the time zone of each event's times: its own, or the visitor's."""
    return {event.id: events.zone_of(event) or zone_of(request) for event in several}


def render(
    request: web.Request,
    template: str,
    context: Mapping[str, object] | None = None,
    *,
    status: int = HTTPStatus.OK,
) -> web.Response:
    """Return a page; a visit by the language switch is first sent on to the plain address."""
    if request.method == "GET" and "lang" in request.query:
        return _switched(request)
    language = language_of(request)
    response = aiohttp_jinja2.render_template(
        template,
        request,
        {**_known(request, language), **(context or {})},
        app_key=request.app[ENVIRONMENTS][language.code],
    )
    response.set_status(status)
    # a page holds no secret that a guessed part of it could reveal: the session is a cookie
    response.enable_compression()
    response.headers["Content-Language"] = language.code
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response


def module_of(request: web.Request, template: str) -> TemplateModule:
    """Return a template's macros in the visitor's language: pieces of a page, for a live one."""
    language = language_of(request)
    environment = request.app[request.app[ENVIRONMENTS][language.code]]
    return environment.get_template(template).make_module(_known(request, language))


def text_in(request: web.Request, code: str, template: str, context: Mapping[str, object]) -> str:
    """Return a piece of a page in one of our languages, whatever the visitor's."""
    environment = request.app[request.app[ENVIRONMENTS][code]]
    return environment.get_template(template).render(context)


def _known(request: web.Request, language: Language) -> dict[str, object]:
    """Return the values that every page has."""
    zone = zone_of(request)
    actor = request.get(ACTOR)
    user = None if actor is None else actor.user
    # an account is the same on every device; the cookie counts if nobody is signed in
    scheme = request.cookies.get(SCHEME_COOKIE) if user is None else user.scheme
    # a form that was sent back stands at an address that answers GET too
    here = request.rel_url
    return {
        "user": user,
        # links that need a mail server are not offered without one
        "mails": SETTINGS in request.app and mailed_base(request) is not None,
        "mails_guests": SETTINGS in request.app and notifications.mails(request.app[SETTINGS]),
        "failed_jobs": request.get(FAILED_JOBS, 0),
        "path": str(here),
        "switches": {code: str(here.update_query(lang=code)) for code in request.app[LANGUAGES]},
        "event_zone": str(request[EVENT_ZONE]) if EVENT_ZONE in request else None,
        "scheme": scheme if scheme in SCHEMES else None,
        "date": partial(language.date, zone=zone),
        "day": partial(language.day, zone=zone),
        "clock": partial(language.clock, zone=zone),
    }


def redirect(location: str) -> web.Response:
    """Return a 303: the answer to a form."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": location})


def local_path(path: str | None, default: str) -> str:
    """Return the path of `?next=` if it stays on this site."""
    if path and path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable():
        return path
    return default


def remember(request: web.Request, response: web.Response, cookie: str, value: str) -> None:
    """Keep a choice of the visitor for a year."""
    response.set_cookie(
        cookie,
        value,
        max_age=COOKIE_SECONDS,
        samesite="Lax",
        httponly=True,
        secure=base_url(request).startswith("https://"),
    )


def _switched(request: web.Request) -> web.Response:
    plain = request.rel_url.without_query_params("lang")
    response = redirect(local_path(str(plain), "/"))
    remember(request, response, LANGUAGE_COOKIE, language_of(request).code)
    return response
