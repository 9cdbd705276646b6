"""Migrations: once each, in order, by one service at a time, and never an edited one."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from findme import db
from findme.db import Migration, read_migrations
from findme.errors import StartError

FIRST = Migration(1, "0001_things", "create table thing (id integer)")
SECOND = Migration(2, "0002_more", "alter table thing add name text")


async def test_each_migration_is_applied_once(empty_database: str) -> None:
    conn = await asyncpg.connect(empty_database)
    assert await db.migrate(conn, [FIRST]) == ["0001_things"]
    assert await db.migrate(conn, [FIRST, SECOND]) == ["0002_more"]
    assert await db.migrate(conn, [FIRST, SECOND]) == []
    await conn.execute("insert into thing (id, name) values (1, 'one')")
    await conn.close()


async def test_an_edited_migration_stops_the_start(empty_database: str) -> None:
    conn = await asyncpg.connect(empty_database)
    await db.migrate(conn, [FIRST])
    edited = Migration(1, FIRST.name, FIRST.sql + " -- harmless")
    with pytest.raises(StartError, match="0001_things was edited after the database took it"):
        await db.migrate(conn, [edited, SECOND])
    assert await conn.fetchval("select count(*) from schema_migration") == 1
    await conn.close()


async def test_a_migration_of_a_newer_version_stops_the_start(empty_database: str) -> None:
    conn = await asyncpg.connect(empty_database)
    await db.migrate(conn, [FIRST, SECOND])
    with pytest.raises(StartError, match="0002_more, unknown to this version"):
        await db.migrate(conn, [FIRST])
    await conn.close()


async def test_a_migration_that_fails_leaves_nothing_behind(empty_database: str) -> None:
    conn = await asyncpg.connect(empty_database)
    broken = Migration(1, "0001_broken", "create table half (id integer); select 1/0")
    with pytest.raises(StartError, match="0001_broken failed: division by zero"):
        await db.migrate(conn, [broken])
    assert await conn.fetchval("select to_regclass('half')") is None
    assert await db.migrate(conn, [FIRST]) == ["0001_things"]
    await conn.close()


async def test_two_services_on_an_empty_database_both_come_up(empty_database: str) -> None:
    conns = [await asyncpg.connect(empty_database) for _ in range(4)]
    applied = await asyncio.gather(*(db.migrate(conn) for conn in conns))
    every = [migration.name for migration in read_migrations()]
    assert sorted(applied) == [[], [], [], every]
    for conn in conns:
        await conn.close()


async def test_a_service_that_dies_while_it_migrates_holds_nobody_up(empty_database: str) -> None:
    holder, other = [await asyncpg.connect(empty_database) for _ in range(2)]
    await holder.execute("select pg_advisory_lock($1)", db.MIGRATION_LOCK)
    migrating = asyncio.create_task(db.migrate(other, [FIRST]))
    await holder.close()
    assert await migrating == ["0001_things"]
    await other.close()


async def test_photos_that_waited_for_a_failed_job_have_failed_since(empty_database: str) -> None:
    conn, released = await asyncpg.connect(empty_database), read_migrations()
    await db.migrate(conn, released[:9])
    async with conn.transaction():
        event_id = await conn.fetchval(
            "insert into event (code, name, collection_id) values ('A', 'Gala', 'x') returning id"
        )
        photos = await conn.fetch(
            """
            insert into photo (event_id, digest, filename, width, height, state)
            select $1, convert_to(name, 'UTF8'), name, 1, 1, state
              from (values ('waits', 'received'), ('tried anew', 'prepared'),
                           ('given up', 'prepared')) as wanted (name, state) returning id""",
            event_id,
        )
        await conn.executemany(
            """
            insert into job (kind, photo_id, label, priority, state, error)
            values ('index_photo', $1, 'photo', 2, $2, 'Odd.')""",
            [
                (photos[0]["id"], "queued"),
                *((photos[1]["id"], state) for state in ("failed", "queued")),
                (photos[2]["id"], "failed"),
            ],
        )

    await db.migrate(conn, released)

    rows = await conn.fetch("select state, error from photo order by id")
    assert [tuple(row) for row in rows] == [
        ("received", None),
        ("prepared", None),
        ("failed", "Odd."),
    ]
    await conn.close()


async def test_waiting_jobs_get_their_dedupe_keys_and_of_twins_one_does(
    empty_database: str,
) -> None:
    conn, released = await asyncpg.connect(empty_database), read_migrations()
    await db.migrate(conn, released[:10])
    event_id = await conn.fetchval(
        "insert into event (code, name, collection_id) values ('A', 'Gala', 'x') returning id"
    )
    await conn.executemany(
        """
        insert into job (kind, event_id, label, priority, state, payload)
        values ($1, $2, '-', 1, $3, $4)""",
        [
            ("match_event", event_id, "running", None),
            ("match_event", event_id, "queued", None),
            ("match_event", event_id, "failed", None),
            ("match_event", event_id, "done", None),
            ("reindex_event", event_id, "running", None),
            ("group_faces", event_id, "running", None),
            ("group_faces", event_id, "queued", None),
            ("notify_guest", event_id, "queued", '{"guest_id": 7}'),
            ("notify_guest", event_id, "queued", '{"guest_id": 7}'),
            ("index_photo", event_id, "queued", None),
        ],
    )

    await db.migrate(conn, released[:11])

    match, reindex, group = (
        f"{kind}:{event_id}" for kind in ("match_event", "reindex_event", "group_faces")
    )
    rows = await conn.fetch("select dedupe_key, dedupe_running from job order by id")
    assert [tuple(row) for row in rows] == [
        *[(match, False)] * 3,
        (None, False),
        (reindex, True),
        (group, True),
        (None, False),
        ("notify_guest:7", False),
        (None, False),
        (None, False),
    ]
    await conn.close()


@pytest.mark.parametrize(
    "names", [[], ["0002_later.sql"], ["0001_a.sql", "0003_c.sql"], ["0001_a.sql", "0001_b.sql"]]
)
def test_numbers_without_gaps_and_twins_are_asked_for(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("select 1", encoding="utf-8")
    with pytest.raises(StartError, match="not numbered 1, 2, 3"):
        read_migrations(tmp_path)


def test_the_released_migrations_are_numbered_and_told_apart() -> None:
    migrations = read_migrations()
    assert [migration.version for migration in migrations] == [*range(1, len(migrations) + 1)]
    assert len({migration.checksum for migration in migrations}) == len(migrations)
