"""An event's guests as its organiser looks them up, with the results of the search for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import EventId, GuestId, SelfieState, UserId


@dataclass(frozen=True, slots=True)
class GuestSummary:
    """A guest; *sure* and *maybe* count the photos on their shelves."""

    guest_id: GuestId
    user_id: UserId
    name: str
    #: None: their link is their key.
    email: str | None
    joined_at: datetime
    #: None: they wait to be admitted.
    admitted_at: datetime | None
    #: None: the guest browses without a face search.
    consent_at: datetime | None
    consent_withdrawn_at: datetime | None
    selfie: SelfieState | None
    selfie_problem: str | None
    selfies: int
    sure: int
    maybe: int


async def search(
    conn: Connection,
    event_id: EventId,
    words: str,
    *,
    before: GuestId | None,
    limit: int,
) -> list[GuestSummary]:
    """Return guests whose name or address contains the words, the last joined first."""
    rows = await conn.fetch(
        """
        select guest.id from guest join account on account.id = guest.account_id
         where guest.event_id = $1 and ($3::bigint is null or guest.id < $3)
           and (strpos(lower(name), $2) > 0 or strpos(coalesce(email, ''), $2) > 0)
         order by guest.id desc limit $4""",
        event_id,
        words.strip().lower(),
        before,
        limit,
    )
    return await _read(conn, [row["id"] for row in rows])


async def count(conn: Connection, event_id: EventId, words: str) -> int:
    """Return the number of guests whose name or address contains the words."""
    number: int = await conn.fetchval(
        """
        select count(*) from guest join account on account.id = guest.account_id
         where guest.event_id = $1
           and (strpos(lower(name), $2) > 0 or strpos(coalesce(email, ''), $2) > 0)""",
        event_id,
        words.strip().lower(),
    )
    return number


async def get(conn: Connection, event_id: EventId, user_id: UserId) -> GuestSummary:
    """Return one guest; NotFound if the account is no guest of the event."""
    guest_id = await conn.fetchval(
        "select id from guest where event_id = $1 and account_id = $2", event_id, user_id
    )
    if guest_id is None:
        raise NotFound
    found = await _read(conn, [guest_id])
    if not found:
        raise NotFound
    return found[0]


async def _read(conn: Connection, guest_ids: Sequence[GuestId]) -> list[GuestSummary]:
    rows = await conn.fetch(
        """
        select guest.id as guest_id, account.id as user_id, account.name, account.email,
               guest.joined_at, admitted_at, consent_at, consent_withdrawn_at, shown.sure,
               shown.maybe,
               selfie.state as selfie, selfie.problem as selfie_problem,
               (select count(*) from selfie where guest_id = guest.id) as selfies
          from guest join account on account.id = guest.account_id
               left join lateral (select state, problem from selfie where guest_id = guest.id
                                   order by id desc limit 1) as selfie on true
               cross join lateral (
                 select count(*) filter (where shelf = 'sure') as sure,
                        count(*) filter (where shelf = 'maybe') as maybe
                   from guest_photo where guest_id = guest.id) as shown
         where guest.id = any($1) order by guest.id desc""",
        guest_ids,
    )
    return [_listed(row) for row in rows]


def _listed(row: Record) -> GuestSummary:
    state = row["selfie"]
    return GuestSummary(**{**row, "selfie": None if state is None else SelfieState(state)})
