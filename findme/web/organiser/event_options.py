"""The options of an event: read from a body, and as JSON."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from findme.errors import InvalidRequest
from findme.media import watermark
from findme.models import (
    Accounts,
    Admission,
    DownloadSize,
    EventKind,
    Gallery,
    KeptFaces,
    Metadata,
    Publish,
)
from findme.web.responses import parse_time, text_of

MAX_NAME: Final = 200
MAX_WATERMARK: Final = 60
#: Characters of who is responsible for an event, and of how to reach them.
MAX_LINE: Final = 200

Read = Callable[[Mapping[str, Any], str], Any]


def read_changes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a body's members by name; InvalidRequest names the first wrong one."""
    changes: dict[str, Any] = {}
    for name in body:
        if name not in _READ:
            raise InvalidRequest(f"An event has no {name} to change.", field=name)
        changes[name] = _READ[name](body, name)
    return changes


def name_of(body: Mapping[str, Any], member: str = "name") -> str:
    """Return the name of an event in a body."""
    name = " ".join(text_of(body, member).split())
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidRequest(f"An event needs a name of 1 to {MAX_NAME} characters.", field=member)
    return name


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body[name]
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} is true or false.", field=name)
    return value


def _word(words: type[StrEnum]) -> Read:
    """Return the reader of a member that is one of a few words."""

    def read(body: Mapping[str, Any], name: str) -> StrEnum:
        if body[name] not in list(words):
            known = " or ".join(f"`{word}`" for word in words)
            raise InvalidRequest(f"{name} is {known}.", field=name)
        return words(str(body[name]))

    return read


def _similarity(body: Mapping[str, Any], name: str) -> float | None:
    value = body[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise InvalidRequest(f"{name} is a number from 0 to 100.", field=name)
    return float(value)


def _watermark(body: Mapping[str, Any], name: str) -> str | None:
    text = " ".join(text_of(body, name, required=False).split())
    if len(text) > MAX_WATERMARK:
        raise InvalidRequest(f"{name} has at most {MAX_WATERMARK} characters.", field=name)
    if missing := watermark.unwritable(text):
        raise InvalidRequest(f"{name}: there is no letter for {missing}.", field=name)
    return text or None


def _line(body: Mapping[str, Any], name: str) -> str | None:
    text = " ".join(text_of(body, name, required=False).split())
    if len(text) > MAX_LINE or not text.isprintable():
        raise InvalidRequest(f"{name} has at most {MAX_LINE} characters.", field=name)
    return text or None


def _accent(body: Mapping[str, Any], name: str) -> str | None:
    text = text_of(body, name, required=False).strip().lower()
    if text and not re.fullmatch("#[0-9a-f]{6}", text):
        raise InvalidRequest(f"{name} is a colour as #rrggbb.", field=name)
    return text or None


def _zone(body: Mapping[str, Any], name: str) -> str | None:
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
    "kind": _word(EventKind),
    "gallery": _word(Gallery),
    "join_open": _flag,
    "admission": _word(Admission),
    "accounts": _word(Accounts),
    "browse": _flag,
    "publish": _word(Publish),
    "faces": _word(KeptFaces),
    "downloads": _flag,
    "download_size": _word(DownloadSize),
    "metadata": _word(Metadata),
    "watermark": _watermark,
    "controller": _line,
    "contact": _line,
    "drop_selfies": _flag,
    "accent": _accent,
    "match_threshold": _similarity,
    "maybe_threshold": _similarity,
    "wall": _flag,
}
