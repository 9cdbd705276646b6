"""The command: exit codes, one clear line for what is wrong, and the small commands."""

import re
import subprocess
import sys
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from findme import __version__
from findme.accounts import auth, second_factor
from findme.cli import main
from tests.support.cli import findme
from tests.support.service import Service


def listed_commands(text: str) -> list[str]:
    """Return the commands that a help text lists."""
    listed = text.partition("positional arguments:")[2].partition("\noptions:")[0]
    return re.findall(r"^    (\w+) ", listed, re.MULTILINE)


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    explained = []
    waiting: list[list[str]] = [[]]
    while waiting:
        words = waiting.pop()
        with pytest.raises(SystemExit) as ended:
            main([*words, "--help"])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert "usage:" in text
        explained.append(words)
        waiting += [[*words, command] for command in listed_commands(text)]
    assert [] in explained
    assert ["serve"] in explained
    assert ["admin", "create"] in explained


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (
            ["--version"],
            {"aiohttp", "asyncpg", "numpy", "PIL", "findme.server", "findme.watcher.cli"},
        ),
        (["watch", "--help"], {"asyncpg", "botocore", "numpy", "findme.server"}),
    ],
)
def test_a_command_imports_nothing_of_the_others(words: list[str], unneeded: set[str]) -> None:
    """The whole service takes a second of CPU to import."""
    script = (
        "import atexit, sys\n"
        "from findme.cli import main\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
    )
    imported = set(done.stderr.split())
    assert "findme.cli" in imported
    assert not imported & unneeded


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["serve", "--port", "70000"],
        ["serve", "--port", "many"],
        ["serve", "--role", "boss"],
        ["faces", "--port", "many"],
        ["admin"],
        ["admin", "create"],
        ["audit", "--find", "Al"],
    ],
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


def test_wrong_usage_ends_the_process_with_2(tmp_path: Path) -> None:
    done = findme("dance", cwd=tmp_path)
    assert done.returncode == 2
    assert "usage:" in done.stderr


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"CACHE_TTL": "soon"}, "CACHE_TTL: 'soon' is not a whole number from 0 to 86400."),
        ({"FINDME_PROT": "8000"}, "Unknown setting FINDME_PROT: see docs/settings.md."),
        ({"FACE_ENGINE": "aws", "DATABASE_URL": "x"}, "DATABASE_URL"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line_and_1(
    tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    done = findme("serve", "--port", "0", cwd=tmp_path, **settings)
    assert done.returncode == 1
    assert done.stderr.startswith("findme: ")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_setting_of_an_env_file_is_one_line_and_1(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FINDME_PROT=8000\n", encoding="utf-8")
    done = findme("serve", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "findme: Unknown setting FINDME_PROT: see docs/settings.md.\n"


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_out_of_reach_is_one_line_and_1(command: str, tmp_path: Path) -> None:
    done = findme(command, cwd=tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
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


async def test_an_admin_is_made_and_helped_if_the_phone_is_lost(
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
    async with conn.transaction():
        user_id = await conn.fetchval("select id from account")
        await second_factor.begin(conn, user_id)
        await conn.execute("update second_factor set confirmed_at = now()")
    words = ("admin", "reset-second-factor", "ada@example.org")
    assert findme(*words, cwd=tmp_path, DATABASE_URL=database).returncode == 0
    assert not await second_factor.is_on(conn, user_id)
    again = findme(*words, cwd=tmp_path, DATABASE_URL=database)
    assert (again.returncode, again.stderr) == (
        1,
        "findme: ada@example.org has no second factor\n",
    )
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
