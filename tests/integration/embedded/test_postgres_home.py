"""Where the private PostgreSQL lives when FindMe is root, and when it is not.

Each test holds for both: what root has to move, an ordinary user finds in its usual place.
"""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from findme.embedded.postgres import open_postgres
from findme.embedded.system_user import (
    FORMER,
    NAME,
    Account,
    account_for,
    blocked_at,
    find_account,
    make_account,
)
from findme.errors import StartError
from tests.support.own_postgres import (
    AS_ROOT,
    copy_of_the_wheel,
    data_dir,
    open_folder,
    run_sql,
    system_dir,
)

__all__ = ["data_dir", "open_folder", "system_dir"]


@pytest.fixture
def closed_dir(tmp_path: Path) -> Path:
    """Return a data directory in a home that only its owner can enter."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home / "var"


def close(folder: Path, *, to_its_owner_too: bool = False) -> None:
    folder.chmod(0 if to_its_owner_too else 0o700)


def list_folder(folder: Path) -> list[Path]:
    return list(folder.glob("*"))


async def test_the_database_lives_where_its_account_can_reach_it(
    closed_dir: Path, system_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Under root, a data directory in a closed home holds only a link to the database."""
    async with open_postgres(closed_dir, system_dir=system_dir) as server:
        await run_sql(server, "create table note as select 'kept' as words")
        place = server.data
    async with open_postgres(closed_dir, system_dir=system_dir) as server:
        assert await run_sql(server, "select words from note") == "kept"

    assert (closed_dir / "postgres-18").resolve() == place == server.data
    assert place.is_relative_to(system_dir) is AS_ROOT
    assert (f"the database lives in {place}" in caplog.text) is AS_ROOT


async def test_a_deleted_data_directory_takes_its_database_out_of_use(
    closed_dir: Path, system_dir: Path
) -> None:
    async with open_postgres(closed_dir, system_dir=system_dir) as server:
        await run_sql(server, "create table note as select 'forgotten' as words")
    shutil.rmtree(closed_dir)

    async with open_postgres(closed_dir, system_dir=system_dir) as server:
        assert await run_sql(server, "select to_regclass('note')") is None


async def test_a_database_that_got_out_of_reach_is_refused_not_begun_anew(
    open_folder: Path, data_dir: Path, system_dir: Path
) -> None:
    async with open_postgres(data_dir, system_dir=system_dir):
        pass
    if AS_ROOT:
        close(open_folder)
        refusal = re.escape(f"cannot enter {open_folder}: chmod o+x {open_folder}")
    else:
        close(data_dir, to_its_owner_too=True)
        refusal = "Permission denied"

    with pytest.raises(StartError, match=refusal):
        async with open_postgres(data_dir, system_dir=system_dir):
            pass
    close(data_dir)


async def test_programs_out_of_reach_are_copied_once(
    tmp_path: Path, data_dir: Path, system_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under root, a virtual environment in a closed home is of no use to the server's account."""
    close(tmp_path)
    site = copy_of_the_wheel(tmp_path)
    monkeypatch.syspath_prepend(site)
    for _ in range(2):
        async with open_postgres(data_dir, system_dir=system_dir) as server:
            assert server.binaries.is_relative_to(system_dir if AS_ROOT else site)
            assert await run_sql(server, "create extension if not exists vector") is None

    assert len(list_folder(system_dir)) == (1 if AS_ROOT else 0)


def test_the_first_folder_in_the_way_is_named(closed_dir: Path) -> None:
    owner = closed_dir.parent.stat()

    assert blocked_at(closed_dir.parent, Account(owner.st_uid, owner.st_gid)) is None
    stranger = Account(owner.st_uid + 4711, owner.st_gid + 4711)
    blocked = blocked_at(closed_dir.parent, stranger)
    assert blocked is not None
    assert not blocked.stat().st_mode & 0o001
    assert blocked_at(blocked.parent, stranger) is None


@pytest.mark.parametrize("name", ["far " * 30, "a,b", "été 100%&host=x"])
async def test_any_name_of_a_data_directory_will_do(
    open_folder: Path, system_dir: Path, name: str
) -> None:
    """A socket's path has 107 bytes at most, and no comma: else the socket goes elsewhere."""
    data_dir = open_folder / name.strip()
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        shown = await run_sql(server, "show data_directory")

    assert shown == str(data_dir / "postgres-18")


as_root = pytest.mark.skipif(not AS_ROOT, reason="only root makes users and gives files away")


@as_root
async def test_the_database_has_a_user_of_its_own_which_takes_over_that_of_nobody(
    data_dir: Path, system_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Earlier versions ran it as nobody, whom other services share."""
    former = find_account(FORMER)
    assert former is not None
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        await run_sql(server, "create table note as select 'kept' as words")
        own = server.data.stat()
        assert (own.st_uid, own.st_gid) == find_account(NAME)
    # a link that the former user could have laid there
    victim = data_dir / "postgres-18" / "pg_hba.conf.bak"
    os.link(data_dir / "postgres.log", victim)
    for path in (server.data, *server.data.rglob("*")):
        if path != victim:
            os.chown(path, *former, follow_symlinks=False)

    for _ in range(2):
        async with open_postgres(data_dir, system_dir=system_dir) as server:
            assert await run_sql(server, "select words from note") == "kept"
    owners = {path.lstat().st_uid for path in server.data.rglob("*") if path != victim}
    assert owners == {own.st_uid}
    assert victim.stat().st_uid == 0
    assert caplog.text.count(f"belongs to the user {NAME} now") == 1


@as_root
def test_several_processes_that_make_the_user_get_the_same_one() -> None:
    name = f"findme-test-{os.getpid()}"
    try:
        with ThreadPoolExecutor(4) as threads:
            made = list(threads.map(lambda _: make_account(name), range(4)))

        assert {*made} == {find_account(name)} != {None}
    finally:
        subprocess.run(["userdel", name], check=True, capture_output=True)


@as_root
def test_nobody_takes_the_place_of_a_user_that_cannot_be_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert account_for(tmp_path / "new", "findme-no-such", str(tmp_path)) == find_account(FORMER)
    assert "findme-no-such for PostgreSQL cannot be made (there is no useradd)" in caplog.text

    assert make_account("no name: for a user") is None
    assert "no name: for a user" in caplog.text
