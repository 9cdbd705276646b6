"""What `tests.support.databases` lends: nothing of one test reaches the next."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from findme import db
from findme.db import Connection
from tests.support.databases import Databases


@pytest.fixture
async def lent(cluster: str) -> AsyncIterator[Databases]:
    databases = Databases(cluster)
    yield databases
    await databases.close()


async def contents(conn: Connection) -> dict[str, list[str]]:
    """Return the rows of each table, and the next values of all sequences."""
    tables = await conn.fetch("select tablename as name from pg_tables where schemaname = 'public'")
    found = {
        name: [row[0] for row in await conn.fetch(f"select row_to_json({name})::text from {name}")]
        for name in sorted(table["name"] for table in tables)
    }
    sequences = await conn.fetch("select sequencename, last_value from pg_sequences order by 1")
    return {**found, "": [str(tuple(row)) for row in sequences]}


async def test_a_returned_database_has_the_rows_and_sequences_of_a_new_one(lent: Databases) -> None:
    dsn = await lent.take()
    conn = await asyncpg.connect(dsn)
    new = await contents(conn)
    await conn.execute("""
        insert into account (role, name, email, password_hash) values ('admin', 'A', 'a', 'x');
        delete from schema_migration;
        update control set paused = true""")
    assert await contents(conn) != new
    await lent.give_back(dsn)  # the connection is still open: it is ended
    with pytest.raises(db.CONNECTION_ERRORS):
        await conn.fetchval("select 1")
    assert await lent.take() == dsn
    conn = await asyncpg.connect(dsn)
    assert await contents(conn) == new
    await conn.close()


@pytest.mark.parametrize(
    "change",
    [
        "alter table account rename column name to other",
        "drop table receipt cascade",
        "create function one() returns int language sql as 'select 1'",
        "insert into control default values on conflict do nothing; analyze control",
        """do $$ begin
             execute format('alter database %I set jit = on', current_database());
           end $$""",
    ],
)
async def test_a_database_that_was_changed_is_not_lent_again(lent: Databases, change: str) -> None:
    dsn = await lent.take()
    conn = await asyncpg.connect(dsn)
    await conn.execute(change)
    await conn.close()
    await lent.give_back(dsn)
    assert await lent.take() != dsn


async def test_a_database_that_has_grown_is_not_lent_again(lent: Databases) -> None:
    dsn = await lent.take()
    conn = await asyncpg.connect(dsn)
    await conn.execute("""
        insert into account (role, name, email, password_hash)
        select 'guest', repeat('a', 90), n || '@example.org', repeat('x', 900)
          from generate_series(1, 20000) as n""")
    await conn.close()
    await lent.give_back(dsn)
    assert await lent.take() != dsn
