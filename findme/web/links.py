"""The addresses that pages, answers and mails show to people."""

from aiohttp import web
from yarl import URL

from findme.models import Event, Size
from findme.web.keys import base_url


def join_url(request: web.Request, event: Event) -> str:
    """Return the link behind the QR code."""
    return f"{base_url(request)}/e/{event.code}"


def invitation_url(request: web.Request, event: Event, token: str) -> str:
    """Return a guest's personal link."""
    return str(URL(join_url(request, event)).with_query(invitation=token))


def cover_url(event: Event, size: Size = Size.PREVIEW) -> str | None:
    """Return the address of the event's cover; None if it has none."""
    if event.cover is None:
        return None
    return f"/e/{event.code}/cover?size={size}&v={event.cover}"


def wall_url(request: web.Request, event: Event) -> str | None:
    """Return the address of the event's live wall; None if it has none."""
    if event.wall_token is None:
        return None
    return f"{base_url(request)}/wall/{event.wall_token}"


def key_url(request: web.Request, key: str) -> str:
    """Return the link that opens an account without an e-mail."""
    return f"{base_url(request)}/k/{key}"
