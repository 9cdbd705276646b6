"""The private PostgreSQL: run on the real thing, as root and as an ordinary user alike.

Where the tests run as root, PostgreSQL runs as a user of its own; else everything is one user's.
"""

import asyncio
import gc
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from findme import db
from findme.embedded.data_dir import hold_data_dir
from findme.embedded.postgres import open_postgres
from findme.embedded.system_user import account_for
from findme.errors import StartError
from tests.support.own_postgres import (
    AS_ROOT,
    copy_of_the_wheel,
    data_dir,
    open_folder,
    run_sql,
    system_dir,
)
from tests.support.scripted_guests import until

__all__ = ["data_dir", "open_folder", "system_dir"]

#: The ids that the database runs under: root makes the user if it is missing.
SERVER_UID, SERVER_GID = (
    account_for(Path("/no database yet")) if AS_ROOT else (os.geteuid(), os.getegid())
)

#: A FindMe that keeps a note in its database, says so, and waits to be killed.
KEEPER = """
import asyncio, concurrent.futures.thread, os, sys  # the last chance to import: see setuid
from pathlib import Path
import asyncpg
from findme.embedded.postgres import open_postgres

async def main(data_dir, system_dir):
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        conn = await asyncpg.connect(server.dsn)
        await conn.execute("create table note (words text)")
        await conn.execute("insert into note values ('kept')")
        print(server.pid, flush=True)
        await asyncio.Event().wait()

uid, gid = int(sys.argv[3]), int(sys.argv[4])
if os.geteuid() != uid:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""


#: Connects as another user.
CONNECT = """
import asyncio, concurrent.futures.thread, os, sys  # the last chance to import: see setuid
import asyncpg
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
asyncio.run(asyncpg.connect(sys.argv[3]))
"""


def popen_as_server(command: list[str]) -> subprocess.Popen[str]:
    """Run *command* under the account of the database, what it says on stderr in a pipe."""
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        user=SERVER_UID if AS_ROOT else None,
        group=SERVER_GID if AS_ROOT else None,
        extra_groups=[] if AS_ROOT else None,
    )


async def test_what_is_written_is_there_after_a_restart(data_dir: Path, system_dir: Path) -> None:
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        await run_sql(server, "create table note as select 'kept' as words")
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        assert await run_sql(server, "select words from note") == "kept"
        assert server.data == data_dir / "postgres-18"

    assert not (data_dir / "postgres-18" / "postmaster.pid").exists()
    assert server.exited.done()


async def test_the_server_is_tuned_for_one_machine_and_waits_for_the_disk(
    data_dir: Path, system_dir: Path
) -> None:
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        settings = {
            name: await run_sql(server, f"show {name}")
            for name in ("max_connections", "shared_buffers", "synchronous_commit", "fsync")
        }

        assert settings == {
            "max_connections": "200",
            "shared_buffers": "256MB",
            "synchronous_commit": "on",
            "fsync": "on",
        }
        assert await run_sql(server, "select inet_server_addr()") is None  # no network


async def test_a_kill_of_findme_ends_the_server_and_loses_nothing(
    data_dir: Path, system_dir: Path
) -> None:
    server_pid = run_and_kill_keeper(data_dir, system_dir, os.geteuid(), os.getegid())

    async with open_postgres(data_dir, system_dir=system_dir) as server:
        assert server.pid != server_pid
        assert await run_sql(server, "select words from note") == "kept"


async def test_root_carries_on_with_the_database_of_an_ordinary_user(
    open_folder: Path, data_dir: Path, system_dir: Path
) -> None:
    """The first run is an ordinary user's, on every machine; the second is the tester's own."""
    site = copy_of_the_wheel(open_folder)
    run_and_kill_keeper(data_dir, system_dir, SERVER_UID, SERVER_GID, site)

    async with open_postgres(data_dir, system_dir=system_dir) as server:
        assert await run_sql(server, "select words from note") == "kept"
    assert (data_dir / "postgres-18").stat().st_uid == SERVER_UID


def run_and_kill_keeper(
    data_dir: Path, system_dir: Path, uid: int, gid: int, site: Path | None = None
) -> int:
    """Let another process keep a note, kill -9 it, and see its server end by itself."""
    data_dir.mkdir()
    os.chown(data_dir, uid, gid)
    environ = dict(os.environ)
    if site:
        environ["PYTHONPATH"] = os.pathsep.join([str(site), environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", KEEPER, str(data_dir), str(system_dir), str(uid), str(gid)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as keeper:
        assert keeper.stdout is not None
        try:
            server_pid = int(keeper.stdout.readline())
            server = os.pidfd_open(server_pid)
        finally:
            keeper.kill()
    try:
        ended, _, _ = select.select([server], [], [], 30)
    finally:
        os.close(server)
    assert ended
    return server_pid


async def test_a_server_that_dies_is_seen_reported_and_recovers(
    data_dir: Path, system_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        await run_sql(server, "create table note as select 'kept' as words")
        os.kill(server.pid, signal.SIGKILL)

        assert await asyncio.wait_for(server.exited, 30) == -signal.SIGKILL
    assert "ended by itself with exit code -9" in caplog.text

    async with open_postgres(data_dir, system_dir=system_dir) as server:
        assert await run_sql(server, "select words from note") == "kept"


async def test_the_start_waits_for_backends_that_outlive_a_killed_server(
    data_dir: Path, system_dir: Path
) -> None:
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        conn = await asyncpg.connect(server.dsn)
        await conn.execute("create sequence begun")
        # Busy for a second or so, and deaf meanwhile to the end of its server.
        busy = asyncio.create_task(
            conn.execute("select count(nextval('begun')) from generate_series(1, 3000000)")
        )
        while await run_sql(server, "select last_value from begun") == 1:
            pass
        os.kill(server.pid, signal.SIGKILL)
        await server.exited
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        assert await run_sql(server, "select 1") == 1
    await asyncio.wait({busy})
    busy.exception()
    conn.terminate()


async def test_a_stale_pid_of_somebody_else_keeps_nothing_from_starting(
    data_dir: Path, system_dir: Path
) -> None:
    pid_file = data_dir / "postgres-18" / "postmaster.pid"
    async with open_postgres(data_dir, system_dir=system_dir):
        lines = pid_file.read_text().splitlines()
    with popen_as_server(["sleep", "600"]) as stranger:
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
            pid_file.chmod(0o600)
            os.chown(pid_file, SERVER_UID, SERVER_GID)

            async with open_postgres(data_dir, system_dir=system_dir) as server:
                assert await run_sql(server, "select 1") == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()


async def test_a_server_that_an_earlier_run_left_behind_is_replaced(
    data_dir: Path, system_dir: Path
) -> None:
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        command = [str(server.binaries / "postgres"), "-D", str(server.data)]
    command += ["-k", str(server.data), "-c", "listen_addresses="]
    with popen_as_server(command) as leftover:
        assert leftover.stderr is not None
        for line in leftover.stderr:
            if "ready to accept connections" in line:
                break

        async with open_postgres(data_dir, system_dir=system_dir) as server:
            assert leftover.wait(30) == 0
            assert await run_sql(server, "select 1") == 1


async def test_variables_meant_for_other_servers_are_ignored(
    data_dir: Path, system_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "9", "PGHOST": "example.org", "PGDATABASE": "other"}.items():
        monkeypatch.setenv(name, value)

    async with open_postgres(data_dir, system_dir=system_dir) as server:
        assert await run_sql(server, "select current_database()") == "postgres"


async def test_a_failed_start_says_why_in_one_line(data_dir: Path, system_dir: Path) -> None:
    async with open_postgres(data_dir, system_dir=system_dir):
        pass
    settings = data_dir / "postgres-18" / "postgresql.conf"
    working = settings.read_text()
    settings.write_text(f"{working}\nnonsense = 1\n")

    with pytest.raises(StartError, match=r"does not start: [^\n]*nonsense[^\n]*$"):
        async with open_postgres(data_dir, system_dir=system_dir):
            pass
    settings.write_text(working)
    # Nothing is left running: a start that is given no time, then one that is.
    with pytest.raises(StartError, match="does not start"):
        async with open_postgres(data_dir, system_dir=system_dir, startup_timeout=0):
            pass
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        assert await run_sql(server, "select 1") == 1


def test_a_data_directory_has_one_holder(data_dir: Path) -> None:
    refusal = f"{data_dir} is in use by another FindMe \\(process {os.getpid()}\\)"
    with (
        hold_data_dir(data_dir),
        pytest.raises(StartError, match=refusal),
        hold_data_dir(data_dir),
    ):
        pass
    with hold_data_dir(data_dir):
        pass


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "var").touch()

    with (
        pytest.raises(StartError, match="data directory cannot be used"),
        hold_data_dir(tmp_path / "var"),
    ):
        pass


async def test_a_server_that_dies_while_a_stopped_task_returns_its_connection_leaves_no_error(
    data_dir: Path, system_dir: Path
) -> None:
    """As when the service ends because its database did: the log would show a traceback."""
    seen: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: seen.append(context["message"])
    )
    async with (
        open_postgres(data_dir, system_dir=system_dir) as server,
        db.open_pool(server.dsn, min_size=1, max_size=1) as pool,
    ):
        backends: list[int] = []
        returning = asyncio.Event()

        async def borrow() -> None:
            async with db.acquire(pool) as conn:
                backends.append(conn.get_server_pid())
                os.kill(backends[0], signal.SIGSTOP)
                while psutil.Process(backends[0]).status() != psutil.STATUS_STOPPED:
                    pass  # a signal takes effect at any time
                returning.set()
            # the pool resets the connection, and the server does not answer

        async def is_lost() -> bool:
            return pool.get_size() == 0

        async def has_restarted() -> bool:
            with suppress(asyncpg.PostgresError, OSError):
                return await run_sql(server, "select true") is True
            return False

        task = asyncio.create_task(borrow())
        await returning.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        os.kill(backends[0], signal.SIGKILL)
        await until(is_lost)
        gc.collect()
        assert seen == []
        # a server that is told to end while it restarts after a crash takes its full minute
        await until(has_restarted)


async def test_no_other_user_of_the_machine_is_let_in(data_dir: Path, system_dir: Path) -> None:
    """Also by a cluster of an earlier version, which trusted whoever reached its socket."""
    async with open_postgres(data_dir, system_dir=system_dir) as server:
        rules = server.data / "pg_hba.conf"
    rules.write_text("local all all trust\n")

    async with open_postgres(data_dir, system_dir=system_dir) as server:
        assert await run_sql(server, "select current_user") == "postgres"
        methods = await run_sql(server, "select array_agg(auth_method) from pg_hba_file_rules")
        assert methods == ["peer"]
        if AS_ROOT:
            # even the database's own user, who reaches the socket
            tried = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", CONNECT, str(SERVER_UID), str(SERVER_GID), server.dsn],
                capture_output=True,
                text=True,
                check=False,
            )
            assert "Peer authentication failed" in tried.stderr
