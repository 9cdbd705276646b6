"""Erasure receipts: what was removed, and the check that nothing is left.

A receipt holds numbers and times and, until its check has succeeded, the ids of the deleted rows;
no name, no address. It completes by itself: while the engine cannot be reached, or indexes photos
of the event, the check is repeated after growing delays.
"""

import hashlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from findme import db
from findme.db import Connection, Pool
from findme.errors import EngineError, NotFound
from findme.models import EventId, UserId
from findme.rekognition import Rekognition

log = logging.getLogger(__name__)

#: Seconds between two checks of open receipts.
PERIOD = 30.0
#: Time that a receipt can be read. It is of no use to us.
KEPT = timedelta(days=365)
#: Without letters and digits that are easily confused.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

#: Columns that lead to a person, which an erasure empties; a test compares them with the database.
OF_ACCOUNT = {
    "account": "id",
    "audit": "actor_id",
    "email_confirmation": "account_id",
    "guest": "account_id",
    "known_browser": "account_id",
    "password_reset": "account_id",
    "photo": "account_id",
    "recovery_code": "account_id",
    "second_factor": "account_id",
    "session": "account_id",
}
OF_GUEST = {
    "favourite": "guest_id",
    "guest": "id",
    "match": "guest_id",
    "person": "guest_id",
    "push_subscription": "guest_id",
    "reference": "guest_id",
    "report": "guest_id",
    "selfie": "guest_id",
    "verdict": "guest_id",
}
#: Those about a face, which are emptied if a guest withdraws a consent and stays.
OF_FACE = {name: OF_GUEST[name] for name in ("match", "person", "reference", "selfie", "verdict")}


@dataclass(frozen=True, slots=True)
class Opened:
    """A new receipt; only now is its token known."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The numbers of an erasure."""

    number: str
    erased_at: datetime
    #: None while something is left, or cannot be checked.
    checked_at: datetime | None
    #: Whether the account was deleted too.
    whole: bool
    events: int
    selfies: int
    faceprints: int
    #: Photos on the person's sure and maybe shelves.
    sure: int
    maybe: int
    verdicts: int
    #: Notes on photos that the person reported.
    notes: int
    #: Texts of other people that mention the person.
    mentions: int
    #: Whether a text of theirs was found where none should be.
    texts_left: bool
    #: When the database's files were freed of the deleted rows, and how far (raw_traces.Extent).
    rewritten_at: datetime | None
    rewritten: str | None
    #: Engines that held the faceprints: `embedded`, `aws:<region>`.
    engines: Sequence[str]


async def begin(
    conn: Connection,
    user_id: UserId,
    *,
    whole: bool,
    event_id: EventId | None = None,
) -> Opened:
    """Count a user's data, in the erasing transaction before anything is removed.

    *whole* says whether the account is deleted too; *event_id* is the only event of the erasure, or
    None for all.
    """
    token = secrets.token_urlsafe(16)
    receipt_id: int = await conn.fetchval(
        """
        with part as (
            select id from guest
             where account_id = $1 and ($4::bigint is null or event_id = $4)),
        shown as (
            select coalesce(sum(sure), 0) as sure, coalesce(sum(maybe), 0) as maybe
              from part cross join lateral (
                   select count(*) filter (where shelf = 'sure') as sure,
                          count(*) filter (where shelf = 'maybe') as maybe
                     from guest_photo where guest_id = part.id) as mine)
        insert into receipt (token_hash, whole, events, selfies, faceprints, sure, maybe, verdicts,
                             account_id, guest_ids)
        select $2, $3, (select count(*) from part),
               (select count(*) from selfie join part on part.id = guest_id), 0,
               (select sure from shown), (select maybe from shown),
               (select count(*) from verdict join part on part.id = guest_id),
               case when $3 then $1::bigint end,
               coalesce((select array_agg(id) from part), '{}')
        returning id""",
        user_id,
        _digest(token),
        whole,
        event_id,
    )
    await conn.execute(
        """
        insert into receipt_collection (receipt_id, event_id, collection_id, engine)
        select $1, event.id, used, engine
          from guest join event on event.id = guest.event_id,
               lateral (select collection_id as used
                        -- those that a re-index has left, until the engine has deleted them
                        union select payload->>'collection_id' from job
                               where kind = 'delete_collection' and state <> 'done'
                                 and payload->>'event_id' = event.id::text) as collections
         where account_id = $2 and ($3::bigint is null or event.id = $3)""",
        receipt_id,
        user_id,
        event_id,
    )
    return Opened(receipt_id, token)


async def note_faceprints(conn: Connection, receipt: Opened) -> None:
    """Record the number of vectors that the erasing transaction enqueued for deletion."""
    # all rows of a transaction have the same time
    await conn.execute(
        """
        update receipt set faceprints = (
            select coalesce(sum(jsonb_array_length(payload->'face_ids')), 0)
              from job join receipt_collection as kept
                        on kept.event_id = job.event_id and kept.receipt_id = receipt.id
                       and kept.collection_id = payload->>'collection_id'
             where kind = 'forget_faces' and job.created_at = now())
         where id = $1""",
        receipt.id,
    )


