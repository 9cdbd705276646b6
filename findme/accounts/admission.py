"""Newcomers who wait until the organiser admits them, in events whose admission is `approval`.

Somebody who waits has selfies and their vectors, and sees no photo (migrations/0030). They are
searched for once they are admitted: a stranger costs no search, and takes no face from a guest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from findme import queue
from findme.accounts import selfie_pictures
from findme.db import Connection, Record
from findme.errors import Forbidden, NotFound
from findme.faces import references
from findme.messaging import notifications
from findme.models import (
    Admission,
    Event,
    EventId,
    GuestId,
    JobKind,
    SelfieId,
    SelfieState,
    StoredImage,
    UserId,
)
from findme.settings import Settings

#: The name of the mail to an admitted guest in SEND_MAIL's payload.
LETTER = "admitted"


class NotAdmitted(Forbidden):
    """The organiser has not let you in yet."""

    code = "not_admitted"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who waits; the organiser compares their name with their selfie."""

    guest_id: GuestId
    user_id: UserId
    name: str
    #: None: their link is their key.
    email: str | None
    joined_at: datetime
    #: The newest selfie that was not refused; None: there is none.
    selfie_id: SelfieId | None
    selfie: SelfieState | None
    #: Whether they may be admitted: their selfie is accepted, or they only want to browse.
    ready: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A newcomer as the organiser saw them: another selfie since then is not admitted."""

    user_id: UserId
    selfie_id: SelfieId | None


async def admits_all(conn: Connection, event: Event) -> bool:
    """Whether somebody who joins now is admitted, until the transaction ends.

    If the *event* was open when its form was shown, they are: its consent names no organiser who
    looks at selfies.
    """
    if event.admission is Admission.OPEN:
        return True
    # a change to `open` waits for this transaction, and then admits this newcomer
    now = await conn.fetchval("select admission from event where id = $1 for share", event.id)
    return bool(now == Admission.OPEN)


async def is_admitted(conn: Connection, guest_id: GuestId) -> bool:
    """Whether a guest sees photos and may be searched for."""
    admitted: bool = await conn.fetchval(
        "select exists (select from guest where id = $1 and admitted_at is not null)", guest_id
    )
    return admitted


async def list_waiting(
    conn: Connection, event_id: EventId, *, before: GuestId | None, limit: int
) -> list[Newcomer]:
    """Return those who wait, the last who joined first, from *before* on."""
    rows = await conn.fetch(
        """
        select guest.id as guest_id, account.id as user_id, account.name, account.email,
               guest.joined_at, newest.id as selfie_id, newest.state as selfie,
               case when consent_at is not null and consent_withdrawn_at is null
                    then coalesce(newest.state = 'accepted', false) else true end as ready
          from guest join account on account.id = guest.account_id
               left join lateral (select id, state from selfie
                                   where guest_id = guest.id and state <> 'refused'
                                   order by id desc limit 1) as newest on true
         where guest.event_id = $1 and admitted_at is null and ($2::bigint is null or guest.id < $2)
         order by guest.id desc limit $3""",
        event_id,
        before,
        limit,
    )
    return [_newcomer(row) for row in rows]


async def count_waiting(conn: Connection, event_id: EventId) -> int:
    """Return how many wait."""
    number: int = await conn.fetchval(
        "select count(*) from guest where event_id = $1 and admitted_at is null", event_id
    )
    return number


async def find_selfie(conn: Connection, event_id: EventId, selfie_id: SelfieId) -> StoredImage:
    """Return the picture of a selfie of somebody who waits; NotFound for anybody else's."""
    guest_id = await conn.fetchval(
        """
        select guest.id from guest join selfie on selfie.guest_id = guest.id
         where selfie.id = $2 and guest.event_id = $1 and admitted_at is null""",
        event_id,
        selfie_id,
    )
    image = None if guest_id is None else await selfie_pictures.find(conn, guest_id, selfie_id)
    if image is None:
        raise NotFound
    return image


