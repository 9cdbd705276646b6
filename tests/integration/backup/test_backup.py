"""Backups: what is in the file, and which files are none."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from findme.backup import archive_format, create, restore
from findme.backup.archive_format import BackupUnreadable
from findme.backup.create import BackupFailed
from findme.db import Pool
from findme.embedded.data_dir import DataDirHeld, hold_data_dir
from findme.embedded.postgres import NoDatabase, join_postgres, open_postgres
from findme.errors import StartError
from findme.settings import Settings
from tests.support.backup_fixtures import add_event_with_data, away, home
from tests.support.cli import findme
from tests.support.pictures import drawn

__all__ = ["away", "home"]


async def test_a_backup_is_its_owners_alone_and_opens_without_findme(
    pool: Pool, home: Settings, tmp_path: Path
) -> None:
    await add_event_with_data(pool)
    path = tmp_path / "findme.backup"
    await create.make(home, path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.glob("*.partial")] == []
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["manifest.json", "database.dump", "SHA256SUMS"]
        told = archive.extractfile("manifest.json")
        dump = archive.extractfile("database.dump")
        assert told is not None
        assert dump is not None
        assert json.load(told)["migrations"][0] == "0001_initial"
        assert dump.read(5) == b"PGDMP"


async def test_damaged_files_and_others_are_told_from_backups(
    pool: Pool, home: Settings, tmp_path: Path
) -> None:
    await add_event_with_data(pool)
    path = tmp_path / "findme.backup"
    await create.make(home, path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BackupUnreadable, match="damaged"):
        archive_format.examine(path)
    path.write_bytes(drawn(1))
    with pytest.raises(BackupUnreadable, match="no backup of FindMe"):
        archive_format.examine(path)
    with pytest.raises(BackupUnreadable, match="There is no file"):
        archive_format.examine(tmp_path / "missing")
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("manifest.json")
        text = b'{"format": 2, "findme": "9.0"}'
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    with pytest.raises(BackupUnreadable, match=r"FindMe 9\.0 or newer"):
        archive_format.examine(path)


async def test_a_backup_has_to_go_somewhere_and_come_from_something(
    home: Settings, away: Settings, tmp_path: Path
) -> None:
    with pytest.raises(BackupFailed, match="no folder"):
        await create.make(home, tmp_path / "missing" / "findme.backup")
    with pytest.raises(BackupFailed, match="is a folder"):
        await create.make(home, tmp_path)
    with pytest.raises(BackupFailed, match="holds no FindMe"):
        await create.make(away, tmp_path / "findme.backup")
    with pytest.raises(NoDatabase, match="no database in"):
        await create.make(Settings(findme_data_dir=tmp_path / "none"), tmp_path / "x")
    assert not (tmp_path / "none").exists()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


async def test_the_embedded_server_is_joined_while_it_runs_and_started_where_not(
    scratch: Path, tmp_path: Path
) -> None:
    data_dir = scratch / "backup-embedded"
    settings = Settings(findme_data_dir=data_dir)
    with hold_data_dir(data_dir):
        async with open_postgres(data_dir) as server:
            done = findme("migrate", cwd=tmp_path, DATABASE_URL=server.dsn)
            assert done.returncode == 0, done.stderr
            done = findme(
                "backup", str(tmp_path / "running"), cwd=tmp_path, FINDME_DATA_DIR=str(data_dir)
            )
            assert done.returncode == 0, done.stderr
            with pytest.raises(DataDirHeld):
                await restore.restore(settings, tmp_path / "running")
        with pytest.raises(StartError, match="takes no connections now"):
            async with join_postgres(data_dir):
                pass
    await create.make(settings, tmp_path / "stopped")
    done = findme("restore", str(tmp_path / "stopped"), cwd=tmp_path, FINDME_DATA_DIR=str(data_dir))
    assert done.returncode == 0, done.stderr
    assert "Deletions since, repeated: none" in done.stdout


def test_a_file_that_is_no_backup_is_one_line_and_1(tmp_path: Path) -> None:
    done = findme("restore", "missing", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "findme: There is no file missing.\n")
