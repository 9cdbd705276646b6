"""Guests: who joined which event, and the selfie that finds them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from findme import queue
from findme.db import Connection, Record
from findme.errors import ConsentRequired
from findme.faces.sweep_requests import sweep_for_rivals
from findme.models import EngineFaceId, EventId, GuestId, JobKind, SelfieState, UserId

#: Seconds that a request has to delete the vectors of whom it erases, before a worker does: while
#: a worker is at it, the receipt cannot say that nothing is left.
REQUEST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Guest:
    """A person's part in one event."""

    id: GuestId
    event_id: EventId
    user_id: UserId
    joined_at: datetime
    #: None: they wait for the organiser to admit them, and see no photo.
    admitted_at: datetime | None
    #: Whether their face may be searched for; without it they see the gallery if that is allowed.
    consented: bool
    selfie_state: SelfieState | None
    selfie_problem: str | None

    @property
    def waits(self) -> bool:
        """Whether they wait to be admitted."""
        return self.admitted_at is None


async def find(conn: Connection, event_id: EventId, user_id: UserId) -> Guest | None:
    """Return a user's part in an event, or None if they did not join."""
    row = await conn.fetchrow(
        """
        select guest.id, guest.event_id, guest.account_id as user_id, guest.joined_at,
               admitted_at, consent_at is not null and consent_withdrawn_at is null as consented,
               selfie.state as selfie_state, selfie.problem as selfie_problem
          from guest left join lateral (
                 select state, problem from selfie where guest_id = guest.id
                  order by id desc limit 1) as selfie on true
         where guest.event_id = $1 and guest.account_id = $2""",
        event_id,
        user_id,
    )
    return None if row is None else _guest(row)


async def list_by_user(conn: Connection, user_id: UserId) -> list[Guest]:
    """Return all that a user joined, the last joined first."""
    rows = await conn.fetch(
        """
        select guest.id, guest.event_id, guest.account_id as user_id, guest.joined_at,
               admitted_at, consent_at is not null and consent_withdrawn_at is null as consented,
               selfie.state as selfie_state, selfie.problem as selfie_problem
          from guest left join lateral (
                 select state, problem from selfie where guest_id = guest.id
                  order by id desc limit 1) as selfie on true
         where guest.account_id = $1 order by guest.id desc""",
        user_id,
    )
    return [_guest(row) for row in rows]


async def count(conn: Connection, event_id: EventId) -> int:
    """Return how many guests an event has."""
    number: int = await conn.fetchval("select count(*) from guest where event_id = $1", event_id)
    return number


async def any_agreed(conn: Connection, event_id: EventId) -> bool:
    """Whether a guest of an event has given their consent, and not withdrawn it."""
    agreed: bool = await conn.fetchval(
        """
        select exists (select from guest where event_id = $1 and consent_at is not null
                          and consent_withdrawn_at is null)""",
        event_id,
    )
    return agreed


async def join(
    conn: Connection,
    event_id: EventId,
    user_id: UserId,
    *,
    consent_text: str,
    language: str,
    admitted: bool = True,
) -> GuestId:
    """Add a user to an event, or record a new consent of a guest who has joined already.

    Who is not *admitted* waits for the organiser. So does a guest whose earlier consent, and with
    it the face that the organiser saw, is gone, or who gave none: they may show any face now.
    """
    guest_id = GuestId(
        await conn.fetchval(
            """
            insert into guest (event_id, account_id, consent_at, consent_text, consent_language,
                               admitted_at)
            values ($1, $2, now(), $3, $4, case when $5 then now() end)
            on conflict (event_id, account_id) do update
               set consent_at = excluded.consent_at, consent_text = excluded.consent_text,
                   consent_language = excluded.consent_language, consent_withdrawn_at = null,
                   admitted_at = case
                       when $5 then coalesce(guest.admitted_at, now())
                       when guest.consent_at is not null and guest.consent_withdrawn_at is null
                       then guest.admitted_at end
            returning id""",
            event_id,
            user_id,
            consent_text,
            language,
            admitted,
        )
    )
    # a receipt that is still open must not count the new rows as left over
    await conn.execute(
        """
        update receipt set guest_ids = array_remove(guest_ids, $1)
         where checked_at is null and $1 = any(guest_ids)""",
        guest_id,
    )
    return guest_id


async def browse(
    conn: Connection, event_id: EventId, user_id: UserId, *, admitted: bool = True
) -> GuestId:
    """Let a user see an event's gallery without consent and face data, or wait to be admitted."""
    await conn.execute(
        """
        insert into guest (event_id, account_id, admitted_at)
        values ($1, $2, case when $3 then now() end)
        on conflict (event_id, account_id) do nothing""",
        event_id,
        user_id,
        admitted,
    )
    guest_id: int = await conn.fetchval(
        "select id from guest where event_id = $1 and account_id = $2", event_id, user_id
    )
    return GuestId(guest_id)


