"""The form with the options of an event, and the form for its cover.

The fields of a form are read into the members of the API.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from findme import db
from findme.errors import BadImage, InvalidRequest, UploadTooLarge
from findme.faces.kept_faces import FacesDecided
from findme.gallery import events
from findme.media import accent_colour
from findme.models import Event, EventId, Size
from findme.web.keys import EVENT_SETUP, POOL, admin
from findme.web.links import cover_url, wall_url
from findme.web.organiser.covers import take_cover
from findme.web.organiser.event_options import MAX_LINE, MAX_NAME, MAX_WATERMARK, read_changes
from findme.web.organiser.event_pages import price_of_comparing
from findme.web.rendering import redirect, render, set_event_zone, zone_of
from findme.web.request_bodies import form_of
from findme.web.responses import path_id

#: The fields of the form that are times, read and shown in the event's zone.
MOMENTS: Final = ("starts_at", "closes_at", "expires_at")
#: The checkboxes.
TICKED: Final = ("join_open", "browse", "wall", "drop_selfies")
#: The fields that are members of the API as they are.
PLAIN: Final = (
    "name",
    "kind",
    "gallery",
    "admission",
    "accounts",
    "publish",
    "metadata",
    "watermark",
    "controller",
    "contact",
)
#: The values of the field `take_home` as members of the API.
TAKE_HOME: Final[Mapping[str, Mapping[str, object]]] = {
    "nothing": {"downloads": False},
    "original": {"downloads": True, "download_size": "original"},
    "large": {"downloads": True, "download_size": "large"},
}


async def get_page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/choices."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
    return _page(request, event)


async def post_page(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/choices: all fields of the form at once."""
    actor = admin(request).id
    form = {name: str(value) for name, value in (await form_of(request)).items()}
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
    set_event_zone(request, event)
    try:
        # first the zone: the form's times are read in it
        changes = read_changes({"time_zone": form.get("time_zone", "")})
        zone = events.zone_of(replace(event, **changes)) or zone_of(request)
        changes |= read_changes(_members(form, zone))
        changes = {name: value for name, value in changes.items() if _value(event, name) != value}
        await request.app[EVENT_SETUP].change(actor, event.id, changes)
    except FacesDecided:
        return _page(request, event, typed=form, field="faces")
    except InvalidRequest as error:
        return _page(request, event, typed=form, field=str(error.extra.get("field", "")))
    return redirect(f"{request.path}?saved=1")


async def post_cover(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/cover: another picture, or none."""
    actor = admin(request).id
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
    if "remove" in request.query:
        await request.app[EVENT_SETUP].remove_cover(actor, event.id)
    else:
        try:
            await take_cover(request, actor, event.id)
        except (BadImage, InvalidRequest, UploadTooLarge):
            return _page(request, event, field="cover")
    return redirect(f"/admin/events/{event.id}/choices?saved=1")


def _value(event: Event, name: str) -> object:
    """Return an event's value of a member of the API."""
    return event.wall_token is not None if name == "wall" else getattr(event, name)


def _members(form: Mapping[str, str], zone: tzinfo) -> dict[str, Any]:
    """Return the members of the API for the fields of a form."""
    members: dict[str, Any] = {name: name in form for name in TICKED}
    for name in PLAIN:
        members[name] = form.get(name, "")
    # left out if it is decided for good
    members |= {name: form[name] for name in form.keys() & {"faces"}}
    for name in MOMENTS:
        members[name] = _moment(form.get(name, ""), name, zone)
    members["accent"] = form.get("accent", "") if "accented" in form else None
    take_home = form.get("take_home", "")
    if take_home not in TAKE_HOME:
        raise InvalidRequest("take_home is one of the three.", field="take_home")
    return {**members, **TAKE_HOME[take_home]}


def _moment(text: str, name: str, zone: tzinfo) -> str | None:
    """Return a field's local time as RFC 3339."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{name} is not a time.", field=name) from error


def _page(
    request: web.Request,
    event: Event,
    *,
    typed: Mapping[str, str] | None = None,
    field: str | None = None,
) -> web.Response:
    """Answer with the form for the event, or as it was *typed* with the *field* that is wrong."""
    set_event_zone(request, event)
    ticked = _ticked(event) if typed is None else {}
    return render(
        request,
        "admin/choices.html",
        {
            "event": event,
            "tab": "choices",
            "typed": {**_texts(request, event), **ticked, **(typed or {})},
            "field": field,
            "saved": field is None and "saved" in request.query,
            "wall_url": wall_url(request, event),
            "cover": cover_url(event, Size.THUMB),
            "price": price_of_comparing(request),
            "accent": None if event.accent is None else accent_colour.accent(event.accent),
            "max_name": MAX_NAME,
            "max_watermark": MAX_WATERMARK,
            "max_line": MAX_LINE,
        },
        status=HTTPStatus.OK if field is None else HTTPStatus.UNPROCESSABLE_ENTITY,
    )


def _texts(request: web.Request, event: Event) -> dict[str, str]:
    """Return the values of the form's fields for an event."""
    zone = zone_of(request)
    take_home = str(event.download_size) if event.downloads else "nothing"
    typed = {
        "name": event.name,
        "time_zone": event.time_zone or "",
        "kind": str(event.kind),
        "gallery": str(event.gallery),
        "admission": str(event.admission),
        "accounts": str(event.accounts),
        "publish": str(event.publish),
        "faces": str(event.faces),
        "take_home": take_home,
        "metadata": str(event.metadata),
        "watermark": event.watermark or "",
        "controller": event.controller or "",
        "contact": event.contact or "",
        "accent": event.accent or "#221c1e",
    }
    for name in MOMENTS:
        moment: datetime | None = getattr(event, name)
        typed[name] = "" if moment is None else f"{moment.astimezone(zone):%Y-%m-%dT%H:%M}"
    return typed


def _ticked(event: Event) -> dict[str, str]:
    """Return the checkboxes that are ticked for an event; a browser leaves out the others, too."""
    ticked = {
        "join_open": event.join_open,
        "browse": event.browse,
        "wall": event.wall_token is not None,
        "drop_selfies": event.drop_selfies,
        "accented": event.accent is not None,
    }
    return {name: "yes" for name, is_on in ticked.items() if is_on}


ROUTES = [
    web.get(r"/admin/events/{id:\d+}/choices", get_page),
    web.post(r"/admin/events/{id:\d+}/choices", post_page),
    web.post(r"/admin/events/{id:\d+}/cover", post_cover),
]
