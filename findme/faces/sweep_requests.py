"""Requests for a sweep, which searches for what no search of an event has covered yet."""

from findme import queue
from findme.db import Connection
from findme.models import EventId, JobKind, UserId
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


async def sweep_for_rivals(conn: Connection, event_id: EventId, user_id: UserId) -> None:
    """Queue a sweep if a guest who gives up their faces shares one with another guest's matches.

    The face may be the other's from now on, and further photos may be found from it.
    """
    shared: bool = await conn.fetchval(
        """
        select exists (
            select from guest join match on match.guest_id = guest.id
              join match as rival on rival.face_id = match.face_id and rival.guest_id <> guest.id
             where guest.event_id = $1 and guest.account_id = $2)""",
        event_id,
        user_id,
    )
    if shared:
        await enqueue_sweep(conn, event_id, delay=0, latest=0)
