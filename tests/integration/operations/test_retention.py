"""What ends by itself."""

import asyncio
from functools import partial

import asyncpg
import pytest

from findme import db, queue
from findme.accounts import accounts, auth, guests
from findme.audit import rows
from findme.audit.finding import Finding
from findme.db import Pool
from findme.models import JobKind, Role
from findme.operations import retention
from findme.periodic import every
from tests.support.face_rows import add_photo, add_reference
from tests.support.helpers import add_expiring_event, add_gala, event_names


async def test_events_past_their_time_are_deleted_with_their_collections(pool: Pool) -> None:
    for name, expires in (("over", "-1 second"), ("later", "1 hour"), ("never", None)):
        await add_expiring_event(pool, name, expires)
    assert await retention.delete_expired_events(pool) == 1
    assert await event_names(pool) == ["later", "never"]
    (job,) = await pool.fetch(
        "select kind, payload, event_id from job where kind <> 'remove_traces'"
    )
    assert (job["kind"], job["event_id"]) == ("delete_collection", None)
    assert '"over"' in job["payload"]


async def test_vectors_of_strangers_go_when_matching_closes_and_those_of_guests_stay(
    pool: Pool,
) -> None:
    async with db.transaction(pool) as conn:
        closed, open_ = [(await add_gala(conn, name)).id for name in ("closed", "open")]
        for event_id in (closed, open_):
            vector = await add_reference(conn, event_id, int(event_id))
            await add_photo(conn, event_id, 1, [vector, f"stranger of {event_id}"])
        await conn.execute("update event set starts_at = now() - interval '29 days'")
    # uploads that still wait are compared first, and an audit gives them a day
    async with db.acquire(pool) as conn:
        job_id = await queue.enqueue(conn, JobKind.INDEX_PHOTO, label="late", event_id=closed)
    await pool.execute(
        "update event set closes_at = now() - interval '2 days' where id = $1", closed
    )
    assert await retention.give_up_strangers(pool) == 0
    late = Finding("strangers' vectors after matching closed", f"event {closed}")
    async with db.acquire(pool) as conn:
        assert late in await rows.check(conn)
    await pool.execute("update job set state = 'done' where id = $1", job_id)

    assert await retention.give_up_strangers(pool) == 1
    assert await retention.give_up_strangers(pool) == 0

    (job,) = await pool.fetch("select payload from job where kind = 'forget_faces'")
    assert job["payload"].count("stranger") == 1
    assert f"stranger of {closed}" in job["payload"]
    kept = await pool.fetch(
        "select event_id, count(engine_face_id) as vectors from face group by 1 order by 1"
    )
    assert [tuple(row) for row in kept] == [(closed, 0), (open_, 2)]
    assert await pool.fetchval("select count(*) from reference") == 2
    async with db.acquire(pool) as conn:
        assert late not in await rows.check(conn)

    # an event that names no closing time closes 30 days after it began
    await pool.execute("update event set starts_at = now() - interval '31 days'")
    assert await retention.give_up_strangers(pool) == 1


async def test_two_services_that_look_at_the_same_moment_do_not_trip(pool: Pool) -> None:
    for number in range(5):
        await add_expiring_event(pool, str(number), "-1 second")
    await asyncio.gather(*(retention.delete_expired_events(pool) for _ in range(3)))
    assert await event_names(pool) == []
    queued = "select count(*) from job where kind = 'delete_collection'"
    assert await pool.fetchval(queued) == 5


async def test_sessions_past_their_time_are_removed(pool: Pool) -> None:
    async with db.transaction(pool) as conn:
        user_id = await auth.create_account(
            conn, name="Ada", email="ada@example.org", password_hash="none", role=Role.GUEST
        )
        old = await auth.open_session(conn, user_id)
        await conn.execute("update session set expires_at = now() - interval '1 second'")
        await auth.open_session(conn, user_id)
    await auth.prune_sessions(pool)
    assert await pool.fetchval("select count(*) from session") == 1
    assert old.token


async def test_house_is_kept_through_a_restart_of_the_database(
    pool: Pool, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await asyncpg.connect(database)
    task = asyncio.create_task(every(0, "Retention", partial(retention.delete_expired, pool)))
    try:
        for _ in range(3):
            await other.execute("""
                select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()""")
        await other.execute("""
            insert into event (code, name, expires_at, collection_id)
            values ('over', 'over', now(), 'over')""")
        async with asyncio.timeout(30):
            while await other.fetchval("select count(*) from event"):
                assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])
        await other.close()


async def test_an_account_by_name_alone_goes_with_its_last_event(pool: Pool) -> None:
    async with db.transaction(pool) as conn:
        over, later = await add_gala(conn, "Over"), await add_gala(conn, "Later")
        for name, joined in (("One", [over]), ("Two", [over, later])):
            user_id, _ = await accounts.create_keyed(conn, name)
            for event in joined:
                await guests.browse(conn, event.id, user_id)
        await auth.create_account(
            conn, name="Three", email="3@example.org", password_hash="none", role=Role.GUEST
        )
        await conn.execute("update event set expires_at = now() where name = 'Over'")
    await retention.delete_expired(pool)
    rows = await pool.fetch("select name from account order by name")
    assert [row["name"] for row in rows] == ["Three", "Two"]
