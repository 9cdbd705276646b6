"""Webhooks: which receivers get which events.

An event's deliveries are written in the transaction that causes it; webhook_delivery.py sends them.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta

import orjson

from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import Event, EventId, PhotoId

TOPICS = ("event.created", "photo.ready", "event.expiring")
#: Sent on demand, to any webhook.
TEST = "test"
#: Photos that become ready within so many seconds share a delivery.
BATCH_SECONDS = 2.0
#: Time before an event's end when it is announced.
EXPIRING = timedelta(hours=24)


# Events ---------------------------------------------------------------------------------


async def announce(
    conn: Connection, topic: str, event_id: EventId, data: Mapping[str, object]
) -> None:
    """Enqueue a delivery for each receiver of the topic, in the caller's transaction."""
    await conn.execute(
        """
        insert into webhook_delivery (webhook_id, topic, event_id, data)
        select id, $1, $2, $3 from webhook where active and $1 = any(topics)""",
        topic,
        event_id,
        orjson.dumps(dict(data)).decode(),
    )


async def announce_created(conn: Connection, event: Event) -> None:
    """Announce a new event, in the caller's transaction."""
    end = None
    if event.expires_at is not None:
        end = event.expires_at.astimezone(UTC).isoformat(timespec="milliseconds")
        end = end.replace("+00:00", "Z")
    await announce(conn, "event.created", event.id, {"name": event.name, "expires_at": end})


async def announce_photo(conn: Connection, event_id: EventId, photo_id: PhotoId) -> None:
    """Enqueue the news that a photo is visible, together with photos of the same moment."""
    await conn.execute(
        """
        insert into webhook_delivery (webhook_id, topic, event_id, data, next_at)
        select id, 'photo.ready', $1, jsonb_build_object('photos', jsonb_build_array($2::text)),
               now() + make_interval(secs => $3)
          from webhook where active and 'photo.ready' = any(topics) order by id
        on conflict (webhook_id, event_id)
              where topic = 'photo.ready' and state = 'waiting' and attempts = 0
        do update set data = jsonb_build_object(
            'photos', webhook_delivery.data->'photos' || (excluded.data->'photos'))""",
        event_id,
        str(photo_id),
        BATCH_SECONDS,
    )


async def announce_expiring(conn: Connection) -> int:
    """Enqueue news of events that end soon, once per end time; return their number."""
    rows = await conn.fetch(
        """
        update event set warned_of = expires_at
         where expires_at between now() and now() + $1::interval
           and warned_of is distinct from expires_at
        returning id, name, expires_at""",
        EXPIRING,
    )
    for row in rows:
        told = {"name": row["name"], "expires_at": row["expires_at"].astimezone(UTC)}
        await announce(conn, "event.expiring", EventId(row["id"]), told)
    return len(rows)


# Webhooks, for admins -------------------------------------------------------------------------


async def create(conn: Connection, url: str, topics: Sequence[str]) -> Record:
    """Add a webhook with a secret of its own."""
    row = await conn.fetchrow(
        "insert into webhook (url, secret, topics) values ($1, $2, $3) returning *",
        url,
        f"whsec_{secrets.token_urlsafe(32)}",
        list(topics),
    )
    assert row is not None
    return row


async def find_twin(conn: Connection, url: str, topics: Sequence[str]) -> Record | None:
    """Return a webhook with the same topics and address; None if there is none.

    Until the caller's transaction ends, nobody else can create one.
    """
    await conn.execute("lock table webhook in share row exclusive mode")
    return await conn.fetchrow(
        "select * from webhook where url = $1 and topics = $2 order by id limit 1",
        url,
        list(topics),
    )


async def get(conn: Connection, webhook_id: int) -> Record:
    """Return a webhook; NotFound if there is none."""
    row = await conn.fetchrow("select * from webhook where id = $1", webhook_id)
    if row is None:
        raise NotFound
    return row


async def list_all(conn: Connection, *, before: int | None, limit: int) -> list[Record]:
    """Return webhooks, the newest first."""
    return await conn.fetch(
        """
        select * from webhook where $1::bigint is null or id < $1 order by id desc limit $2""",
        before,
        limit,
    )


async def count(conn: Connection) -> int:
    """Return the number of webhooks."""
    number: int = await conn.fetchval("select count(*) from webhook")
    return number


async def change(
    conn: Connection, webhook_id: int, *, url: str, topics: Sequence[str], active: bool
) -> Record:
    """Write an admin's changes; a webhook that is not active gets no deliveries."""
    row = await conn.fetchrow(
        "update webhook set url = $2, topics = $3, active = $4 where id = $1 returning *",
        webhook_id,
        url,
        list(topics),
        active,
    )
    if row is None:
        raise NotFound
    return row


async def delete(conn: Connection, webhook_id: int) -> None:
    """Delete a webhook with its deliveries; NotFound if there is none."""
    if await conn.execute("delete from webhook where id = $1", webhook_id) != "DELETE 1":
        raise NotFound


async def test(conn: Connection, webhook_id: int) -> Record:
    """Enqueue a test delivery, to see whether the receiver answers; return it."""
    webhook = await get(conn, webhook_id)
    row = await conn.fetchrow(
        """
        insert into webhook_delivery (webhook_id, topic, data) values ($1, $2, '{}') returning *""",
        webhook["id"],
        TEST,
    )
    assert row is not None
    return row


async def list_deliveries(
    conn: Connection, webhook_id: int, *, before: int | None, limit: int
) -> list[Record]:
    """Return a webhook's deliveries, the newest first."""
    return await conn.fetch(
        """
        select * from webhook_delivery
         where webhook_id = $1 and ($2::bigint is null or id < $2) order by id desc limit $3""",
        webhook_id,
        before,
        limit,
    )


async def count_deliveries(conn: Connection, webhook_id: int) -> int:
    """Return the number of listed deliveries of a webhook."""
    number: int = await conn.fetchval(
        "select count(*) from webhook_delivery where webhook_id = $1", webhook_id
    )
    return number


async def redeliver(conn: Connection, delivery_id: int) -> Record:
    """Enqueue a delivery again, in any state; NotFound if there is none."""
    row = await conn.fetchrow(
        """
        update webhook_delivery
           set state = 'waiting', attempts = 1, next_at = now(),
               finished_at = null
         where id = $1 returning *""",
        delivery_id,
    )
    if row is None:
        raise NotFound
    return row
