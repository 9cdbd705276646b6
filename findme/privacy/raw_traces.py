"""Removes what deleted rows leave in the files of the database.

PostgreSQL only marks a deleted row; its bytes stay in the page, also after a plain VACUUM, and in
the write-ahead log. Tables are therefore rewritten, and the log is ended and dropped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

import asyncpg

from findme import db
from findme.db import Connection, Pool
from findme.errors import FindMeError

log = logging.getLogger(__name__)

#: Tables with what is personal; together they are rewritten in a second or two.
PERSONAL = (
    "account",
    "email_confirmation",
    "guest",
    "invitation",
    "keep_out",
    "known_browser",
    "password_reset",
    "person",
    "push_subscription",
    "recovery_code",
    "report",
    "second_factor",
    "selfie",
    "selfie_chunk",
    "session",
)
#: Tables that a deleted event or photo leaves rows in. A large one is not rewritten, as nobody
#: could see a photo meanwhile: its room is used again, and its empty end is cut off.
OF_EVENTS = (
    "event",
    "image",
    "image_chunk",
    "job",
    "job_step",
    "photo",
    "upload_token",
    "webhook_delivery",
)
#: Bytes up to which such a table is rewritten: two seconds of a slow disk.
SMALL = 256 * 2**20
#: Seconds that a rewrite waits for its table, while all that come later wait for it.
LOCK_SECONDS = 5
#: Seconds to wait for transactions that may still see the deleted rows.
SNAPSHOT_SECONDS = 20.0
#: Seconds between two looks at them.
LOOK_SECONDS = 0.25


class TracesHeld(FindMeError):
    """Another transaction may still see deleted rows, so their traces are removed later."""


class Extent(StrEnum):
    """What was freed of traces."""

    #: All files of the database.
    FILES = "files"
    #: The tables; the write-ahead log of the server is its operator's.
    TABLES = "tables"


async def remove(pool: Pool, *, embedded: bool) -> None:
    """Rewrite the tables, and with the *embedded* server drop its write-ahead log.

    All receipts of erasures that were committed before get the time. TracesHeld if a transaction
    that began before a deletion does not end in time, such as that of a backup.
    """
    async with db.acquire(pool) as conn:
        receipts = await conn.fetch("select id from receipt where rewritten_at is null")
        try:
            await _wait_for_snapshots(conn)
            async with _short_lock_waits(conn):
                for table in PERSONAL:
                    await conn.execute(f"vacuum full {table}")
                if await _photos_were_deleted(conn):
                    await _shrink(conn)
                if embedded:
                    # what ANALYZE kept before migration 0021 had it keep nothing of people
                    await conn.execute("vacuum full pg_statistic")
                    await _drop_log(conn)
        except asyncpg.LockNotAvailableError as error:
            raise TracesHeld from error
        extent = Extent.FILES if embedded else Extent.TABLES
        await conn.execute(
            """
            update receipt set rewritten = $2, rewritten_at = clock_timestamp()
             where id = any($1)""",
            [row["id"] for row in receipts],
            extent,
        )
    log.info("[Erasure] Traces of deleted rows are removed from the database's %s", extent)


async def remove_of_selfies(pool: Pool, *, embedded: bool) -> None:
    """Do the same for the pictures of selfies alone, which are dropped while their guests stay.

    It completes no receipt. TracesHeld as above.
    """
    async with db.acquire(pool) as conn:
        try:
            await _wait_for_snapshots(conn)
            async with _short_lock_waits(conn):
                await conn.execute("vacuum full selfie_chunk")
                if embedded:
                    await _drop_log(conn)
        except asyncpg.LockNotAvailableError as error:
            raise TracesHeld from error
    log.info("[Erasure] Traces of dropped selfies are removed from the database's files")


async def _drop_log(conn: Connection) -> None:
    # a checkpoint drops all segments before the one that it begins in
    await conn.execute("select pg_switch_wal()")
    await conn.execute("checkpoint")


@asynccontextmanager
async def _short_lock_waits(conn: Connection) -> AsyncIterator[None]:
    """Let statements wait for locks for LOCK_SECONDS at most; none of them runs in a transaction.

    What is set outlives the loan of a connection (see `db.open_pool`), so it is reset here.
    """
    await conn.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
    try:
        yield
    finally:
        if not conn.is_closed():
            await conn.execute("reset lock_timeout")


async def _wait_for_snapshots(conn: Connection) -> None:
    """Return once no other transaction is older than this call; TracesHeld after a while."""
    xid = str(await conn.fetchval("select pg_current_xact_id()::text"))
    deadline = asyncio.get_running_loop().time() + SNAPSHOT_SECONDS
    while await conn.fetchval(
        """
        select exists (
            select from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()
               and age(backend_xmin) >= age($1::text::xid8::xid))""",
        xid,
    ):
        if asyncio.get_running_loop().time() > deadline:
            raise TracesHeld
        await asyncio.sleep(LOOK_SECONDS)


async def _photos_were_deleted(conn: Connection) -> bool:
    """Whether an event or a photo was deleted of late; too often is only slower."""
    deleted: bool = await conn.fetchval(
        """
        select exists (select from erasure where kind in ('event', 'photo')
                          and erased_at > now() - interval '1 hour')"""
    )
    return deleted


async def _shrink(conn: Connection) -> None:
    for table in OF_EVENTS:
        await conn.execute(f"vacuum {table}")
        if await conn.fetchval("select pg_table_size($1::text::regclass)", table) <= SMALL:
            await conn.execute(f"vacuum full {table}")
