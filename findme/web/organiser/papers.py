"""The papers of an event, made from its settings: notice, poster, and what the law asks for.

Each is drawn in the language that it is wanted in, whatever the organiser's own is.
"""

from datetime import UTC, datetime
from typing import Final

from aiohttp import web
from markupsafe import Markup
from yarl import URL

from findme import db
from findme.faces import kept_faces
from findme.gallery import event_figures, events
from findme.gallery.event_figures import EventCounts
from findme.messaging import notifications
from findme.models import Admission, Event, EventId
from findme.web.keys import FACES, POOL, SETTINGS, admin, base_url
from findme.web.links import join_url
from findme.web.rendering import (
    LANGUAGES,
    language_of,
    render,
    set_event_zone,
    text_in,
    zone_of,
)
from findme.web.responses import path_id
from findme.web.responsible import responsible_for

#: Each is the name of its template.
PAPERS: Final = ("notice", "poster", "record", "assessment", "release")


async def get_page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/papers."""
    event, _ = await _find(request)
    return render(
        request,
        "admin/papers.html",
        {
            "event": event,
            "tab": "papers",
            "responsible": await responsible_for(request, event),
        },
    )


async def get_paper(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/papers/{name}?in=: one paper, to print."""
    event, counts = await _find(request)
    name, code = request.path.rpartition("/")[2], request.query.get("in", "")
    if code not in request.app[LANGUAGES]:
        code = language_of(request).code
    text = text_in(request, code, f"papers/{name}.html", await _facts(request, event, counts, code))
    return render(
        request,
        "admin/paper.html",
        # the template has escaped what is not ours
        {"event": event, "name": name, "code": code, "paper": Markup(text)},  # noqa: S704
    )


async def _facts(
    request: web.Request, event: Event, counts: EventCounts, code: str
) -> dict[str, object]:
    """Return what the papers say of an event, with dates in one of our languages."""
    faces, settings = request.app[FACES], request.app[SETTINGS]
    async with db.acquire(request.app[POOL]) as conn:
        closes = await kept_faces.matching_closes(conn, event.id)
    responsible = await responsible_for(request, event)

    def day(when: datetime | None) -> str | None:
        return None if when is None else request.app[LANGUAGES][code].day(when, zone_of(request))

    return {
        "event": event,
        "controller": responsible.controller,
        "contact": responsible.contact,
        "region": None if faces.embedded else faces.region,
        "starts": day(event.starts_at),
        "ends": day(event.expires_at),
        "matching_closes": day(closes),
        "made": day(datetime.now(UTC)),
        "dropped": event.drop_selfies,
        "approval": event.admission is Admission.APPROVAL,
        "browse": event.browsable,
        "wall": event.wall_token is not None,
        "mails": notifications.mails(settings),
        "https": base_url(request).startswith("https://"),
        "host": URL(join_url(request, event)).authority,
        "keep_out": f"{join_url(request, event)}/out",
        "guests": counts.guests,
        "photos": counts.photos,
        "faces": counts.faces,
    }


async def _find(request: web.Request) -> tuple[Event, EventCounts]:
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        counts = (await event_figures.counts(conn, [event.id]))[event.id]
    set_event_zone(request, event)
    return event, counts


ROUTES = [
    web.get(r"/admin/events/{id:\d+}/papers", get_page),
    *(web.get(rf"/admin/events/{{id:\d+}}/papers/{name}", get_paper) for name in PAPERS),
]
