"""How much of an event is a guest's, and how far the search for them has come."""

from dataclasses import dataclass

from findme.db import Connection
from findme.faces import references
from findme.gallery import guest_photos
from findme.models import EventId, GuestId, Shelf


@dataclass(frozen=True, slots=True)
class Summary:
    """Photos on each tab of a guest's gallery, and the progress of the search."""

    mine: int
    maybe: int
    all: int
    favourites: int
    #: Photos that are decided for this guest, of those that were received.
    searched: int
    total: int


async def find(conn: Connection, event_id: EventId, guest_id: GuestId) -> Summary:
    """Return a guest's counts as they are now."""
    searched, total = await references.count_decided(conn, event_id, guest_id)
    return Summary(
        mine=await guest_photos.count_mine(conn, guest_id, Shelf.SURE),
        maybe=await guest_photos.count_mine(conn, guest_id, Shelf.MAYBE),
        all=await guest_photos.count_visible(conn, event_id),
        favourites=await guest_photos.count_favourites(conn, guest_id),
        searched=searched,
        total=total,
    )
