"""Migrated databases for tests: made from a template, emptied after a test, and used again.

Emptying the few tables that a test has filled takes a tenth of the time of `create database`.
A database whose tables, functions or statistics a test has changed is dropped instead.
"""

import hashlib
import uuid
from urllib.parse import urlsplit

import asyncpg

from findme import db

#: A database that has grown by more bytes is dropped: deleted rows keep their place in it.
_MAX_GROWTH = 16 * 2**20

#: What a test may have changed apart from rows. A changed catalog row has a younger xmin, and one
#: that is gone is missing in the count.
_CATALOG = """
select array[
    (select (count(*), max(xmin::text::bigint))::text from pg_class),
    (select (count(*), max(xmin::text::bigint))::text from pg_attribute),
    (select (count(*), max(xmin::text::bigint))::text from pg_constraint),
    (select (count(*), max(xmin::text::bigint))::text from pg_trigger),
    (select (count(*), max(xmin::text::bigint))::text from pg_proc),
    (select (count(*), max(xmin::text::bigint))::text from pg_statistic),
    (select count(*)::text
       from pg_db_role_setting as setting join pg_database on pg_database.oid = setting.setdatabase
      where datname = current_database())]"""


def database_of(dsn: str, name: str) -> str:
    """Return the DSN with another database's name."""
    parts = urlsplit(dsn)
    # urlunsplit drops the empty host of postgresql://postgres@/…, which asyncpg wants
    return f"{parts.scheme}://{parts.netloc}/{name}" + (f"?{parts.query}" if parts.query else "")


class Databases:
    """The databases of a test run on one server; *dsn* is its maintenance database's."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        checksums = "".join(migration.checksum for migration in db.read_migrations())
        #: Others may use the server with other migrations.
        self._template = f"findme_{hashlib.sha256(checksums.encode()).hexdigest()[:16]}"
        self._all: set[str] = set()
        self._free: list[str] = []
        self._emptying = ""
        self._catalog: list[str] = []
        self._size = 0

    async def take(self) -> str:
        """Return the DSN of a migrated database in which nothing was ever written."""
        if not self._free:
            self._free.append(await self._create())
        return self._free.pop()

    async def give_back(self, dsn: str) -> None:
        """End what is still connected to a database, and empty it or drop it."""
        conn = await asyncpg.connect(dsn)
        try:
            await conn.execute("""
                select pg_terminate_backend(pid, 10000) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()""")
            unchanged = await conn.fetchval(_CATALOG) == self._catalog
            size = await conn.fetchval("select pg_database_size(current_database())")
            if unchanged and size <= self._size + _MAX_GROWTH:
                await conn.execute(self._emptying)
                self._free.append(dsn)
                return
        finally:
            await conn.close()
        await self._drop(dsn)

    async def close(self) -> None:
        """Drop all databases but the template."""
        for dsn in list(self._all):
            await self._drop(dsn)

    async def _create(self) -> str:
        admin = await asyncpg.connect(self._dsn)
        try:
            # test processes that share a server make one template
            await admin.execute("select pg_advisory_lock(hashtext($1))", self._template)
            known = "select exists (select from pg_database where datname = $1)"
            if not await admin.fetchval(known, self._template):
                unfinished = f"unfinished_{uuid.uuid4().hex}"
                await admin.execute(f"create database {unfinished}")
                conn = await asyncpg.connect(database_of(self._dsn, unfinished))
                await db.migrate(conn)
                await conn.close()
                await admin.execute(f"alter database {unfinished} rename to {self._template}")
            name = f"test_{uuid.uuid4().hex}"
            await admin.execute(f"create database {name} template {self._template}")
        finally:
            await admin.close()
        dsn = database_of(self._dsn, name)
        self._all.add(dsn)
        if not self._emptying:
            conn = await asyncpg.connect(dsn)
            self._emptying = await _emptying(conn)
            self._catalog = await conn.fetchval(_CATALOG)
            self._size = await conn.fetchval("select pg_database_size(current_database())")
            await conn.close()
        return dsn

    async def _drop(self, dsn: str) -> None:
        admin = await asyncpg.connect(self._dsn)
        name = urlsplit(dsn).path.removeprefix("/")
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()
        self._all.discard(dsn)


async def _emptying(conn: db.Connection) -> str:
    """Return SQL that brings back the rows and sequences of a database that was just migrated."""
    # without triggers and foreign keys: the order of the tables does not matter
    lines = ["set session_replication_role = replica"]
    tables = await conn.fetch("""
        select quote_ident(relname) as name from pg_class
         where relnamespace = 'public'::regnamespace and relkind = 'r'""")
    for name in (table["name"] for table in tables):
        lines.append(f"delete from {name}")
        rows = await conn.fetchval(
            f"select quote_literal(json_agg({name})) from {name} having count(*) > 0"
        )
        if rows is not None:
            lines.append(
                f"insert into {name} overriding system value"
                f" select * from json_populate_recordset(null::{name}, {rows})"
            )
    lines.append("""
        select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
          from pg_sequences where last_value is not null""")
    return ";\n".join(lines)
