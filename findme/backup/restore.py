"""Restore a backup: `findme restore FILE`, on any machine with PostgreSQL 14 or newer.

The backup goes into a new database, which is migrated; then the deletions since the backup are
repeated on it, and only then does it replace the old database. If anything fails, the old database
is unchanged. Vectors are not in a backup: the next start finds events whose collection no engine
has, and re-indexes them from the stored pictures.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg

from findme import db
from findme.backup import archive_format, reconcile
from findme.backup.archive_format import Manifest
from findme.db import Connection
from findme.embedded import postgres_tools
from findme.embedded.data_dir import hold_data_dir
from findme.embedded.postgres import open_postgres
from findme.embedded.postgres_tools import Program
from findme.errors import StartError
from findme.privacy import erasure_journal
from findme.privacy.erasure_journal import JournalEntry
from findme.settings import Settings

log = logging.getLogger(__name__)


class RestoreRefused(StartError):
    """The backup cannot be restored."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore."""

    manifest: Manifest
    #: The number of repeated deletions by kind; kinds without any are left out.
    repeated: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Target:
    """The database that the restored one replaces."""

    dsn: str
    name: str
    #: It is empty and cannot be renamed, so it is filled directly.
    direct: bool
    erased: list[JournalEntry]
    collections: set[str]


async def restore(
    settings: Settings,
    path: Path,
    *,
    replace: bool = False,
    copy: bool = False,
    journals: Sequence[Path] = (),
) -> Restored:
    """Restore the backup at *path* into the settings' database; no service may be running on it.

    A database that holds events or guests is replaced only with *replace*. With *copy*, the service
    that the backup was made of keeps running, and keeps its collections in the engine. *journals*
    are further deletion journals. RestoreRefused, BackupUnreadable, ProgramFailed or StartError if
    it is not possible; then nothing has changed.
    """
    manifest = await asyncio.to_thread(archive_format.examine, path)
    unknown = set(manifest.migrations) - {each.name for each in db.read_migrations()}
    if unknown:
        raise RestoreRefused(
            f"The backup is of FindMe {manifest.findme}, which has the migration {min(unknown)}: "
            "restore it with that version or a newer one."
        )
    program = await asyncio.to_thread(
        postgres_tools.find_program, "pg_restore", least=manifest.pg_dump
    )
    erased = await asyncio.to_thread(
        _read_journals, erasure_journal.journal_path(settings), journals
    )
    async with _server(settings) as dsn:
        target = await _look(dsn, replace=replace)
        async with _fresh_database(target) as fresh:
            await _fill(program, fresh, path)
            repeated = await _settle(fresh, target, erased, copy=copy)
    return Restored(manifest, repeated)


def _read_journals(own: Path, others: Iterable[Path]) -> list[JournalEntry]:
    for path in others:
        if not path.is_file():
            raise RestoreRefused(f"There is no journal of deletions {path}.")
    try:
        return [erasure for path in (own, *others) for erasure in erasure_journal.read(path)]
    except OSError as error:
        raise RestoreRefused(f"The journal of deletions cannot be read: {error}") from error


@asynccontextmanager
async def _server(settings: Settings) -> AsyncIterator[str]:
    if settings.database_url is not None:
        yield settings.database_url
        return
    with hold_data_dir(settings.findme_data_dir):
        async with open_postgres(settings.findme_data_dir) as server:
            yield server.dsn


async def _connect(dsn: str, database: str | None = None) -> Connection:
    try:
        return await asyncpg.connect(dsn, database=database)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StartError(f"The database cannot be reached: {error}") from error


