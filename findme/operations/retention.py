"""Expiry: events and sessions are deleted when their time is over."""

import logging
from functools import partial

from findme import db
from findme.accounts import accounts, auth, guests, idle_accounts, known_browsers
from findme.db import Connection, Pool
from findme.errors import NotFound
from findme.faces import kept_faces
from findme.gallery import events
from findme.messaging import notifications
from findme.models import EventId, KeptFaces
from findme.privacy import audit_log
from findme.settings import Settings

log = logging.getLogger(__name__)

#: Seconds between two looks; an event may outlive its `expires_at` by as much.
PERIOD = 30.0


async def delete_expired(pool: Pool) -> None:
    """Delete what has expired: events, strangers' faces, accounts by name alone, sessions."""
    await delete_expired_events(pool)
    await give_up_strangers(pool)
    async with db.transaction(pool) as conn:
        await accounts.delete_keyed_without_event(conn)
    await auth.prune_sessions(pool)
    await known_browsers.prune(pool)


async def follow_accounts(pool: Pool, settings: Settings) -> None:
    """Announce and erase the accounts of guests whose last event is over."""
    mailed = notifications.mails(settings)
    async with db.transaction(pool) as conn:
        await idle_accounts.note_idle(conn)
        if mailed:
            await idle_accounts.announce(conn)
        erased = await idle_accounts.erase(conn, announced=mailed)
    if erased:
        log.info("[Housekeeping] %d accounts in no event are erased", erased)


async def delete_expired_events(pool: Pool) -> int:
    """Delete the expired events, each as an admin would; return their number."""
    async with db.acquire(pool) as conn:
        expired = await events.list_expired(conn)
    deleted = 0
    for event_id in expired:
        try:
            await db.retry_serialization(pool, partial(_delete, event_id))
        except NotFound:
            continue  # another service, or an admin, has deleted it
        deleted += 1
        log.info("[Housekeeping] Event %s has expired and is deleted", event_id)
    return deleted


async def give_up_strangers(pool: Pool) -> int:
    """Keep guests' faces only in events whose matching is closed; return how many there were."""
    async with db.acquire(pool) as conn:
        closed = await kept_faces.list_closed(conn)
    for event_id in closed:
        async with db.transaction(pool) as conn:
            vectors = await kept_faces.change(conn, event_id, KeptFaces.GUESTS_ONLY)
            await guests.forget_faces(conn, event_id, vectors)
            await audit_log.note(conn, None, "event.faces_forgotten", event_id=event_id)
        log.info("[Housekeeping] Event %s has closed: %d vectors go", event_id, len(vectors))
    return len(closed)


async def _delete(event_id: EventId, conn: Connection) -> None:
    await events.delete(conn, event_id)
    await audit_log.note(conn, None, "event.expired", event_id=event_id)
