"""Back up the whole database while the service runs: `findme backup FILE`."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

import findme
from findme.backup import archive_format
from findme.backup.archive_format import Manifest
from findme.db import Connection
from findme.embedded import postgres_tools
from findme.embedded.postgres import join_database
from findme.errors import StartError
from findme.settings import Settings


class BackupFailed(StartError):
    """The backup cannot be made."""


async def make(settings: Settings, path: Path) -> tuple[Manifest, int]:
    """Write a backup of the settings' database to *path*; return its manifest and its bytes.

    It holds everything that was committed at one moment, shortly after the call. BackupFailed,
    ProgramFailed or StartError if it cannot be made; *path* is then unchanged.
    """
    if not path.parent.is_dir():
        raise BackupFailed(f"There is no folder {path.parent}.")
    if path.is_dir():
        raise BackupFailed(f"{path} is a folder: name a file.")
    async with join_database(settings) as dsn:
        try:
            conn = await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise BackupFailed(f"The database cannot be reached: {error}") from error
        try:
            server = conn.get_server_version().major
            program = await asyncio.to_thread(postgres_tools.find_program, "pg_dump", least=server)
            manifest = await _describe(conn, server, program.major)
        finally:
            await conn.close()
        try:
            size = await asyncio.to_thread(
                archive_format.write,
                path,
                manifest,
                lambda take: postgres_tools.dump(program, dsn, take),
            )
        except OSError as error:
            raise BackupFailed(f"{path} cannot be written: {error.strerror}") from error
    return manifest, size


async def _describe(conn: Connection, server: int, pg_dump: int) -> Manifest:
    try:
        names = await conn.fetch("select name from schema_migration order by version")
        counts = await conn.fetchrow(
            """
            select (select count(*) from event) as events, (select count(*) from photo) as photos,
                   (select count(*) from guest) as guests"""
        )
    except asyncpg.UndefinedTableError as error:
        raise BackupFailed("This database holds no FindMe.") from error
    assert counts is not None
    return Manifest(
        format=archive_format.FORMAT,
        findme=findme.__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        postgres=server,
        pg_dump=pg_dump,
        migrations=[row["name"] for row in names],
        **counts,
    )