async def admit(
    conn: Connection, event_id: EventId, seen: Sequence[Seen], settings: Settings
) -> int:
    """Admit those of the newcomers who are as the organiser saw them; return how many.

    NotFound if the event is gone. Those who are admitted are searched for, and get a mail.
    """
    await _lock(conn, event_id)
    rows = await conn.fetch(
        """
        update guest set admitted_at = now()
          from unnest($2::bigint[], $3::bigint[]) as seen (account_id, selfie_id)
         where guest.event_id = $1 and guest.account_id = seen.account_id and admitted_at is null
           and (consent_at is not null and consent_withdrawn_at is null)
               = (seen.selfie_id is not null)
           and seen.selfie_id is not distinct from (
               select max(id) from selfie where guest_id = guest.id and state <> 'refused')
           and not exists (select from selfie where id = seen.selfie_id and state <> 'accepted')
        returning guest.id""",
        event_id,
        [each.user_id for each in seen],
        [each.selfie_id for each in seen],
    )
    admitted = [GuestId(row["id"]) for row in rows]
    await _welcome(conn, event_id, admitted, settings)
    return len(admitted)


async def admit_all(conn: Connection, event_id: EventId, settings: Settings) -> int:
    """Admit everybody who waits, since the event is open from now on; return how many."""
    await _lock(conn, event_id)
    rows = await conn.fetch(
        """
        update guest set admitted_at = now() where event_id = $1 and admitted_at is null
        returning id""",
        event_id,
    )
    admitted = [GuestId(row["id"]) for row in rows]
    await _welcome(conn, event_id, admitted, settings)
    return len(admitted)


async def _lock(conn: Connection, event_id: EventId) -> None:
    """Lock the event before its guests, as those do who join it or number its references."""
    if (
        await conn.fetchval("select id from event where id = $1 for no key update", event_id)
        is None
    ):
        raise NotFound


async def _welcome(
    conn: Connection, event_id: EventId, guest_ids: Sequence[GuestId], settings: Settings
) -> None:
    await search_for(conn, event_id, guest_ids)
    await selfie_pictures.drop(conn, event_id)
    if not notifications.mails(settings):
        return
    rows = await conn.fetch(
        """
        select guest.id from guest join account on account.id = guest.account_id
         where guest.id = any($1) and email_proven_at is not null order by guest.id""",
        guest_ids,
    )
    for row in rows:
        await queue.enqueue(
            conn,
            JobKind.SEND_MAIL,
            label="admitted",
            event_id=event_id,
            payload={"letter": LETTER, "guest_id": row["id"]},
        )


async def search_for(conn: Connection, event_id: EventId, guest_ids: Sequence[GuestId]) -> None:
    """Queue the first search of each selfie of guests who were just admitted.

    Searches from faces passed over their references, and count them as decided: under new numbers
    all their pairs are open again (see findme/faces/matching.py).
    """
    rows = await conn.fetch(
        """
        select id, selfie_id from reference
         where guest_id = any($1) and kind = 'selfie' order by number""",
        guest_ids,
    )
    if not rows:
        return
    numbers = await references.take_numbers(conn, event_id, len(rows))
    await conn.executemany(
        """
        update reference set number = $2, covered_upto = 0, searched = false,
                             indexed_at = clock_timestamp()
         where id = $1""",
        [(row["id"], number) for row, number in zip(rows, numbers, strict=True)],
    )
    for row in rows:
        await queue.enqueue(
            conn,
            JobKind.MATCH_SELFIE,
            label=f"selfie {row['selfie_id']}",
            event_id=event_id,
            selfie_id=SelfieId(row["selfie_id"]),
        )


async def find_reader(conn: Connection, guest_id: GuestId) -> Record | None:
    """Return the email, language, event_id and event of the mail to an admitted guest."""
    return await conn.fetchrow(
        """
        select email, coalesce(account.language, consent_language) as language,
               event.id as event_id, event.name as event
          from guest join account on account.id = guest.account_id
               join event on event.id = guest.event_id
         where guest.id = $1 and email_proven_at is not null and admitted_at is not null""",
        guest_id,
    )


def _newcomer(row: Record) -> Newcomer:
    state = row["selfie"]
    return Newcomer(**{**row, "selfie": None if state is None else SelfieState(state)})
