"""Restores: everything comes back, and what was deleted meanwhile stays deleted."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from findme.accounts import auth, guests
from findme.backup import archive_format, create, restore
from findme.backup.archive_format import BackupUnreadable
from findme.backup.restore import Restored, RestoreRefused
from findme.db import Pool
from findme.embedded.postgres import open_home
from findme.embedded.postgres_home import find_home
from findme.embedded.postgres_tools import ProgramFailed
from findme.gallery import events, photos
from findme.models import EventId, PhotoId
from findme.privacy import erasure_journal
from findme.settings import Settings
from tests.support.backup_fixtures import add_event_with_data, away, found, home, make_event
from tests.support.helpers import add_match
from tests.support.pictures import drawn

__all__ = ["away", "home"]


async def test_a_backup_comes_back_in_an_empty_database(
    pool: Pool, home: Settings, away: Settings, tmp_path: Path
) -> None:
    before = await add_event_with_data(pool)
    manifest, size = await create.make(home, tmp_path / "findme.backup")
    assert (manifest.events, manifest.photos, manifest.guests) == (1, 3, 2)
    assert size == (tmp_path / "findme.backup").stat().st_size

    done = await restore.restore(away, tmp_path / "findme.backup")

    assert done == Restored(manifest, {})
    assert await found(away, "select email from account order by 1") == [
        "ada@example.org",
        "bob@example.org",
    ]
    shown = await found(
        away, "select photo_id from match where guest_id = $1", before["bob"].guest_id
    )
    assert shown == [before["photos"][1]]
    assert b"".join(
        await found(away, "select bytes from image_chunk order by image_id, number")
    ) == drawn(1)


async def test_who_was_deleted_after_the_backup_stays_deleted(
    pool: Pool, home: Settings, tmp_path: Path
) -> None:
    before = await add_event_with_data(pool)
    later = await make_event(pool, "Cancelled")
    path = tmp_path / "findme.backup"
    await create.make(home, path)
    async with pool.acquire() as conn, conn.transaction():
        await guests.forget(conn, EventId(int(before["event"]["id"])), before["ada"].user_id)
        await auth.delete_account(conn, before["ada"].user_id)
        await photos.delete(conn, PhotoId(before["photos"][2]))
        await events.delete(conn, EventId(int(later["id"])))
    await pool.close()

    done = await restore.restore(home, path, replace=True)

    assert done.repeated == {"event": 1, "account": 1, "photo": 1}
    assert await found(home, "select email from account") == ["bob@example.org"]
    assert await found(home, "select name from event") == ["Gala"]
    assert await found(home, "select id from photo order by 1") == before["photos"][:2]
    assert await found(home, "select guest_id from match") == [before["bob"].guest_id]
    assert await found(home, "select count(*) from erasure where kind = 'account'") == [1]


async def test_a_lost_databases_deletions_are_known_from_the_file(
    pool: Pool, home: Settings, away: Settings, tmp_path: Path
) -> None:
    before = await add_event_with_data(pool)
    await create.make(home, tmp_path / "findme.backup")
    journal = erasure_journal.JournalExporter(pool, tmp_path / "other disk" / "erasures.log")
    assert await journal.export() == 0
    async with pool.acquire() as conn, conn.transaction():
        await guests.forget(conn, EventId(int(before["event"]["id"])), before["ada"].user_id)
    assert await journal.export() == 1
    assert await journal.export() == 0

    with pytest.raises(RestoreRefused, match="no journal of deletions"):
        await restore.restore(away, tmp_path / "findme.backup", journals=[tmp_path / "missing.log"])
    done = await restore.restore(
        away, tmp_path / "findme.backup", journals=[tmp_path / "other disk" / "erasures.log"]
    )

    assert done.repeated == {"guest": 1}
    assert await found(away, "select account_id from guest") == [before["bob"].user_id]


async def test_a_face_that_was_forgotten_stays_forgotten_and_its_guest_is_there(
    pool: Pool, home: Settings, tmp_path: Path
) -> None:
    before = await add_event_with_data(pool)
    ada, event_id = before["ada"], EventId(int(before["event"]["id"]))
    await pool.execute(
        "insert into verdict (guest_id, photo_id, says) values ($1, $2, 'me')",
        ada.guest_id,
        before["photos"][2],
    )
    await create.make(home, tmp_path / "findme.backup")
    async with pool.acquire() as conn, conn.transaction():
        await guests.withdraw(conn, event_id, ada.user_id)
    await pool.close()

    done = await restore.restore(home, tmp_path / "findme.backup", replace=True)

    assert done.repeated == {"selfie": 1}
    bob = [before["bob"].guest_id]
    for table in ("selfie", "reference", "match"):
        assert await found(home, f"select guest_id from {table}") == bob
    assert await found(home, "select guest_id from verdict") == []
    withdrawn = "select id from guest where consent_withdrawn_at is not null"
    assert await found(home, withdrawn) == [ada.guest_id]


async def test_of_two_selfies_the_one_that_was_deleted_stays_deleted(
    pool: Pool, home: Settings, tmp_path: Path
) -> None:
    before = await add_event_with_data(pool)
    async with pool.acquire() as conn:
        await add_match(conn, before["ada"].guest_id, before["photos"][2], 95.0)
    await create.make(home, tmp_path / "findme.backup")
    await pool.execute("delete from selfie where id = (select max(id) from selfie)")
    await pool.close()

    await restore.restore(home, tmp_path / "findme.backup", replace=True)

    shown = await found(
        home, "select photo_id from match where guest_id = $1", before["ada"].guest_id
    )
    assert shown == [before["photos"][0]]
    assert await found(home, "select consent_withdrawn_at from guest") == [None, None]


async def test_a_restored_event_has_a_new_collection_and_the_old_ones_are_deleted(
    pool: Pool, home: Settings, away: Settings, tmp_path: Path
) -> None:
    await add_event_with_data(pool)
    old = await pool.fetchval("select collection_id from event")
    await create.make(home, tmp_path / "findme.backup")
    deleting = "select payload->>'collection_id' from job where kind = 'delete_collection'"

    await restore.restore(away, tmp_path / "findme.backup")

    assert await found(away, "select collection_id from event") != [old]
    assert await found(
        away, "select kind from job where state = 'queued' and event_id is not null"
    ) == ["reindex_event"]
    assert await found(away, deleting) == [old]

    await restore.restore(away, tmp_path / "findme.backup", replace=True, copy=True)
    assert await found(away, deleting) == []


async def test_a_database_that_is_in_use_or_of_others_is_left_alone(
    pool: Pool, home: Settings, away: Settings, tmp_path: Path
) -> None:
    await add_event_with_data(pool)
    path = tmp_path / "findme.backup"
    await create.make(home, path)

    with pytest.raises(RestoreRefused, match="--replace"):
        await restore.restore(home, path)
    with pytest.raises(RestoreRefused, match="is running on"):
        await restore.restore(home, path, replace=True)
    assert len(await found(home, "select id from guest")) == 2

    await found(away, "create table theirs (id int)")
    with pytest.raises(RestoreRefused, match="not FindMe's"):
        await restore.restore(away, path, replace=True)


async def test_a_user_who_may_not_create_databases_fills_an_empty_one(
    pool: Pool, home: Settings, away: Settings, tmp_path: Path
) -> None:
    await add_event_with_data(pool)
    path = tmp_path / "findme.backup"
    await create.make(home, path)
    conn = await asyncpg.connect(away.database_url)
    owner = await conn.fetchval("select current_user")
    name = await conn.fetchval("select current_database()")
    role = f"plain_{name}"
    await conn.execute(f"create role {role} login password 'plain'")
    await conn.execute(f"alter database {name} owner to {role}")
    given = urlsplit(away.database_url or "")
    place = given.netloc.rpartition("@")[2]
    dsn = f"{given.scheme}://{role}:plain@{place}{given.path}?{given.query}"
    plain = Settings(findme_data_dir=tmp_path / "plain", database_url=dsn)

    await restore.restore(plain, path)

    assert len(await found(plain, "select id from guest")) == 2
    with pytest.raises(RestoreRefused, match="may not create databases"):
        await restore.restore(plain, path, replace=True)
    assert len(await found(plain, "select id from guest")) == 2

    await conn.execute(f"alter database {name} owner to {owner}")
    await conn.execute(f"drop owned by {role}; drop role {role}")
    await conn.close()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.97])
async def test_a_file_that_is_cut_off_changes_nothing(
    pool: Pool, home: Settings, tmp_path: Path, share: float
) -> None:
    await add_event_with_data(pool)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    await create.make(home, whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: int(len(data) * share)])
    await pool.close()

    with pytest.raises(BackupUnreadable):
        await restore.restore(home, cut, replace=True)
    assert len(await found(home, "select id from guest")) == 2


async def test_a_dump_that_does_not_restore_leaves_the_database_as_it_was(
    pool: Pool, home: Settings, tmp_path: Path
) -> None:
    await add_event_with_data(pool)
    path = tmp_path / "findme.backup"
    manifest, _ = await create.make(home, path)
    archive_format.write(path, manifest, lambda take: take(b"PGDMP, but not really"))
    await pool.close()

    with pytest.raises(ProgramFailed, match="pg_restore failed"):
        await restore.restore(home, path, replace=True)

    assert len(await found(home, "select id from guest")) == 2
    assert (
        await found(home, "select datname from pg_database where datname like 'findme_re%'") == []
    )


async def test_a_backup_of_a_newer_findme_is_refused(
    pool: Pool, home: Settings, away: Settings, tmp_path: Path
) -> None:
    await add_event_with_data(pool)
    await pool.execute(
        "insert into schema_migration (version, name, checksum) values (9999, '9999_later', '')"
    )
    await create.make(home, tmp_path / "findme.backup")
    with pytest.raises(RestoreRefused, match="9999_later"):
        await restore.restore(away, tmp_path / "findme.backup")


async def test_a_backup_goes_back_onto_an_older_postgresql(
    pool: Pool, home: Settings, scratch: Path, tmp_path: Path
) -> None:
    """The wheel carries PostgreSQL 16 too, which does not know all that pg_restore 18 sets."""
    await add_event_with_data(pool)
    path = tmp_path / "findme.backup"
    await create.make(home, path)
    newer = find_home(scratch / "older")
    older = replace(newer, binaries=newer.binaries.parents[1] / "pginstall" / "bin")
    async with open_home(older) as server:
        settings = Settings(findme_data_dir=tmp_path / "var", database_url=server.dsn)
        await restore.restore(settings, path)
        assert len(await found(settings, "select id from guest")) == 2
        assert (await found(settings, "show server_version_num"))[0].startswith("16")
        manifest, _ = await create.make(settings, tmp_path / "again.backup")
        assert (manifest.postgres, manifest.guests) == (16, 2)
