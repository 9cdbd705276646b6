"""The counts of a guest's photos, and the progress of the search for them."""

from dataclasses import dataclass

from findme.db import Connection
from findme.models import EventId, GuestId


@dataclass(frozen=True, slots=True)
class Summary:
    """Photos on each tab of a guest's gallery, and the progress of the search."""

    mine: int
    maybe: int
    all: int
    favourites: int
    #: The number of received photos that are decided for this guest.
    searched: int
    total: int


async def find(conn: Connection, event_id: EventId, guest_id: GuestId) -> Summary:
    """Return a guest's counts as they are now, as live updates say them too.

    A photo is decided if it is indexed (or cannot be) and the view `search_progress` does not count
    it as undecided.
    """
    row = await conn.fetchrow(
        """
        with mine as (
            select count(*) filter (where shelf = 'sure') as mine,
                   count(*) filter (where shelf = 'maybe') as maybe
              from guest_photo where guest_id = $2),
        received as (
            select count(*) as total, count(*) filter (where visible) as "all",
                   count(*) filter (where state in ('indexed', 'failed')) as done
              from photo where event_id = $1),
        marked as (
            select count(*) as favourites from favourite
             where guest_id = $2
               and exists (select from openable_photo
                            where guest_id = $2 and openable_photo.photo_id = favourite.photo_id))
        select mine, maybe, "all", favourites, total,
               -- greatest() ignores null: without a reference nothing is decided
               greatest(0, done - undecided) as searched
          from mine cross join received cross join marked
               left join search_progress on guest_id = $2""",
        event_id,
        guest_id,
    )
    assert row is not None
    return Summary(**row)
