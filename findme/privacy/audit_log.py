"""The audit log: what admins did, and what was deleted, by whom or by expiry.

It names no guest, neither by name nor by id. An admin's id is emptied with the account. Events are
plain numbers, since an entry must outlive its event.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import orjson

from findme import db
from findme.db import Connection, Pool, Record
from findme.models import EventId, UserId

#: Age at which an entry is deleted.
KEPT = timedelta(days=730)
#: Seconds between two deletions of old entries.
PERIOD = 3600.0


async def note(
    conn: Connection,
    actor: UserId | None,
    action: str,
    *,
    event_id: EventId | None = None,
    subjects: Sequence[int] = (),
    detail: Mapping[str, object] | None = None,
) -> None:
    """Record in the caller's transaction an act of *actor* (None: nobody, or a guest).

    *action* is `noun.verb`; *subjects* are ids of the noun, never those of guests; *detail* has no
    personal data.
    """
    await conn.execute(
        """
        insert into audit (actor_id, action, event_id, subjects, detail)
        values ($1, $2, $3, $4, $5)""",
        actor,
        action,
        event_id,
        list(subjects),
        orjson.dumps(dict(detail or {})).decode(),
    )


async def list_all(
    conn: Connection, *, event_id: EventId | None, before: int | None, limit: int
) -> list[Record]:
    """Return entries with the actor's address, newest first, of one event or of all.

    `event_name` is None if the event is deleted.
    """
    return await conn.fetch(
        """
        select audit.id, at, actor_id, account.email as actor, action, event_id,
               event.name as event_name, subjects, detail
          from audit left join account on account.id = actor_id
               left join event on event.id = event_id
         where ($1::bigint is null or event_id = $1) and ($2::bigint is null or audit.id < $2)
         order by audit.id desc limit $3""",
        event_id,
        before,
        limit,
    )


async def count(conn: Connection, event_id: EventId | None) -> int:
    """Return the number of entries, of one event or of all."""
    number: int = await conn.fetchval(
        "select count(*) from audit where $1::bigint is null or event_id = $1", event_id
    )
    return number


async def prune(pool: Pool) -> None:
    """Delete entries that are older than KEPT."""
    async with db.acquire(pool) as conn:
        await conn.execute("delete from audit where at < now() - $1::interval", KEPT)
