"""The pool and its transactions."""

import asyncio

import asyncpg
import pytest

from findme import db
from findme.db import Pool
from findme.errors import StartError


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://nobody@127.0.0.1:1/nothing",
        "postgresql://nobody@no-such-host.invalid/nothing",
        "postgresql://127.0.0.1:port/nothing",
    ],
)
async def test_a_database_that_cannot_be_reached_is_one_line(dsn: str) -> None:
    with pytest.raises(StartError, match=r"^The database cannot be reached: [^\n]+$"):
        async with db.open_pool(dsn, min_size=1, max_size=1):
            pass


async def test_a_transaction_that_fails_leaves_nothing(pool: Pool) -> None:
    async def fail_halfway() -> None:
        async with db.transaction(pool) as conn:
            await conn.execute("insert into replica (host, pid) values ('a', 1)")
            await conn.execute("select 1/0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await fail_halfway()
    assert await pool.fetchval("select count(*) from replica") == 0


async def test_a_cancelled_task_ends_though_its_connection_is_lost(pool: Pool) -> None:
    """Else a loop that is stopped while its database dies takes that for an outage, and waits."""
    inside: asyncio.Queue[int] = asyncio.Queue()

    async def wait_in_a_transaction() -> None:
        async with db.transaction(pool) as conn:
            inside.put_nowait(conn.get_server_pid())
            try:
                await asyncio.Event().wait()
            finally:
                await pool.fetchval("select pg_terminate_backend($1, 10000)", pid)

    task = asyncio.create_task(wait_in_a_transaction())
    pid = await inside.get()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_database_that_answers_is_left_alone(pool: Pool) -> None:
    assert not await db.drop_if_silent(pool)
    assert await pool.fetchval("select 1") == 1


async def test_nobody_waits_for_a_database_that_answers_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop then comes to its end: whoever is inside a transaction is out of it."""
    monkeypatch.setattr(db, "SILENCE_SECONDS", 0.2)
    began = asyncio.Event()

    async def wait_for_an_answer(pool: Pool) -> None:
        async with db.transaction(pool) as conn:
            began.set()
            await conn.execute("select pg_sleep(600)")

    async with asyncio.timeout(60), db.open_pool(database, min_size=1, max_size=1) as pool:
        task = asyncio.create_task(wait_for_an_answer(pool))
        await began.wait()
        # all that the pool has is that one connection
        assert await db.drop_if_silent(pool)
        await asyncio.wait([task])
        assert isinstance(task.exception(), db.CONNECTION_ERRORS)


async def test_the_pool_is_never_larger_than_it_may_be(database: str) -> None:
    async with db.open_pool(database, min_size=9, max_size=2) as pool:
        assert (pool.get_min_size(), pool.get_max_size()) == (2, 2)


async def test_connections_say_whose_they_are(pool: Pool) -> None:
    assert await pool.fetchval("select current_setting('application_name')") == "findme"
    assert await pool.fetchval("select current_setting('jit')") == "off"


async def test_email_addresses_are_stored_in_lower_case_only(pool: Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            """
            insert into account (role, name, email, password_hash)
            values ('guest', 'Ada', 'Ada@example.org', 'none')"""
        )
