"""What an organiser decides for an event: read from a body, checked, and shown."""

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web

from findme.errors import InvalidRequest
from findme.media import watermark
from findme.models import Accounts, DownloadSize, Event, Gallery, Publish
from findme.web.guest.photo_lists import thresholds_of
from findme.web.keys import base_url
from findme.web.responses import parse_time, text_of, time_text

MAX_NAME: Final = 200
MAX_WATERMARK: Final = 60

Read = Callable[[dict[str, Any], str], Any]


def changed(event: Event, body: dict[str, Any]) -> Event:
    """Return the event with the members of a body; InvalidRequest names the first wrong one."""
    for name in body:
        if name == "wall":
            wanted = _flag(body, name)
            token = (event.wall_token or secrets.token_urlsafe(16)) if wanted else None
            event = replace(event, wall_token=token)
        elif name in _READ:
            member: dict[str, Any] = {name: _READ[name](body, name)}
            event = replace(event, **member)
        else:
            raise InvalidRequest(f"An event has no {name} to change.", field=name)
    return event


def checked(request: web.Request, event: Event) -> Event:
    """Return the event; InvalidRequest where its choices contradict each other."""
    thresholds = thresholds_of(request, event)
    if thresholds.maybe > thresholds.sure:
        sentence = f"maybe ({thresholds.maybe:g}) would be above match ({thresholds.sure:g})."
        raise InvalidRequest(sentence, field="maybe_threshold")
    for earlier, later in (
        ("starts_at", "closes_at"),
        ("starts_at", "expires_at"),
        ("closes_at", "expires_at"),
    ):
        begin, end = getattr(event, earlier), getattr(event, later)
        if begin is not None and end is not None and end < begin:
            raise InvalidRequest(f"{later} would be before {earlier}.", field=later)
    return event


def choices_json(request: web.Request, event: Event) -> dict[str, object]:
    """Return what is decided for an event, by the names under which it is changed."""
    wall_url = None
    if event.wall_token is not None:
        wall_url = f"{base_url(request)}/wall/{event.wall_token}"
    return {
        "name": event.name,
        "starts_at": time_text(event.starts_at),
        "closes_at": time_text(event.closes_at),
        "expires_at": time_text(event.expires_at),
        "time_zone": event.time_zone,
        "gallery": event.gallery,
        "join_open": event.join_open,
        "accounts": event.accounts,
        "browse": event.browse,
        "publish": event.publish,
        "downloads": event.downloads,
        "download_size": event.download_size,
        "watermark": event.watermark,
        "accent": event.accent,
        "match_threshold": event.match_threshold,
        "maybe_threshold": event.maybe_threshold,
        "wall": event.wall_token is not None,
        "wall_url": wall_url,
    }


def name_of(body: dict[str, Any], member: str = "name") -> str:
    """Return the name of an event in a body."""
    name = " ".join(text_of(body, member).split())
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidRequest(f"An event needs a name of 1 to {MAX_NAME} characters.", field=member)
    return name


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body[name]
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} is true or false.", field=name)
    return value


def _word(words: type[StrEnum]) -> Read:
    """Return what reads one of a few words."""

    def read(body: dict[str, Any], name: str) -> StrEnum:
        if body[name] not in list(words):
            known = " or ".join(f"`{word}`" for word in words)
            raise InvalidRequest(f"{name} is {known}.", field=name)
        return words(str(body[name]))

    return read


def _similarity(body: dict[str, Any], name: str) -> float | None:
    value = body[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise InvalidRequest(f"{name} is a number from 0 to 100.", field=name)
    return float(value)


def _watermark(body: dict[str, Any], name: str) -> str | None:
    text = " ".join(text_of(body, name, required=False).split())
    if len(text) > MAX_WATERMARK:
        raise InvalidRequest(f"{name} has at most {MAX_WATERMARK} characters.", field=name)
    if missing := watermark.unwritable(text):
        raise InvalidRequest(f"{name}: there is no letter for {missing}.", field=name)
    return text or None


def _accent(body: dict[str, Any], name: str) -> str | None:
    text = text_of(body, name, required=False).strip().lower()
    if text and not re.fullmatch("#[0-9a-f]{6}", text):
        raise InvalidRequest(f"{name} is a colour as #rrggbb.", field=name)
    return text or None


def _zone(body: dict[str, Any], name: str) -> str | None:
    text = text_of(body, name, required=False)
    if not text:
        return None
    try:
        return ZoneInfo(text).key
    except (KeyError, ValueError, OSError) as error:  # a name that is none, a path, a folder
        raise InvalidRequest(f"{name} is a name as Europe/Paris.", field=name) from error


_READ: Final[dict[str, Read]] = {
    "name": name_of,
    "starts_at": parse_time,
    "closes_at": parse_time,
    "expires_at": parse_time,
    "time_zone": _zone,
    "gallery": _word(Gallery),
    "join_open": _flag,
    "accounts": _word(Accounts),
    "browse": _flag,
    "publish": _word(Publish),
    "downloads": _flag,
    "download_size": _word(DownloadSize),
    "watermark": _watermark,
    "accent": _accent,
    "match_threshold": _similarity,
    "maybe_threshold": _similarity,
}
