"""The way to PostgreSQL: the pool, transactions, migrations. Nothing about photos."""

import asyncio
import errno
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import asyncpg

from findme.errors import FindMeError, StartError
from findme.paths import MIGRATIONS
from findme.tasks import run_shielded

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

log = logging.getLogger(__name__)

T = TypeVar("T")
Record: TypeAlias = asyncpg.Record
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

#: Callers of `acquire` that wait, by pool: asyncpg has no public count.
_waiting: Counter[Pool] = Counter()
#: Seconds to wait for a free connection (contract: DB_POOL_SIZE).
ACQUIRE_TIMEOUT = 60.0
#: Seconds after which an idle connection is recycled.
IDLE_LIFETIME = 1800.0
#: Seconds that a database has to answer `select 1` when the service stops.
SILENCE_SECONDS = 8.0
#: Seconds that a database has to answer `select 1` for the readiness check.
PING_SECONDS = 5.0
#: Raised by a database that is away, restarts, is full, or rolled a transaction back for another
#: one: a retry later may succeed.
CONNECTION_ERRORS = (
    asyncpg.PostgresConnectionError,
    asyncpg.TransactionRollbackError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    # raised by asyncpg for a connection that the server has just closed
    asyncpg.InternalClientError,
    OSError,
)
#: A full disk may have space again later.
_FULL = (errno.ENOSPC, errno.EDQUOT)
#: Any fixed number: all services on a database take this advisory lock while they migrate.
MIGRATION_LOCK = 7_213_944_021
#: Attempts to run a transaction that the server rolls back because of another one.
ATTEMPTS = 3
#: The SQLSTATE of the message that a statement which changes rights sends (migrations/0034).
RIGHTS_CHANGED = "FMR01"


class DatabaseAway(FindMeError):
    """The database does not answer at this moment: try again."""

    status = 503
    code = "database_away"
    retry_after = 5


def is_connection_error(error: Exception) -> bool:
    """Whether the database could not answer, as opposed to a file that cannot be read or written.

    An OSError of a file has a name, that of a connection has none.
    """
    of_a_file = isinstance(error, OSError) and error.filename and error.errno not in _FULL
    return isinstance(error, CONNECTION_ERRORS) and not of_a_file


class Changes:
    """What the process of a pool knows of changes to rights; the database announces them.

    A statement that may change rights tells its own connection at once (`note`), and all who listen
    when it is committed (migrations/0034). What was read holds while `count` is what it was before
    and nothing is `writing`.
    """

    def __init__(self, dsn: str) -> None:
        #: Where the announcements can be heard.
        self.dsn = dsn
        self.count = 0
        #: The borrowed connections that have changed rights, perhaps in a transaction still open.
        self.writing: set[int] = set()
        #: Called at each change.
        self.listeners: list[Callable[[], None]] = []

    def add(self) -> None:
        """Count a change, or a moment in which one may have been missed."""
        self.count += 1
        for listener in self.listeners:
            listener()

    def note(self, conn: object, message: asyncpg.PostgresLogMessage) -> None:
        """Take a message of the server to a borrowed connection."""
        if message.sqlstate == RIGHTS_CHANGED:
            self.writing.add(id(conn))
            self.add()

    def settle(self, conn: object, *, interrupted: bool) -> None:
        """Count the changes of a connection that was given back: they are committed, or undone.

        If its last statement was *interrupted*, nobody read what the server said of it.
        """
        if interrupted or id(conn) in self.writing:
            self.writing.discard(id(conn))
            self.add()


#: What is known of changes in the database of each open pool.
changes: dict[Pool, Changes] = {}


