"""Requests for a sweep, which searches for what no search of an event has covered yet."""

from findme import queue
from findme.db import Connection
from findme.models import EventId, JobKind
from findme.queue import Dedupe
from findme.settings import Settings


async def request_sweep(conn: Connection, event_id: EventId, settings: Settings) -> None:
    """Queue a sweep of the event in the caller's transaction.

    It runs FACE_IDLE_SECONDS after the last request, at most FACE_FLUSH_SECONDS after the first.
    """
    await enqueue_sweep(
        conn, event_id, delay=settings.face_idle_seconds, latest=settings.face_flush_seconds
    )


async def enqueue_sweep(
    conn: Connection, event_id: EventId, *, delay: float, latest: float
) -> None:
    """Queue a sweep in *delay* seconds; at most one waits for each event.

    Each call postpones a sweep that waits, up to *latest* seconds after it was queued.
    """
    await queue.enqueue(
        conn,
        JobKind.MATCH_EVENT,
        label="match",
        event_id=event_id,
        delay=delay,
        dedupe=Dedupe(f"{JobKind.MATCH_EVENT}:{event_id}", postpone_seconds=latest),
    )
