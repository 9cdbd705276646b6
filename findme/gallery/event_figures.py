"""The figures of events: their counts, and what of them waits for the organiser."""

from dataclasses import dataclass

from findme.db import Connection
from findme.models import EventId


@dataclass(frozen=True, slots=True)
class EventCounts:
    """The numbers of an event's photos, guests and faces."""

    photos: int
    #: Everybody who joined, those who wait for the organiser as well.
    guests: int
    faces: int
    matches: int
    #: Guests who wait to be admitted.
    waiting: int


async def counts(conn: Connection, event_ids: list[EventId]) -> dict[EventId, EventCounts]:
    """Return the counts of each of the events."""
    rows = await conn.fetch(
        """
        select id,
               (select count(*) from photo where event_id = event.id) as photos,
               (select count(*) from guest where event_id = event.id) as guests,
               (select count(*) from face where event_id = event.id) as faces,
               -- guest by guest along match_guest: sorting all pairs takes five times as long
               (select coalesce(sum(n), 0)::bigint
                  from (select (select count(distinct photo_id)
                                  from match where guest_id = guest.id) as n
                          from guest where event_id = event.id) as mine) as matches,
               (select count(*) from guest
                 where event_id = event.id and admitted_at is null) as waiting
          from event where id = any($1)""",
        event_ids,
    )
    return {
        EventId(row["id"]): EventCounts(
            row["photos"], row["guests"], row["faces"], row["matches"], row["waiting"]
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts of an event that a list shows, and of what waits for the organiser."""

    photos: int
    guests: int
    #: Photos that failed, and photos that wait for approval.
    failed: int
    waiting: int
    #: Guests who wait to be admitted.
    newcomers: int


async def figures(conn: Connection, event_ids: list[EventId]) -> dict[EventId, Figures]:
    """Return the figures that a list of events shows; cheaper than `counts`."""
    rows = await conn.fetch(
        """
        select event.id, count(photo.id) as photos,
               count(photo.id) filter (where state = 'failed') as failed,
               count(photo.id) filter (where review = 'waiting') as waiting,
               (select count(*) from guest where guest.event_id = event.id) as guests,
               (select count(*) from guest
                 where guest.event_id = event.id and admitted_at is null) as newcomers
          from event left join photo on photo.event_id = event.id
         where event.id = any($1) group by event.id""",
        event_ids,
    )
    return {
        EventId(row["id"]): Figures(
            row["photos"], row["guests"], row["failed"], row["waiting"], row["newcomers"]
        )
        for row in rows
    }
