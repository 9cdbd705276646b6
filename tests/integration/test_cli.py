"""The command: exit codes, one clear line for what is wrong, and the small commands."""

from pathlib import Path

import aiohttp
import asyncpg
import pytest

from findme import __version__
from findme.accounts import auth
from findme.cli import main
from tests.support.cli import findme
from tests.support.service import Service


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["serve"],
        ["migrate"],
        ["admin"],
        ["admin", "create"],
        ["faces"],
        ["backup"],
        ["restore"],
        ["demo"],
        ["watch"],
        ["upload"],
    ],
)
def test_every_command_explains_itself(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [[], ["nonsense"], ["serve", "--port", "70000"], ["serve", "--role", "boss"], ["admin"]],
)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == __version__


def test_a_malformed_setting_is_one_line_and_1(tmp_path: Path) -> None:
    done = findme("serve", cwd=tmp_path, CACHE_TTL="soon")
    assert done.returncode == 1
    assert done.stderr == "findme: CACHE_TTL: 'soon' is not a whole number from 0 to 86400.\n"


def test_an_unknown_setting_of_an_env_file_is_one_line_and_1(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FINDME_PROT=8000\n", encoding="utf-8")
    done = findme("serve", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "findme: Unknown setting FINDME_PROT: see docs/settings.md.\n"


def test_a_database_out_of_reach_is_one_line_and_1(tmp_path: Path) -> None:
    done = findme("migrate", cwd=tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert done.returncode == 1
    assert done.stderr.startswith("findme: The database cannot be reached: ")
    assert done.stderr.count("\n") == 1


async def test_migrate_brings_an_empty_database_up_to_date(
    empty_database: str, tmp_path: Path
) -> None:
    for _ in range(2):
        done = findme("migrate", cwd=tmp_path, DATABASE_URL=empty_database)
        assert (done.returncode, done.stdout) == (0, "The database is up to date.\n")
    conn = await asyncpg.connect(empty_database)
    assert await conn.fetchval("select count(*) from photo") == 0
    await conn.close()


async def test_an_admin_is_made_with_a_given_password_or_one_that_is_told(
    database: str, tmp_path: Path
) -> None:
    words = ("admin", "create", "Ada@Example.org")
    given = findme(*words, cwd=tmp_path, stdin="a long password\n", DATABASE_URL=database)
    assert (given.returncode, given.stdout) == (0, "ada@example.org is an admin.\n")
    conn = await asyncpg.connect(database)
    stored = "select password_hash from account where role = 'admin'"
    assert await auth.verify_password(await conn.fetchval(stored), "a long password")
    told = findme(*words, cwd=tmp_path, DATABASE_URL=database)
    password = told.stdout.strip().rpartition(" ")[2]
    assert await auth.verify_password(await conn.fetchval(stored), password)
    await conn.close()


async def test_an_admin_is_made_while_the_service_runs(service: Service, tmp_path: Path) -> None:
    words = ("admin", "create", "second@example.org", "--data-dir", str(service.data_dir))
    done = findme(*words, cwd=tmp_path, stdin="another password\n")
    assert (done.returncode, done.stdout) == (0, "second@example.org is an admin.\n"), done.stderr
    known = {"email": "second@example.org", "password": "another password"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{service.url}/api/auth/login", json=known) as answer,
    ):
        assert (await answer.json())["user"]["role"] == "admin"


def test_an_admin_needs_an_address_and_a_password(tmp_path: Path) -> None:
    done = findme("admin", "create", "nobody", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "findme: This is not an e-mail address.\n")
    done = findme("admin", "create", "a@b.c", cwd=tmp_path, stdin="short\n")
    assert done.returncode == 1
    assert "8 to 1024 characters" in done.stderr


def test_roles_that_need_a_shared_database_say_so(tmp_path: Path) -> None:
    done = findme("serve", "--role", "worker", cwd=tmp_path)
    assert done.returncode == 1
    assert "--role worker needs DATABASE_URL" in done.stderr
