"""The deletion journal, kept apart from the database, so that a restore can repeat deletions.

A trigger records each deletion under a random name of the deleted row (see migrations/0007). Within
seconds the record is also in a file, which survives the loss of the database. Neither says who or
what it was.
"""

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from findme import db
from findme.db import Connection, Pool
from findme.settings import Settings

log = logging.getLogger(__name__)

#: Seconds until a deletion is in the file, at most.
PERIOD = 2.0
#: No deleting transaction takes longer from its start to its commit.
LONGEST = timedelta(minutes=15)
KINDS = frozenset({"account", "event", "guest", "selfie", "photo", "invitation"})


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One deletion, as the journal records it."""

    uid: UUID
    kind: str
    erased_at: datetime

    @property
    def line(self) -> str:
        """The deletion as a line of the file."""
        at = self.erased_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return f"{at} {self.kind} {self.uid}\n"


def journal_path(settings: Settings) -> Path:
    """Return the path of the file: ERASURE_JOURNAL, or `erasures.log` in the data directory."""
    return settings.erasure_journal or settings.findme_data_dir / "erasures.log"


def read(path: Path) -> list[JournalEntry]:
    """Return the deletions in a journal's file, [] if there is none; blocks.

    A line that a power cut left incomplete is skipped.
    """
    found = []
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            for number, text in enumerate(file, start=1):
                try:
                    at, kind, uid = text.split()
                    erasure = JournalEntry(UUID(uid), kind, datetime.fromisoformat(at))
                except ValueError:
                    log.warning("[Erasure] Line %d of %s cannot be read", number, path)
                    continue
                if kind in KINDS:
                    found.append(erasure)
    except FileNotFoundError:
        return []
    return found


def append(path: Path, erasures: Sequence[JournalEntry]) -> None:
    """Append to a journal's file, create it if it is missing, and sync it to disk; blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a+b", buffering=0) as file:
        cut_off = file.tell() > 0 and os.pread(descriptor, 1, file.tell() - 1) != b"\n"
        lines = ["\n"] * cut_off + [erasure.line for erasure in erasures]
        # in one write: another service may append to the same file
        file.write("".join(lines).encode())
        os.fsync(descriptor)


async def list_all(conn: Connection, *, since: datetime | None = None) -> list[JournalEntry]:
    """Return the deletions that the database has recorded, those before *since* left out.

    [] if the database is of a FindMe that recorded none.
    """
    try:
        rows = await conn.fetch(
            """
            select uid, kind, erased_at from erasure
             where $1::timestamptz is null or erased_at >= $1 order by erased_at, uid""",
            since,
        )
    except asyncpg.UndefinedTableError:
        return []
    # asyncpg's UUID is a class of its own
    return [JournalEntry(UUID(str(row["uid"])), row["kind"], row["erased_at"]) for row in rows]


async def note(conn: Connection, erasures: Iterable[JournalEntry]) -> None:
    """Record deletions that another database, or the file, contains."""
    await conn.executemany(
        """
        insert into erasure (uid, kind, erased_at) values ($1, $2, $3)
        on conflict (uid) do update set erased_at = excluded.erased_at""",
        [(erasure.uid, erasure.kind, erasure.erased_at) for erasure in erasures],
    )


class JournalExporter:
    """Copies the database's records to the file."""

    def __init__(self, pool: Pool, path: Path) -> None:
        self._pool = pool
        self._path = path
        self._since: datetime | None = None
        self._written: set[UUID] | None = None

    async def export(self) -> int:
        """Write the records that the file lacks; return their number."""
        if self._written is None:
            known = await asyncio.to_thread(read, self._path)
            self._written = {erasure.uid for erasure in known}
        async with db.acquire(self._pool) as conn:
            now: datetime = await conn.fetchval("select now()")
            noted = await list_all(conn, since=self._since)
        fresh = [erasure for erasure in noted if erasure.uid not in self._written]
        if fresh:
            await asyncio.to_thread(append, self._path, fresh)
        self._written = {erasure.uid for erasure in noted}
        self._since = now - LONGEST
        return len(fresh)
