"""Updates for the guests of an event: the two statements behind the live streams.

Both serve all guests who listen at once; neither touches the tables of pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from findme.db import Connection, Record
from findme.models import EventId, Gallery, GuestId, PhotoId

#: Seconds that a transaction may take from its start, which it is dated by, to its commit.
OVERLAP = 60.0


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a listener has been updated, on the database's clock.

    Photos up to *photo_id* were sent (or failed); so were matches that were found before *at*.
    """

    photo_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """One guest's progress: their shelves, and the photos that were lately found for them."""

    #: Whether they see photos; while they wait for the organiser they are told of none.
    admitted: bool
    selfie: str | None
    #: Photos that are decided for the guest, of the event's.
    done: int
    mine: int
    maybe: int
    #: Whether a found photo is on the sure shelf.
    found: Mapping[PhotoId, bool]


@dataclass(frozen=True, slots=True)
class LiveUpdate:
    """An event at one moment."""

    #: The mark from which the next query starts.
    mark: Mark
    gallery: Gallery
    #: Photos received, those of them that are indexed or failed, and those that guests can see.
    total: int
    done: int
    visible: int
    #: Photos that guests can see: above the mark that was given, or approved since.
    shown: Sequence[PhotoId]
    #: A guest who left the event is not among them.
    guests: Mapping[GuestId, Standing]


async def look(
    conn: Connection,
    event_id: EventId,
    guest_ids: Sequence[GuestId],
    mark: Mark | None,
) -> LiveUpdate | None:
    """Return what is new since *mark* (None: all photos, no match); None if the event is gone.

    Updates may be repeated: the mark lags behind by OVERLAP, so that no late commit is missed.
    """
    event = await conn.fetchrow(
        """
        select gallery, now() as at, total, done, visible,
               coalesce(unsettled - 1, last, 0) as settled, shown
          from event cross join lateral (
               select count(*) as total,
                      count(*) filter (where state in ('indexed', 'failed')) as done,
                      count(*) filter (where photo.visible) as visible,
                      max(id) as last,
                      min(id) filter (
                          where uploaded_at > now() - make_interval(secs => $3)
                             or ready_at is null and state <> 'failed') as unsettled,
                      coalesce(array_agg(id order by id) filter (
                          where photo.visible and (id > $2 or approved_at > $4)), '{}') as shown
                 from photo where event_id = event.id) as photos
         where id = $1""",
        event_id,
        0 if mark is None else mark.photo_id,
        OVERLAP,
        None if mark is None else mark.at,
    )
    if event is None:
        return None
    at: datetime = event["at"]
    rows = await _standings(conn, event, guest_ids, at if mark is None else mark.at)
    return LiveUpdate(
        mark=Mark(event["settled"], at),
        gallery=Gallery(event["gallery"]),
        total=event["total"],
        done=event["done"],
        visible=event["visible"],
        shown=event["shown"],
        guests={GuestId(row["id"]): _standing(row) for row in rows},
    )


async def _standings(
    conn: Connection,
    event: Record,
    guest_ids: Sequence[GuestId],
    since: datetime,
) -> list[Record]:
    """Return the guests' counts; which photos are decided is said by the view `search_progress`."""
    if not guest_ids:
        return []
    return await conn.fetch(
        """
        with shelf as (
            select guest_id, count(*) filter (where shelf = 'sure') as mine,
                   count(*) filter (where shelf = 'maybe') as maybe,
                   array_agg(photo_id) filter (where shelf = 'sure' and since > $2) as new_sure,
                   array_agg(photo_id) filter (where shelf = 'maybe' and since > $2) as new_maybe
              from guest_photo where guest_id = any($1) group by guest_id)
        select guest.id, admitted_at is not null as admitted, newest.state as selfie,
               coalesce(mine, 0) as mine, coalesce(maybe, 0) as maybe, new_sure, new_maybe,
               -- greatest() ignores null: without a reference nothing is decided
               greatest(0, $3 - undecided) as done
          from guest left join shelf on shelf.guest_id = guest.id
               left join lateral (select state from selfie where guest_id = guest.id
                                   order by id desc limit 1) as newest on true
               left join lateral (select undecided from search_progress
                                   where guest_id = guest.id offset 0) as progress on true
         where guest.id = any($1)""",
        list(guest_ids),
        since,
        event["done"],
    )


def _standing(row: Record) -> Standing:
    return Standing(
        admitted=row["admitted"],
        selfie=row["selfie"],
        done=row["done"],
        mine=row["mine"],
        maybe=row["maybe"],
        found={
            **{PhotoId(photo_id): False for photo_id in row["new_maybe"] or []},
            **{PhotoId(photo_id): True for photo_id in row["new_sure"] or []},
        },
    )