async def lock_consent(conn: Connection, guest_id: GuestId) -> None:
    """Lock a guest with consent for share until the transaction ends; ConsentRequired without."""
    row = await conn.fetchrow(
        """
        select from guest
         where id = $1 and consent_at is not null and consent_withdrawn_at is null for share""",
        guest_id,
    )
    if row is None:
        raise ConsentRequired


async def undo_join(conn: Connection, guest_id: GuestId, before: Guest | None) -> None:
    """Undo a join whose selfie was refused, unless the guest has another selfie.

    Somebody who was no guest *before* is deleted; an earlier guest stays, and their consent ends
    with the selfie that it was given for.
    """
    if before is None:
        await conn.execute(
            """
            delete from guest where id = $1
               and not exists (select from selfie where guest_id = guest.id)""",
            guest_id,
        )
    else:
        await conn.execute(
            """
            update guest set consent_withdrawn_at = now(), admitted_at = coalesce(admitted_at, $2)
             where id = $1 and not exists (select from selfie where guest_id = guest.id)""",
            guest_id,
            before.admitted_at,
        )


async def forget(conn: Connection, event_id: EventId, user_id: UserId) -> bool:
    """Remove a user's part in an event; their vectors follow by a job; False without one.

    A trigger clears what they wrote, and the name of their group of faces (migrations/0017).
    """
    faces = await _vectors(conn, event_id, user_id)
    await sweep_for_rivals(conn, event_id, user_id)
    deleted = await conn.execute(
        "delete from guest where event_id = $1 and account_id = $2", event_id, user_id
    )
    await forget_faces(conn, event_id, faces, delay=REQUEST_SECONDS)
    return deleted == "DELETE 1"


async def withdraw(conn: Connection, event_id: EventId, user_id: UserId) -> None:
    """Withdraw a guest's consent: everything made from their face goes, they stay and browse.

    Their verdicts go too, and so do their notifications of photos that show them.
    """
    faces = await _vectors(conn, event_id, user_id)
    await sweep_for_rivals(conn, event_id, user_id)
    guest_id = await conn.fetchval(
        """
        update guest set consent_withdrawn_at = coalesce(consent_withdrawn_at, now()),
                         notify_mail = false
         where event_id = $1 and account_id = $2 returning id""",
        event_id,
        user_id,
    )
    # the names are ours; matches go with their references
    for table in ("verdict", "reference", "selfie", "push_subscription"):
        await conn.execute(f"delete from {table} where guest_id = $1", guest_id)  # noqa: S608
    # the name that an admin gave to their group of faces is personal data too
    await conn.execute(
        "update person set guest_id = null, name = null where guest_id = $1", guest_id
    )
    await forget_faces(conn, event_id, faces, delay=REQUEST_SECONDS)


async def _vectors(conn: Connection, event_id: EventId, user_id: UserId) -> list[EngineFaceId]:
    """Return a guest's vectors in the event's collection.

    Their selfies are locked from here on, so that no other one is stored in between.
    """
    # waits for a transaction that stores a selfie's vector, so that none is left out below
    await conn.execute(
        """
        select from selfie join guest on guest.id = selfie.guest_id
         where guest.event_id = $1 and guest.account_id = $2 for update of selfie""",
        event_id,
        user_id,
    )
    faces = await conn.fetch(
        """
        select reference.engine_face_id from reference join guest on guest.id = reference.guest_id
         where guest.event_id = $1 and guest.account_id = $2 and reference.kind = 'selfie'""",
        event_id,
        user_id,
    )
    return [EngineFaceId(row["engine_face_id"]) for row in faces]


async def forget_faces(
    conn: Connection,
    event_id: EventId,
    faces: Sequence[EngineFaceId],
    *,
    collection_id: str | None = None,
    delay: float = 0.0,
) -> None:
    """Request the deletion of vectors from a collection, by default the event's present one.

    Workers leave it to the caller for *delay* seconds (`queue.claim_for_request`).
    If the event is deleted, its collections are deleted too: then nothing is requested.
    """
    named: str | None = await conn.fetchval(
        "select collection_id from event where id = $1", event_id
    )
    if named is None or not faces:
        return
    await queue.enqueue(
        conn,
        JobKind.FORGET_FACES,
        label=f"{len(faces)} faces",
        event_id=event_id,
        payload={"collection_id": collection_id or named, "face_ids": list(faces)},
        delay=delay,
    )


def _guest(row: Record) -> Guest:
    state = row["selfie_state"]
    return Guest(**{**row, "selfie_state": None if state is None else SelfieState(state)})