async def _look(dsn: str, *, replace: bool) -> _Target:
    """Return the database to replace; RestoreRefused if it must not be replaced."""
    conn = await _connect(dsn)
    try:
        if conn.get_server_version() < (14,):
            raise RestoreRefused("FindMe needs PostgreSQL 14 or newer.")
        ours = await conn.fetchval("select to_regclass('schema_migration') is not null")
        if not ours and await conn.fetchval(
            "select exists (select from pg_tables where schemaname = 'public')"
        ):
            raise RestoreRefused("The database holds tables that are not FindMe's: name another.")
        held = ours and await conn.fetchval(
            "select exists (select from event) or exists (select from guest)"
            " or exists (select from account where role = 'guest')"
        )
        if held and not replace:
            raise RestoreRefused("The database holds events or guests: --replace deletes them.")
        if await conn.fetchval(
            """
            select exists (select from pg_stat_activity where datname = current_database()
                              and pid <> pg_backend_pid() and application_name = 'findme')"""
        ):
            raise RestoreRefused("A FindMe is running on the database: stop it first.")
        direct = not await conn.fetchval(
            """
            select rolsuper or (rolcreatedb and pg_has_role(datdba, 'member'))
              from pg_roles, pg_database
             where rolname = current_user and datname = current_database()"""
        )
        if direct and held:
            raise RestoreRefused(
                "The database's user may not create databases, which replacing one requires: "
                "allow it (alter role … createdb), or name an empty database."
            )
        return _Target(
            dsn,
            await conn.fetchval("select current_database()"),
            direct,
            await erasure_journal.list_all(conn),
            await reconcile.collections_of(conn),
        )
    finally:
        await conn.close()


@asynccontextmanager
async def _fresh_database(target: _Target) -> AsyncIterator[str]:
    """Yield the DSN of an empty database, which replaces the target if the block succeeds."""
    if target.direct:
        await _clear(target.dsn)
        try:
            yield target.dsn
        except BaseException:
            await _clear(target.dsn)
            raise
        return
    name = f"findme_restore_{secrets.token_hex(4)}"
    # a database cannot be renamed over its own connection
    keeper = await _connect(target.dsn, "template1" if target.name == "postgres" else "postgres")
    try:
        await keeper.execute(f"create database {name} template template0 encoding 'UTF8'")
        try:
            yield _with_database(target.dsn, name)
            replaced = f"findme_replaced_{secrets.token_hex(4)}"
            async with keeper.transaction():
                await keeper.execute(f'alter database "{target.name}" rename to {replaced}')
                await keeper.execute(f'alter database {name} rename to "{target.name}"')
        except asyncpg.ObjectInUseError as error:
            raise RestoreRefused(
                "Another program is connected to the database: stop it first."
            ) from error
        finally:
            await keeper.execute(f"drop database if exists {name} with (force)")
        await keeper.execute(f"drop database {replaced} with (force)")
    except asyncpg.PostgresError as error:
        raise RestoreRefused(f"The database refused: {error}") from error
    finally:
        await keeper.close()


async def _clear(dsn: str) -> None:
    """Remove our own empty tables and functions."""
    conn = await _connect(dsn)
    try:
        for row in await conn.fetch(
            "select quote_ident(tablename) as name from pg_tables where schemaname = 'public'"
        ):
            await conn.execute(f"drop table if exists public.{row['name']} cascade")
        for row in await conn.fetch(
            "select p.oid::regprocedure::text as name from pg_proc p"
            " where pronamespace = 'public'::regnamespace and proowner = current_user::regrole"
        ):
            await conn.execute(f"drop function if exists {row['name']} cascade")
    finally:
        await conn.close()


async def _fill(program: Program, dsn: str, path: Path) -> None:
    feed = partial(archive_format.copy_dump, path)
    await asyncio.to_thread(postgres_tools.restore, program, dsn, feed)


async def _settle(
    dsn: str, target: _Target, erased: Sequence[JournalEntry], *, copy: bool
) -> dict[str, int]:
    conn = await _connect(dsn)
    try:
        await db.migrate(conn)
        async with conn.transaction():
            collections = await reconcile.collections_of(conn) | target.collections
            known = [*await erasure_journal.list_all(conn), *target.erased, *erased]
            repeated = await reconcile.repeat_erasures(conn, known)
            await reconcile.leave_vectors_to_reindex(conn, [] if copy else collections)
            await reconcile.give_new_collections(conn)
        await conn.execute("analyze")
    finally:
        await conn.close()
    return repeated


def _with_database(dsn: str, name: str) -> str:
    """Return the DSN with the name of another database."""
    scheme, _, rest = dsn.partition("://")
    place, question, options = rest.partition("?")
    return f"{scheme}://{place.partition('/')[0]}/{name}{question}{options}"
