"""The table `usage`: the calls of the engine by month and event, and what they cost.

Each service adds its calls to the table every few seconds and reads what the month has come to. A
budget over several services can therefore be overshot by the calls of one such period, and what was
answered in the last seconds before a crash is missing from the bill.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import asyncpg

from findme import db
from findme.db import Connection, Pool, Record
from findme.models import EventId
from findme.recognition.call_meter import CALL_USD, Line, Meter, cost

log = logging.getLogger(__name__)

#: Seconds between two writes; a crash loses the calls since the last one.
PERIOD = 3.0
#: Calls per photo that the predecessor of FindMe made (counted on it), besides one per guest.
SEED_CALLS_PER_PHOTO = 9.1


@dataclass(frozen=True, slots=True)
class Month:
    """The calls of one month (UTC), by operation."""

    month: date
    calls: Counter[str] = field(default_factory=Counter)
    #: Those of them that went to an engine that charges.
    paid: Counter[str] = field(default_factory=Counter)

    @property
    def usd(self) -> float:
        """Their cost in US dollars."""
        return cost(self.paid)


def seed_usd(photos: int, guests: int) -> float:
    """Return the cost of an event of this size with the predecessor of FindMe, in US dollars."""
    return round(CALL_USD * (guests + SEED_CALLS_PER_PHOTO * photos), 4)


def compare_usd(*, photos: int, faces: int) -> float:
    """Return what an event that keeps guests' faces only costs on AWS, in US dollars.

    One DetectFaces for each photo, one SearchFacesByImage for each face; the latter once more each
    time that guests join after the photos.
    """
    return cost({"DetectFaces": photos, "SearchFacesByImage": faces})


async def add(conn: Connection, lines: Counter[Line], *, paid: bool) -> None:
    """Add calls to this month, each to the event of its collection."""
    ordered = sorted(lines.items())  # services that add at the same time do so in one order
    await conn.execute(
        """
        insert into usage (month, collection_id, event_id, operation, paid, calls)
        select date_trunc('month', now() at time zone 'utc')::date, made.collection_id,
               (select id from event where collection_id = made.collection_id),
               made.operation, $4, made.calls
          from unnest($1::text[], $2::text[], $3::bigint[])
               with ordinality as made (collection_id, operation, calls, place)
         order by made.place
        on conflict (month, collection_id, operation, paid)
        do update set calls = usage.calls + excluded.calls,
                      event_id = coalesce(usage.event_id, excluded.event_id)""",
        [collection_id for (collection_id, _), _ in ordered],
        [operation for (_, operation), _ in ordered],
        [calls for _, calls in ordered],
        paid,
    )


async def this_month(conn: Connection) -> Month:
    """Return the month so far, over all events, including deleted ones."""
    rows = await conn.fetch(
        """
        select month, operation, paid, sum(calls)::bigint as calls
          from (select date_trunc('month', now() at time zone 'utc')::date as month) as current
          left join usage using (month)
         group by month, operation, paid"""
    )
    return _months(rows)[0]


async def of_event(conn: Connection, event_id: EventId) -> list[Month]:
    """Return the months in which an event made calls, oldest first."""
    rows = await conn.fetch(
        """
        select month, operation, paid, sum(calls)::bigint as calls
          from usage where event_id = $1
         group by month, operation, paid order by month""",
        event_id,
    )
    return _months(rows)


def _months(rows: Iterable[Record]) -> list[Month]:
    months: dict[date, Month] = {}
    for row in rows:
        month = months.setdefault(row["month"], Month(row["month"]))
        if row["operation"] is not None:
            month.calls[row["operation"]] += row["calls"]
            month.paid[row["operation"]] += row["calls"] if row["paid"] else 0
    return list(months.values())


async def flush(pool: Pool, meter: Meter) -> None:
    """Write what the meter has counted since the last time, and tell it what the month comes to."""
    async with meter.writing:
        lines = Counter(meter.unwritten)
        try:
            async with db.transaction(pool) as conn:
                if lines:
                    await add(conn, lines, paid=meter.paid)
                month = await this_month(conn)
        except asyncpg.ForeignKeyViolationError as error:
            # an event was deleted while its calls were added; the next flush finds it gone
            log.warning("[Usage] Calls cannot be written yet: %s", error)
        else:
            meter.note_written(lines, month.usd)
