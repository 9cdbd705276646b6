"""The pictures of selfies: found, and dropped once their vectors are made if the event says so.

A selfie whose picture is dropped is lost when its vector is (a re-index begins an empty
collection): what it found stays, and its guest is asked for another one.
"""

from findme import queue
from findme.db import Connection
from findme.models import EventId, GuestId, JobKind, SelfieId, StoredImage
from findme.queue import Dedupe

#: Seconds until dropped pictures are removed from the database's files too: all of that time at
#: once, since guests who join meanwhile wait for it.
TRACES_SECONDS = 300.0
#: The payload of that job.
ONLY_SELFIES = {"only": "selfies"}
#: The name of the mail that asks for another selfie in SEND_MAIL's payload.
LETTER = "selfie"


async def find(conn: Connection, guest_id: GuestId, selfie_id: SelfieId) -> StoredImage | None:
    """Return the stored picture of one of a guest's selfies; None if it is not theirs, or gone."""
    row = await conn.fetchrow(
        """
        select image.id, media_type, size_bytes, digest
          from image join selfie on selfie.id = image.selfie_id
         where selfie.id = $2 and guest_id = $1 and size = 'original'""",
        guest_id,
        selfie_id,
    )
    return None if row is None else StoredImage(**row)


async def find_newest(conn: Connection, guest_id: GuestId) -> SelfieId | None:
    """Return the newest selfie with a picture that a guest is searched for with."""
    selfie_id: int | None = await conn.fetchval(
        """
        select max(selfie.id) from selfie join image on image.selfie_id = selfie.id
         where guest_id = $1 and state = 'accepted'""",
        guest_id,
    )
    return None if selfie_id is None else SelfieId(selfie_id)


async def drop(conn: Connection, event_id: EventId) -> None:
    """Delete the pictures whose vectors are made, if the event keeps none.

    That of a guest who waits stays until they are admitted: the organiser compares it.

    In the transaction that stores the vector or changes the event: both hold the event's row, so
    neither overlooks what the other does.
    """
    deleted = await conn.execute(
        """
        delete from image using reference, event
         where event.id = $1 and drop_selfies and reference.event_id = event.id
           and reference.generation = event.generation
           and image.selfie_id = reference.selfie_id
           and reference.guest_id in (select id from guest where admitted_at is not null)""",
        event_id,
    )
    if deleted != "DELETE 0":
        await queue.enqueue(
            conn,
            JobKind.REMOVE_TRACES,
            label="dropped selfies",
            payload=ONLY_SELFIES,
            delay=TRACES_SECONDS,
            dedupe=Dedupe(f"{JobKind.REMOVE_TRACES}:selfies"),
        )


async def is_lost(conn: Connection, selfie_id: SelfieId) -> bool:
    """Whether nothing can be searched with a selfie any more."""
    lost: bool = await conn.fetchval(
        "select exists (select from lost_selfie where id = $1)", selfie_id
    )
    return lost


async def needs_another(conn: Connection, guest_id: GuestId) -> bool:
    """Whether all selfies of a guest are lost, and none waits for the engine."""
    needed: bool = await conn.fetchval(
        """
        select exists (select from lost_selfie where guest_id = $1)
           and not exists (select from selfie where guest_id = $1 and state <> 'refused'
                              and id not in (select id from lost_selfie where guest_id = $1))""",
        guest_id,
    )
    return needed


async def ask_for_others(conn: Connection, event_id: EventId) -> int:
    """Enqueue a mail to each guest who needs another selfie, and wants mails; return how many."""
    rows = await conn.fetch(
        """
        select guest.id from guest join account on account.id = guest.account_id
         where guest.event_id = $1 and notify_mail and email_proven_at is not null
           and guest.id in (select guest_id from lost_selfie where event_id = $1)
         order by guest.id""",
        event_id,
    )
    asked = [row["id"] for row in rows if await needs_another(conn, row["id"])]
    for guest_id in asked:
        await queue.enqueue(
            conn,
            JobKind.SEND_MAIL,
            label="another selfie",
            event_id=event_id,
            payload={"letter": LETTER, "guest_id": guest_id},
        )
    return len(asked)
