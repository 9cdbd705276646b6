"""The watcher's journal: the state of each file of a folder, crash-safe, in SQLite.

An entry is valid for one size and time of a file: a file that changed is another file. The journal
is on the photographer's own disk, not on the card, which may be read-only or pulled.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from findme.errors import StartError

T = TypeVar("T")

_SCHEMA = """
    create table if not exists event (id text not null);
    create table if not exists file (
        name     text primary key,
        size     integer not null,
        mtime_ns integer not null,
        state    text not null,
        sha256   text,
        photo_id text,
        reason   text
    ) without rowid;
"""


class FileState(StrEnum):
    """The recorded state of a file."""

    #: Its hash is known, and the server does not have it.
    WAITING = "waiting"
    #: We sent it, and the server confirmed its hash.
    SENT = "sent"
    #: The server had it already, from another run or under another name.
    THERE = "there"
    #: It is rejected; the reason says why.
    REFUSED = "refused"
    #: A RAW file that is skipped because its JPEG is beside it.
    SKIPPED = "skipped"


#: States that are final as long as the file does not change.
FINAL = frozenset(FileState) - {FileState.WAITING}


@dataclass(frozen=True, slots=True)
class FileEntry:
    """The journal's entry for one file."""

    #: The path below the folder, with slashes.
    name: str
    size: int
    mtime_ns: int
    state: FileState
    #: The hash of the uploaded bytes: for a RAW file, of the JPEG inside.
    sha256: str | None = None
    photo_id: str | None = None
    reason: str | None = None


class UploadJournal:
    """An open journal; all access to its file is in one thread of its own."""

    def __init__(self, thread: ThreadPoolExecutor, database: sqlite3.Connection) -> None:
        self._thread = thread
        self._database = database

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, self._database)

    async def read(self) -> dict[str, FileEntry]:
        """Return all entries by name."""

        def read(database: sqlite3.Connection) -> dict[str, FileEntry]:
            rows = database.execute(
                "select name, size, mtime_ns, state, sha256, photo_id, reason from file"
            )
            return {
                (name := os.fsdecode(stored)): FileEntry(
                    name, size, mtime_ns, FileState(state), *more
                )
                for stored, size, mtime_ns, state, *more in rows
            }

        return await self._run(read)

    async def note(self, entries: Iterable[FileEntry]) -> None:
        """Write entries; they are on the disk when this returns."""
        rows = [(_stored(entry.name), *astuple(entry)[1:]) for entry in entries]

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(
                    "insert or replace into file "
                    "(name, size, mtime_ns, state, sha256, photo_id, reason) "
                    "values (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )

        await self._run(write)

    async def begin(self, event_id: str) -> bool:
        """Record the event that the files go to; return False if it was another one before.

        In that case all entries are deleted: the files have still to be sent to this event.
        """

        def write(database: sqlite3.Connection) -> bool:
            before = database.execute("select id from event").fetchone()
            if before == (event_id,):
                return True
            with database:
                database.execute("delete from event")
                database.execute("delete from file")
                database.execute("insert into event (id) values (?)", (event_id,))
            return before is None

        return await self._run(write)


def _stored(name: str) -> str | bytes:
    """Return a name for SQLite: as bytes if it is not UTF-8."""
    data = os.fsencode(name)
    return name if name == data.decode("utf-8", "replace") else data


@asynccontextmanager
async def open_journal(path: Path | None) -> AsyncIterator[UploadJournal]:
    """Open the journal at *path*, or one in memory; StartError if another watcher holds it.

    A damaged file is renamed to `….damaged`: the server then says which files it has.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="journal") as thread:
        loop = asyncio.get_running_loop()
        database = await loop.run_in_executor(thread, _open, path)
        try:
            yield UploadJournal(thread, database)
        finally:
            await loop.run_in_executor(thread, database.close)


def _open(path: Path | None) -> sqlite3.Connection:
    if path is None:
        return _prepared(":memory:")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _prepared(str(path))
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StartError(
                f"Another watcher is at work on this folder: it holds {path}."
            ) from error
        raise StartError(f"The journal {path} cannot be opened: {error}") from error
    except sqlite3.DatabaseError:
        for suffix in ("", "-wal"):
            damaged = path.with_name(path.name + suffix)
            if damaged.exists():
                damaged.replace(path.with_name(path.name + suffix + ".damaged"))
        return _prepared(str(path))
    except OSError as error:
        raise StartError(f"The journal {path} cannot be opened: {error}") from error


def _check(database: sqlite3.Connection) -> None:
    if database.execute("pragma quick_check(1)").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("damaged")


def _prepared(name: str) -> sqlite3.Connection:
    database = sqlite3.connect(name, timeout=1.0)
    try:
        # locked by this process, and released by the kernel if it is killed
        database.execute("pragma locking_mode = exclusive")
        database.execute("pragma journal_mode = wal")
        # an entry must survive a power cut
        database.execute("pragma synchronous = full")
        _check(database)
        database.executescript(_SCHEMA)
        with database:
            # the first write takes the lock
            database.execute("delete from file where name = ''")
    except BaseException:
        database.close()
        raise
    return database
