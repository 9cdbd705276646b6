"""Guests ask that somebody look at a photo; an admin settles it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import EventId, GuestId, PhotoId, UserId

#: Characters of a note; more is cut off.
MAX_NOTE = 1000


class Reason(StrEnum):
    """Why a guest would have somebody look at a photo."""

    #: It shows me, and I do not want that.
    OF_ME = "of_me"
    #: It shows something private.
    PRIVATE = "private"
    OFFENSIVE = "offensive"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Report:
    """What a guest said of a photo."""

    id: int
    photo_id: PhotoId
    filename: str
    reason: Reason
    note: str
    created_at: datetime
    settled_at: datetime | None
    #: Who said it; None if they left the event since.
    user_id: UserId | None
    user_name: str | None


async def add(
    conn: Connection, guest_id: GuestId, photo_id: PhotoId, reason: Reason, note: str
) -> int:
    """Note a report and return its id; a guest has one open report of a photo, the last word."""
    # a double tap must not make two: the second waits here, and finds the first
    await conn.execute("select from guest where id = $1 for update", guest_id)
    report_id: int = await conn.fetchval(
        """
        with known as (
            update report set reason = $3, note = $4, created_at = now()
             where guest_id = $1 and photo_id = $2 and settled_at is null returning id),
        fresh as (
            insert into report (guest_id, photo_id, reason, note)
            select $1, $2, $3, $4 where not exists (select from known) returning id)
        select id from known union all select id from fresh""",
        guest_id,
        photo_id,
        reason,
        note[:MAX_NOTE],
    )
    return report_id


async def list_of(
    conn: Connection, event_id: EventId, *, settled: bool, before: int | None, limit: int
) -> list[Report]:
    """Return an event's open or settled reports, newest first, older than *before*."""
    rows = await conn.fetch(
        """
        select report.id, photo_id, filename, reason, note, report.created_at, settled_at,
               account.id as user_id, account.name as user_name
          from report join photo on photo.id = report.photo_id
               left join guest on guest.id = report.guest_id
               left join account on account.id = guest.account_id
         where photo.event_id = $1 and (settled_at is not null) = $2
           and ($3::bigint is null or report.id < $3)
         order by report.id desc limit $4""",
        event_id,
        settled,
        before,
        limit,
    )
    return [_report(row) for row in rows]


async def count(conn: Connection, event_id: EventId, *, settled: bool) -> int:
    """Return how many open or settled reports an event has."""
    number: int = await conn.fetchval(
        """
        select count(*) from report join photo on photo.id = report.photo_id
         where photo.event_id = $1 and (settled_at is not null) = $2""",
        event_id,
        settled,
    )
    return number


async def settle(conn: Connection, event_id: EventId, report_id: int) -> PhotoId:
    """Note that a report was dealt with, and return its photo; NotFound for another event's."""
    # the photo's row first, as its deletion does, which takes the reports along
    photo_id = await conn.fetchval(
        """
        with shown as (
            select photo.id from report join photo on photo.id = photo_id
             where report.id = $2 and event_id = $1 for no key update of photo)
        update report set settled_at = coalesce(settled_at, now()) from shown
         where report.id = $2 and shown.id = photo_id
        returning photo_id""",
        event_id,
        report_id,
    )
    if photo_id is None:
        raise NotFound
    return PhotoId(photo_id)


def _report(row: Record) -> Report:
    return Report(**{**row, "reason": Reason(row["reason"])})
