"""Photographers: the people behind the upload tokens, their camera's clock, their progress.

A token belongs to one event and one photographer. Its label is the photographer's name, and the
credit of the photos.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import EventId, TokenId

#: Seconds; a camera that was never set is off by years, and offsets are not meant for that.
MOST_OFFSET = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Photographer:
    """The photographer of a token."""

    event_id: EventId
    event_name: str
    name: str
    #: Seconds that are added to the times of the camera.
    clock_offset_s: int

    def right(self, taken_at: datetime | None) -> datetime | None:
        """Return a camera's time after the correction."""
        return None if taken_at is None else taken_at + timedelta(seconds=self.clock_offset_s)


async def get(conn: Connection, token_id: TokenId) -> Photographer:
    """Return the photographer of a token; NotFound if it was revoked.

    Locks name and clock until the caller's transaction ends: a photo that arrives while they are
    changed gets the new ones.
    """
    # the event's row first, in the order of its deletion
    row = await conn.fetchrow(
        """
        select event_id, event.name as event_name, label as name, clock_offset_s
          from event join upload_token on event.id = event_id where upload_token.id = $1
           for key share""",
        token_id,
    )
    if row is None:
        raise NotFound
    return Photographer(**row)


async def list_all(conn: Connection, event_id: EventId) -> list[Record]:
    """Return an event's tokens with their watchers' last reports; newest first."""
    return await conn.fetch(
        """
        select id, label, clock_offset_s, created_at, last_used_at, report, reported_at
          from upload_token where event_id = $1 order by id desc""",
        event_id,
    )


async def change(
    conn: Connection,
    event_id: EventId,
    token_id: TokenId,
    *,
    name: str | None = None,
    clock_offset_s: int | None = None,
) -> Record:
    """Change the values that are not None, also on photos that arrived already; return the row."""
    before = await conn.fetchval(
        "select clock_offset_s from upload_token where id = $1 and event_id = $2 for update",
        token_id,
        event_id,
    )
    if before is None:
        raise NotFound
    row = await conn.fetchrow(
        """
        update upload_token set label = coalesce($2, label),
                                clock_offset_s = coalesce($3, clock_offset_s)
         where id = $1
        returning id, label, clock_offset_s, created_at, last_used_at, report, reported_at""",
        token_id,
        name,
        clock_offset_s,
    )
    assert row is not None
    await conn.execute(
        """
        update photo set credit = $2, taken_at = taken_at + make_interval(secs => $3)
         where upload_token_id = $1""",
        token_id,
        row["label"],
        float(row["clock_offset_s"] - before),
    )
    return row


async def report(conn: Connection, token_id: TokenId, told: Mapping[str, object]) -> None:
    """Store a watcher's report in place of its previous one."""
    await conn.execute(
        "update upload_token set report = $2, reported_at = now() where id = $1",
        token_id,
        orjson.dumps(told).decode(),
    )
