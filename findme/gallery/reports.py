"""Guests' reports of photos, which an admin settles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import EventId, GuestId, PhotoId, UserId

#: Characters of a note; more is cut off.
MAX_NOTE = 1000


class Reason(StrEnum):
    """Why a guest reports a photo."""

    #: It shows the guest, who does not want that.
    OF_ME = "of_me"
    #: It shows something private.
    PRIVATE = "private"
    OFFENSIVE = "offensive"
    OTHER = "other"
    #: It seems to show somebody who is no guest, and asked to be kept out (see keep_outs).
    KEEP_OUT = "keep_out"


@dataclass(frozen=True, slots=True)
class Report:
    """A guest's report of a photo."""

    id: int
    photo_id: PhotoId
    filename: str
    reason: Reason
    note: str
    created_at: datetime
    settled_at: datetime | None
    #: The guest; None if they have left the event.
    user_id: UserId | None
    user_name: str | None


async def add(
    conn: Connection, guest_id: GuestId, photo_id: PhotoId, reason: Reason, note: str
) -> int:
    """Store a report and return its id; a guest's new report of a photo replaces their open one."""
    # a double tap must not create two: the second one waits here, and finds the first
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
    """Return the number of open or settled reports of an event."""
    number: int = await conn.fetchval(
        """
        select count(*) from report join photo on photo.id = report.photo_id
         where photo.event_id = $1 and (settled_at is not null) = $2""",
        event_id,
        settled,
    )
    return number


async def settle(conn: Connection, event_id: EventId, report_id: int) -> PhotoId:
    """Mark a report as settled, and return its photo; NotFound for another event's."""
    # the photo's row first, as in its deletion, which deletes the reports too
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


async def settle_kept_out(conn: Connection, photo_ids: Sequence[PhotoId]) -> None:
    """Mark the requests of people who are no guests as settled: the organiser has looked."""
    await conn.execute(
        """
        update report set settled_at = now()
         where photo_id = any($1) and reason = 'keep_out' and settled_at is null""",
        photo_ids,
    )


async def list_kept_out(conn: Connection, event_id: EventId) -> list[PhotoId]:
    """Return the photos of an event that wait because somebody wants to be kept out."""
    rows = await conn.fetch(
        """
        select distinct photo_id from report join photo on photo.id = photo_id
         where event_id = $1 and reason = 'keep_out' and settled_at is null order by photo_id""",
        event_id,
    )
    return [PhotoId(row["photo_id"]) for row in rows]


def _report(row: Record) -> Report:
    return Report(**{**row, "reason": Reason(row["reason"])})
