"""The job that removes what deleted rows leave in the database's files.

That nothing is left is shown on a whole service's files: tests/journeys/test_gone.py.
"""

import asyncpg
import pytest

from findme import db
from findme.db import Pool
from findme.privacy import erased_texts, erasure_receipts, raw_traces
from findme.privacy.raw_traces import TracesHeld
from findme.privacy.text_search import Place
from tests.conftest import App
from tests.support.helpers import add_gala, make_event, member, page_of


async def waiting(pool: Pool) -> list[tuple[str, str | None]]:
    rows = await pool.fetch("select state, error from job where kind = 'remove_traces' order by id")
    return [(row["state"], row["error"]) for row in rows]


async def filenode(pool: Pool, table: str) -> int:
    node: int = await pool.fetchval("select pg_relation_filenode($1::text::regclass)", table)
    return node


async def test_each_deletion_asks_for_the_job_and_one_waits(app: App) -> None:
    pool = app.resources.pool
    event = await make_event(app)
    for number in range(3):
        guest = await member(pool, event, f"{number}@example.org")
        answer = await app.client.delete("/api/me", headers=guest.headers)
        assert answer.status == 204
    assert await waiting(pool) == [("queued", None)]


async def test_the_job_rewrites_what_is_personal_and_completes_the_receipt(app: App) -> None:
    pool = app.resources.pool
    event = await make_event(app)
    guest = await member(pool, event)
    before = {table: await filenode(pool, table) for table in raw_traces.PERSONAL}
    photos = await filenode(pool, "image_chunk")
    answer = await app.client.delete("/api/me", headers=guest.headers)
    address = answer.headers["Location"]
    shown = {"Accept-Language": "en", "Accept": "text/html"}
    assert "They are rewritten within two minutes" in await page_of(app, address, shown)

    await app.drain()

    assert await waiting(pool) == [("done", None)]
    assert [t for t in before if await filenode(pool, t) == before[t]] == []
    assert await filenode(pool, "image_chunk") == photos
    assert "none of our files has your data" in await page_of(app, address, shown)


async def test_a_deleted_event_leaves_small_tables_rewritten_too(app: App) -> None:
    pool = app.resources.pool
    event = await make_event(app)
    before = {table: await filenode(pool, table) for table in raw_traces.OF_EVENTS}
    answer = await app.client.delete(f"/api/admin/events/{event['id']}", headers=app.admin)
    assert answer.status == 204
    await app.drain()
    assert [t for t in before if await filenode(pool, t) == before[t]] == []


async def test_a_large_table_of_pictures_stays_open_to_its_readers(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_traces, "SMALL", -1)
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
        await conn.execute("delete from event where id = $1", event.id)
    before = await filenode(pool, "image_chunk")
    await raw_traces.remove(pool, embedded=True)
    assert await filenode(pool, "image_chunk") == before


async def test_another_server_is_not_said_to_be_proven(pool: Pool) -> None:
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
    guest = await member(pool, {"id": event.id})
    async with db.transaction(pool) as conn:
        opened = await erasure_receipts.begin(conn, guest.user_id, whole=True)
    await raw_traces.remove(pool, embedded=False)
    async with db.acquire(pool) as conn:
        _, receipt = await erasure_receipts.find(conn, opened.token)
    assert receipt.rewritten == "tables"


async def test_a_transaction_that_sees_the_deleted_rows_is_waited_for(
    app: App, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a backup does: rewriting would keep the rows for it."""
    monkeypatch.setattr(raw_traces, "SNAPSHOT_SECONDS", 0.0)
    pool = app.resources.pool
    guest = await member(pool, await make_event(app))
    backup = await asyncpg.connect(database)
    reading = backup.transaction(isolation="repeatable_read")
    await reading.start()
    await backup.fetchval("select count(*) from account")
    await app.client.delete("/api/me", headers=guest.headers)

    await pool.execute("update job set run_at = now() where state = 'queued'")
    await app.queue.run_due()
    ((state, error),) = await waiting(pool)
    assert (state, error) == ("queued", str(TracesHeld()))
    assert await pool.fetchval("select rewritten from receipt") is None

    await reading.rollback()
    await backup.close()
    await app.drain()
    assert await waiting(pool) == [("done", None)]
    assert await pool.fetchval("select attempts from job where kind = 'remove_traces'") == 1


async def test_a_table_in_use_is_left_to_its_users(
    pool: Pool, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_traces, "LOCK_SECONDS", 1)
    user = await asyncpg.connect(database)
    async with user.transaction():
        await user.execute("lock table account in row exclusive mode")
        with pytest.raises(TracesHeld):
            await raw_traces.remove(pool, embedded=True)
    await user.close()
    await raw_traces.remove(pool, embedded=True)


async def test_the_server_keeps_no_samples_of_people(app: App) -> None:
    pool = app.resources.pool
    event = await make_event(app)
    for number in range(20):
        await member(pool, event, f"{number}@example.org")
    await pool.execute("analyze")
    rows = await pool.fetch(
        """
        select tablename, attname from pg_stats
         where schemaname = 'public' and (most_common_vals::text ~ 'Ada|example'
                                          or histogram_bounds::text ~ 'Ada|example')"""
    )
    assert [tuple(row) for row in rows] == []


async def test_what_leads_to_a_person_in_words_is_rewritten(pool: Pool) -> None:
    """A new table with words of a guest belongs into PERSONAL."""
    rows = await pool.fetch(
        """
        select distinct relname as name from pg_class join pg_attribute on attrelid = pg_class.oid
         where relnamespace = 'public'::regnamespace and relkind = 'r'
           and atttypid in ('text'::regtype, 'bytea'::regtype) and attnum > 0"""
    )
    wordy = {row["name"] for row in rows}
    leading = {*erasure_receipts.OF_ACCOUNT, *erasure_receipts.OF_GUEST}
    # ids, words of our own, and numbers
    pseudonymous = {"audit", "photo", "reference", "verdict"}
    assert (leading & wordy) - pseudonymous <= set(raw_traces.PERSONAL)
    named = [Place(*name.split(".")).table for name in erased_texts.OTHERS_WORDS]
    assert {*named, "image_chunk"} - {"audit"} <= {*raw_traces.PERSONAL, *raw_traces.OF_EVENTS}