@asynccontextmanager
async def open_pool(dsn: str, *, min_size: int, max_size: int) -> AsyncIterator[Pool]:
    """Open the pool; StartError if the database cannot be reached or is too old."""
    try:
        pool = await asyncpg.create_pool(
            dsn,
            min_size=min(min_size, max_size),
            max_size=max_size,
            max_inactive_connection_lifetime=IDLE_LIFETIME,
            reset=_leave_as_it_is,
            # compiling the plans of our short queries never pays off
            server_settings={"application_name": "findme", "jit": "off"},
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StartError(f"The database cannot be reached: {error}") from error
    changes[pool] = Changes(dsn)
    try:
        async with acquire(pool) as conn:
            if conn.get_server_version() < (14,):
                raise StartError("FindMe needs PostgreSQL 14 or newer.")
        yield pool
    finally:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await pool.close()
        except TimeoutError:  # the pool has dropped them
            log.warning("[Shutdown] Database connections did not close in time and are dropped")
        del changes[pool]


async def _leave_as_it_is(_: Connection) -> None:
    """Send no statement when a connection is given back; asyncpg has ended its transaction.

    asyncpg's own would reset all settings, a tenth of the time of a short request. So nothing may
    outlive its transaction on a borrowed connection: no SET without LOCAL, no LISTEN, no advisory
    lock of the session, no cursor WITH HOLD, no temporary table.
    """


async def drop_if_silent(pool: Pool) -> bool:
    """Close the connections of a database that does not answer for SILENCE_SECONDS; say whether.

    A task that waits for it, even to release a connection, then gets one of CONNECTION_ERRORS.
    Without this, a database that hangs would keep the service from stopping.
    """
    asking = asyncio.create_task(_ask(pool))
    # an error is an answer, too
    asking.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
    try:
        # no timeout around the query: cancelling it would wait for the database again
        await asyncio.wait({asking}, timeout=SILENCE_SECONDS)
        if asking.done():
            return False
        log.error("[Shutdown] The database does not answer: its connections are dropped")
        pool.terminate()
        return True
    finally:
        asking.cancel()


async def _ask(pool: Pool, *, timeout: float | None = None) -> None:
    """Ask the simplest question; *timeout* is in seconds, without the wait for a connection."""
    async with acquire(pool) as conn:
        await conn.execute("select 1", timeout=timeout)


@asynccontextmanager
async def acquire(pool: Pool) -> "AsyncIterator[PoolConnectionProxy[asyncpg.Record]]":
    """Borrow a connection; TimeoutError after ACQUIRE_TIMEOUT.

    All code borrows here. The pool's own methods, such as `pool.fetchval`, give a connection back
    behind `asyncio.shield`: if they are cancelled and the server dies, an error is left that nobody
    retrieves.
    """
    try:
        conn = await _wait_for_connection(pool)
        known, interrupted = changes[pool], False
        try:
            conn.add_log_listener(known.note)
            yield conn
        except (asyncio.CancelledError, TimeoutError, *CONNECTION_ERRORS):
            interrupted = True
            raise
        finally:
            await run_shielded(_give_back(pool, conn, known, interrupted))
    except CONNECTION_ERRORS as error:
        # A rollback on a lost connection fails, and its error would replace the cancellation: a
        # loop that waits for its database would never stop.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise


async def _give_back(
    pool: Pool, conn: "PoolConnectionProxy[asyncpg.Record]", known: Changes, interrupted: bool
) -> None:
    try:
        with suppress(asyncpg.InterfaceError):  # it was lost, and is released already
            conn.remove_log_listener(known.note)
        await pool.release(conn)
    finally:
        known.settle(conn, interrupted=interrupted)


async def _wait_for_connection(pool: Pool) -> "PoolConnectionProxy[asyncpg.Record]":
    _waiting[pool] += 1
    try:
        # the pool's own timeout would start a task for each
        async with asyncio.timeout(ACQUIRE_TIMEOUT):
            return await pool.acquire()
    finally:
        _waiting[pool] -= 1
        if not _waiting[pool]:
            del _waiting[pool]


def count_waiting(pool: Pool) -> int:
    """Return the number of callers of `acquire` that wait for a connection."""
    return _waiting[pool]


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Borrow a connection inside a transaction."""
    async with acquire(pool) as conn, conn.transaction():
        yield conn


async def is_reachable(pool: Pool) -> bool:
    """Whether the database answers within a few seconds."""
    try:
        await _ask(pool, timeout=PING_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return False
    return True


async def retry_serialization(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run *work* in a transaction, and again if the server rolled it back (deadlock, conflict)."""
    for _ in range(ATTEMPTS - 1):
        with suppress(asyncpg.TransactionRollbackError):
            async with transaction(pool) as conn:
                return await work(conn)
    async with transaction(pool) as conn:
        return await work(conn)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of migrations/."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, so that an edited file is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """Read `NNNN_what_changes.sql` in order; StartError if a number is missing or twice."""
    migrations = [
        Migration(int(path.name[:4]), path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    ]
    numbers = [migration.version for migration in migrations]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise StartError(f"The migrations in {folder} are not numbered 1, 2, 3, …: {numbers}.")
    return migrations


async def migrate(conn: Connection, migrations: list[Migration] | None = None) -> list[str]:
    """Bring the database up to date and return the names of what was applied.

    Services that start together wait for each other at an advisory lock; each file runs in a
    transaction of its own. StartError if the database knows a migration that this version does
    not, or one whose text has changed since.
    """
    wanted = read_migrations() if migrations is None else migrations
    await conn.execute("select pg_advisory_lock($1)", MIGRATION_LOCK)
    try:
        await conn.execute("""
            create table if not exists schema_migration (
                version    integer primary key,
                name       text not null,
                checksum   text not null,
                applied_at timestamptz not null default now()
            )""")
        rows = await conn.fetch("select version, name, checksum from schema_migration")
        known = {migration.version: migration for migration in wanted}
        for row in rows:
            ours = known.get(row["version"])
            if ours is None:
                raise StartError(
                    f"The database has the migration {row['name']}, unknown to this version of "
                    "FindMe: start a newer one."
                )
            if ours.checksum != row["checksum"]:
                raise StartError(
                    f"The migration {ours.name} was edited after the database took it: put back "
                    "the released file and write a new migration."
                )
        applied = {row["version"] for row in rows}
        return [
            await _apply(conn, migration)
            for migration in wanted
            if migration.version not in applied
        ]
    finally:
        await conn.execute("select pg_advisory_unlock($1)", MIGRATION_LOCK)


async def _apply(conn: Connection, migration: Migration) -> str:
    try:
        async with conn.transaction():
            await conn.execute(migration.sql)
            await conn.execute(
                "insert into schema_migration (version, name, checksum) values ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
    except asyncpg.PostgresError as error:
        raise StartError(f"The migration {migration.name} failed: {error}") from error
    log.info("[Startup] Migration %s applied", migration.name)
    return migration.name
