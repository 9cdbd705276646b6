"""Requests for a sweep, which searches for what no search of an event has covered yet."""

from findme import queue
from findme.db import Connection
from findme.models import EventId
from findme.settings import Settings


async def request_sweep(conn: Connection, event_id: EventId, settings: Settings) -> None:
    """Queue a sweep of the event in the caller's transaction.

    It runs FACE_IDLE_SECONDS after the last request, at most FACE_FLUSH_SECONDS after the first.
    """
    await queue.enqueue_match(
        conn, event_id, idle=settings.face_idle_seconds, deadline=settings.face_flush_seconds
    )
