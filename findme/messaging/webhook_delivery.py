"""Delivers webhooks: a durable queue of its own.

A delivery is made at least once: a receiver confirms it by 2xx, otherwise it is sent again after
growing delays. Its loops are not the workers', since a receiver that hangs must not hold a worker.
"""

import hashlib
import hmac
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import orjson

from findme import db
from findme.db import Connection, Pool
from findme.errors import InvalidRequest
from findme.messaging import webhooks
from findme.messaging.safe_http import check_url, open_outbound
from findme.models import EventId

log = logging.getLogger(__name__)

#: Seconds after each failed attempt but the last: about 22 hours in all.
DELAYS = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21_600.0, 43_200.0)
#: Seconds after which an attempt counts as lost with its process.
LEASE_SECONDS = 60.0
#: Deliveries at the same time, in each process.
AT_ONCE = 4
#: Seconds between two checks for due deliveries, and for events that expire.
PERIOD = 1.0
WATCH_SECONDS = 60.0
#: Age at which deliveries are deleted.
KEPT = timedelta(days=30)
#: Characters of an answer or an error that are kept.
MOST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver to one receiver."""

    id: int
    url: str
    secret: str
    topic: str
    event_id: EventId | None
    data: Mapping[str, object]
    created_at: datetime
    #: Which attempt this is, from 1.
    attempt: int

    @property
    def body(self) -> bytes:
        """The body to send; the same in each attempt."""
        return orjson.dumps(
            {
                "id": str(self.id),
                "type": self.topic,
                "created_at": self.created_at.astimezone(UTC).isoformat(timespec="milliseconds"),
                "event_id": None if self.event_id is None else str(self.event_id),
                "data": self.data,
            }
        )


def sign(secret: str, body: bytes, at: int) -> str:
    """Return the FindMe-Signature header: *at* (Unix seconds), and HMAC-SHA256 of `at.body`."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


async def claim(conn: Connection) -> Delivery | None:
    """Claim a due delivery, first attempts before retries; None if none is due."""
    row = await conn.fetchrow(
        """
        update webhook_delivery
           set attempts = attempts + 1, next_at = now() + make_interval(secs => $1)
          from webhook
         where webhook.id = webhook_id and webhook_delivery.id = (
               select due.id from webhook_delivery as due join webhook on webhook.id = webhook_id
                where state = 'waiting' and next_at <= now() and active
                order by attempts > 0, next_at limit 1 for update of due skip locked)
        returning webhook_delivery.*, url, secret""",
        LEASE_SECONDS,
    )
    if row is None:
        return None
    return Delivery(
        id=row["id"],
        url=row["url"],
        secret=row["secret"],
        topic=row["topic"],
        event_id=row["event_id"],
        data=orjson.loads(row["data"]),
        created_at=row["created_at"],
        attempt=row["attempts"],
    )


async def record_outcome(
    conn: Connection, delivery: Delivery, status: int | None, error: str
) -> None:
    """Record the outcome of an attempt: done without an *error*, else a later retry, or failed."""
    last = delivery.attempt > len(DELAYS)
    state = "delivered" if not error else "failed" if last else "waiting"
    await conn.execute(
        """
        update webhook_delivery
           set state = $3, status = $4, error = $5, next_at = now() + make_interval(secs => $6),
               finished_at = case when $3 <> 'waiting' then now() end
         where id = $1 and attempts = $2""",
        delivery.id,
        delivery.attempt,
        state,
        status,
        error[:MOST_ERROR] or None,
        DELAYS[delivery.attempt - 1] if state == "waiting" else 0.0,
    )


async def send(
    session: aiohttp.ClientSession, delivery: Delivery, *, allow_private: bool
) -> tuple[int | None, str]:
    """Make one attempt; return the answer's status and the error ("" if there is none)."""
    try:
        # the setting may have changed since the address was accepted; the session checks names
        check_url(delivery.url, allow_private=allow_private, field="url")
    except InvalidRequest as error:
        return None, str(error)
    body = delivery.body
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "FindMe",
        "FindMe-Delivery": str(delivery.id),
        "FindMe-Signature": sign(delivery.secret, body, int(time.time())),
    }
    try:
        async with session.post(
            delivery.url, data=body, headers=headers, allow_redirects=False
        ) as answer:
            if 200 <= answer.status < 300:
                return answer.status, ""
            said = (await answer.content.read(MOST_ERROR)).decode("utf-8", "replace")
            said = " ".join(said.replace("\0", "").split())
            return answer.status, f"The receiver answered {answer.status}. {said}".strip()
    except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
        return None, str(error).replace("\0", "") or type(error).__name__


async def deliver_due(pool: Pool, *, allow_private: bool) -> bool:
    """Make one due attempt; False if none is due."""
    async with db.acquire(pool) as conn:
        delivery = await claim(conn)
    if delivery is None:
        return False
    async with open_outbound(allow_private=allow_private) as session:
        status, error = await send(session, delivery, allow_private=allow_private)
    if error:
        log.warning("[Webhook] Delivery %s, attempt %d: %s", delivery.id, delivery.attempt, error)
    async with db.acquire(pool) as conn:
        await record_outcome(conn, delivery, status, error)
    return True


async def deliver_all_due(pool: Pool, *, allow_private: bool) -> None:
    """Make all attempts that are due, one after the other."""
    while await deliver_due(pool, allow_private=allow_private):
        pass


async def announce_expiring(pool: Pool) -> None:
    """Enqueue deliveries about events that expire soon, and delete those that ended long ago."""
    async with db.transaction(pool) as conn:
        await webhooks.announce_expiring(conn)
        await conn.execute(
            """
            delete from webhook_delivery
             where state <> 'waiting' and finished_at < now() - $1::interval""",
            KEPT,
        )
