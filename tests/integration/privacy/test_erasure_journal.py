"""The journal of deletions: what the triggers note, and what the file keeps of it."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from findme.db import Pool
from findme.privacy import erasure_journal
from findme.privacy.erasure_journal import JournalEntry, JournalExporter
from tests.support.helpers import add_match, add_photos, member


@pytest.fixture
async def event(pool: Pool) -> dict[str, str]:
    event_id = await pool.fetchval(
        "insert into event (code, name, collection_id) values ('AAAA', 'Gala', 'c') returning id"
    )
    return {"id": str(event_id)}


async def noted(pool: Pool) -> list[str]:
    rows = await pool.fetch("select kind from erasure order by kind")
    return [row["kind"] for row in rows]


async def test_each_deletion_is_noted_under_the_random_name_of_what_is_gone(
    pool: Pool, event: dict[str, str]
) -> None:
    ada = await member(pool, event)
    async with pool.acquire() as conn:
        photo_ids = await add_photos(conn, event, 2)
        await add_match(conn, ada.guest_id, photo_ids[0], 95.0)
    names = await pool.fetchrow(
        "select (select uid from selfie) as selfie, (select uid from photo where id = $1) as photo",
        photo_ids[1],
    )
    assert names is not None

    await pool.execute("delete from selfie")
    await pool.execute("delete from photo where id = $1", photo_ids[1])
    rows = await pool.fetch("select uid, kind from erasure")
    assert {row["kind"]: row["uid"] for row in rows} == dict(names)
    await pool.execute("delete from guest")
    assert await noted(pool) == ["guest", "photo", "selfie"]


async def test_what_goes_with_its_event_has_no_note_of_its_own(
    pool: Pool, event: dict[str, str]
) -> None:
    ada = await member(pool, event)
    async with pool.acquire() as conn:
        photo_ids = await add_photos(conn, event, 3)
        await add_match(conn, ada.guest_id, photo_ids[0], 95.0)
    await pool.execute("delete from event")
    assert await noted(pool) == ["event"]
    await pool.execute("delete from account")
    assert await noted(pool) == ["account", "event"]


async def test_a_deletion_that_is_rolled_back_was_none(pool: Pool, event: dict[str, str]) -> None:
    async with pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute("delete from event")
        await transaction.rollback()
    assert event
    assert await noted(pool) == []


async def test_the_file_gets_each_deletion_once_also_after_a_restart(
    pool: Pool, event: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "apart" / "erasures.log"
    async with pool.acquire() as conn:
        first, second = await add_photos(conn, event, 2)
    journal = JournalExporter(pool, path)
    await pool.execute("delete from photo where id = $1", first)
    assert [await journal.export(), await journal.export()] == [1, 0]
    await pool.execute("delete from photo where id = $1", second)

    assert [
        await JournalExporter(pool, path).export(),
        await JournalExporter(pool, path).export(),
    ] == [1, 0]
    assert path.stat().st_mode & 0o777 == 0o600
    async with pool.acquire() as conn:
        known = await erasure_journal.list_all(conn)
    assert {each.uid for each in erasure_journal.read(path)} == {each.uid for each in known}


def test_a_line_that_was_cut_off_is_passed_over_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "erasures.log"
    one, two = (JournalEntry(uuid4(), kind, datetime.now(UTC)) for kind in ("guest", "photo"))
    erasure_journal.append(path, [one])
    with path.open("a", encoding="ascii") as file:
        file.write(two.line[:40])
    erasure_journal.append(path, [two])
    assert [(each.uid, each.kind) for each in erasure_journal.read(path)] == [
        (one.uid, "guest"),
        (two.uid, "photo"),
    ]
    assert erasure_journal.read(tmp_path / "missing") == []