async def find(conn: Connection, token: str) -> tuple[int, Receipt]:
    """Return a receipt and its id; NotFound for any other token."""
    digest = _digest(token)
    row = await conn.fetchrow(
        """
        select id, erased_at, checked_at, whole, events, selfies, faceprints, sure, maybe, verdicts,
               notes, mentions, texts_left <> '{}' as texts_left, rewritten_at, rewritten,
               array(select distinct engine from receipt_collection
                      where receipt_id = receipt.id and engine is not null order by 1) as engines
          from receipt where token_hash = $1""",
        digest,
    )
    if row is None:
        raise NotFound
    values = dict(row)
    return values.pop("id"), Receipt(number=_number(digest), **values)


async def check(pool: Pool, faces: Rekognition, receipt_id: int) -> bool:
    """Check everything again; True, and the receipt is complete, once nothing is left."""
    async with db.acquire(pool) as conn:
        row = await conn.fetchrow(
            """
            update receipt set tried_at = now() where id = $1 and checked_at is null
            returning account_id, guest_ids, whole, texts_left""",
            receipt_id,
        )
        if row is None:
            return True
        tables = OF_GUEST if row["whole"] else OF_FACE
        rows = await count_rows(conn, row["account_id"], row["guest_ids"], tables)
    if rows or row["texts_left"]:
        # the texts were looked for in the erasing transaction: nobody knows them any more
        columns = ", ".join(row["texts_left"])
        log.error("[Erasure] Receipt %s: %d rows are left, text in: %s", receipt_id, rows, columns)
        return False
    try:
        if not await _collections_are_clean(pool, faces, receipt_id):
            return False
    except EngineError:
        log.warning("[Erasure] Receipt %s: its check waits for the engine", receipt_id)
        return False
    async with db.acquire(pool) as conn:
        await conn.execute(
            """
            update receipt set checked_at = clock_timestamp(), account_id = null, guest_ids = '{}'
             where id = $1""",
            receipt_id,
        )
    return True


async def count_rows(
    conn: Connection,
    account_id: int | None,
    guest_ids: Sequence[int],
    tables: Mapping[str, str] = OF_GUEST,
) -> int:
    """Return how many rows lead to an account, or (in *tables*) to its parts in events."""
    parts = [
        # the names are ours
        f"(select count(*) from {table} where {column} = $1::bigint)"  # noqa: S608
        for table, column in OF_ACCOUNT.items()
    ] + [
        f"(select count(*) from {table} where {column} = any($2::bigint[]))"  # noqa: S608
        for table, column in tables.items()
    ]
    left: int = await conn.fetchval(f"select {' + '.join(parts)}", account_id, guest_ids)
    return left


async def _collections_are_clean(pool: Pool, faces: Rekognition, receipt_id: int) -> bool:
    """Whether no deletion waits, and no collection holds more vectors than FindMe knows.

    The engine is asked first: a photo that is indexed between the two questions raises the number
    that we know, never lowers it.
    """
    async with db.acquire(pool) as conn:
        collections = await conn.fetch(
            "select collection_id from receipt_collection where receipt_id = $1", receipt_id
        )
    for row in collections:
        held = await faces.face_count(row["collection_id"])
        async with db.acquire(pool) as conn:
            known = await conn.fetchrow(
                """
                select (select count(*) from (
                            select engine_face_id from face join event on event.id = event_id
                             where collection_id = $2 and face.generation = event.generation
                               and engine_face_id is not null
                            union
                            select engine_face_id from reference join event on event.id = event_id
                             where collection_id = $2 and reference.generation = event.generation
                        ) as vectors) as vectors,
                       exists (select from job join receipt_collection as kept using (event_id)
                                where receipt_id = $1 and kept.collection_id = $2
                                  and kind = 'forget_faces' and state in ('queued', 'running')
                                  and payload->>'collection_id' = $2) as waiting""",
                receipt_id,
                row["collection_id"],
            )
        assert known is not None
        if known["waiting"] or held > known["vectors"]:
            log.info(
                "[Erasure] Receipt %s: %s holds %d vectors, the database knows %d",
                receipt_id,
                row["collection_id"],
                held,
                known["vectors"],
            )
            return False
    return True


async def check_open(pool: Pool, faces: Rekognition) -> int:
    """Check the receipts that are due; return the number that are complete now."""
    async with db.acquire(pool) as conn:
        rows = await conn.fetch(
            """
            select id from receipt
             where checked_at is null
               and (tried_at is null or now() - tried_at >= (tried_at - erased_at) / 10)
             order by id"""
        )
    return sum([await check(pool, faces, row["id"]) for row in rows])


async def complete(pool: Pool, faces: Rekognition) -> None:
    """Check the receipts that are incomplete, and delete those that are older than KEPT."""
    await check_open(pool, faces)
    async with db.acquire(pool) as conn:
        await conn.execute("delete from receipt where erased_at < now() - $1::interval", KEPT)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def _number(digest: bytes) -> str:
    """Return the receipt's number for people, such as `F7-2Q9K`; it opens nothing."""
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:6])
    return f"{letters[:2]}-{letters[2:]}"
