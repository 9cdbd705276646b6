"""Runs a private PostgreSQL for a one-machine install, from its first start to FindMe's end.

The programs come from a wheel; the server is supervised here. It listens only on a Unix socket, in
a folder that only its own account may enter, and it ends with the process that started it, even if
that is killed.
"""

import asyncio
import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from findme.embedded.data_dir import DataDirHeld, hold_data_dir
from findme.embedded.pid_file import end_leftover, is_ready, until
from findme.embedded.postgres_home import MAJOR, SYSTEM_DIR, Home, allow_owner_alone, find_home
from findme.embedded.system_user import take_over
from findme.errors import StartError
from findme.settings import Settings

#: Memory and write-ahead log for one machine; every commit still waits for the disk.
TUNING = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    # A checkpoint removes old segments instead of using them again: they hold what was deleted.
    "max_wal_size": "1GB",
    "wal_recycle": "off",
    "checkpoint_completion_target": "0.9",
    "synchronous_commit": "on",
    # A private server has no replicas, and the write-ahead log is smaller this way.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Dates in SQL and JSON are the same on every machine.
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A log that grows only with problems and contains no guest data: terse leaves out values.
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
}
#: The log of earlier runs is rotated, one file back, once it is larger than this.
LOG_MAX_BYTES = 5 * 2**20

_PR_SET_PDEATHSIG = 1
# Loaded here, before any fork: between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_log = logging.getLogger(__name__)


@dataclass
class Postgres:
    """A running server; *exited* is done with the exit code as soon as it has ended."""

    dsn: str
    exited: asyncio.Future[int]
    pid: int
    #: The real folder of the database files.
    data: Path
    #: Folder with pg_dump and pg_restore of the same version.
    binaries: Path
    #: Set if the server no longer answers: then it is killed instead of stopped.
    silent: bool = False


@asynccontextmanager
async def open_postgres(
    data_dir: Path, *, system_dir: Path = SYSTEM_DIR, startup_timeout: float = 300
) -> AsyncIterator[Postgres]:
    """Run the private PostgreSQL of *data_dir*; the caller holds `hold_data_dir` meanwhile.

    *startup_timeout*, in seconds, includes the recovery after a crash, which replays up to 1 GB of
    log. Raises StartError, one line, if the server cannot run. Enter it on the main thread: the
    kernel ends the server with the thread that started it.
    """
    try:
        home = await asyncio.to_thread(find_home, data_dir, system_dir)
        await end_leftover(home.data)
        if await asyncio.to_thread(take_over, home.data):
            home = await asyncio.to_thread(find_home, data_dir, system_dir)
    except OSError as error:
        raise StartError(f"The database cannot be started: {error}") from error
    async with open_home(home, startup_timeout=startup_timeout) as server:
        yield server


@asynccontextmanager
async def open_home(home: Home, *, startup_timeout: float = 300) -> AsyncIterator[Postgres]:
    """Run a server with the data folder, account and programs of *home*; StartError as above."""
    try:
        await end_leftover(home.data)
        if not (home.data / "PG_VERSION").exists():
            await _initialise(home)
        process, exited = await _start(home, startup_timeout)
    except (OSError, subprocess.SubprocessError) as error:
        raise StartError(f"The database cannot be started: {error}") from error
    exited.add_done_callback(_report_exit)
    server = Postgres(_dsn(home), exited, process.pid, home.data, home.binaries)
    try:
        yield server
    finally:
        exited.remove_done_callback(_report_exit)
        await _stop(process, exited, silent=server.silent)
        if home.sockets != home.data:
            with suppress(OSError):  # not empty after a crash: the next start recovers from it
                home.sockets.rmdir()


class NoDatabase(StartError):
    """No service has run on this data directory."""


@asynccontextmanager
async def join_database(settings: Settings) -> AsyncIterator[str]:
    """Yield the DSN of the database that the settings name, for a command beside the service.

    Raises NoDatabase if there is none, and StartError as `join_postgres`.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    data_dir = settings.findme_data_dir
    if not (data_dir / f"postgres-{MAJOR}").exists():
        raise NoDatabase(f"There is no database in {data_dir}.")
    async with join_postgres(data_dir) as dsn:
        yield dsn


@asynccontextmanager
async def join_postgres(data_dir: Path, *, system_dir: Path = SYSTEM_DIR) -> AsyncIterator[str]:
    """Yield the DSN of *data_dir*'s server: the running FindMe's, else a server for the block.

    Raises StartError if neither is available, as while a FindMe starts or ends.
    """
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(hold_data_dir(data_dir))
        except DataDirHeld as held:
            home = await asyncio.to_thread(find_home, data_dir, system_dir)
            if not is_ready(home.data):
                raise StartError(f"{held}, whose database takes no connections now") from held
            yield _dsn(home)
            return
        yield (await stack.enter_async_context(open_postgres(data_dir, system_dir=system_dir))).dsn


def _dsn(home: Home) -> str:
    return f"postgresql://postgres@/postgres?host={quote(str(home.sockets))}&port=5432"


Server = tuple[asyncio.subprocess.Process, asyncio.Future[int]]


async def _initialise(home: Home) -> None:
    """Create the cluster under another name, then rename it: an unfinished one is never used."""
    await asyncio.to_thread(shutil.rmtree, home.unfinished, ignore_errors=True)
    home.unfinished.mkdir(mode=0o700)
    if home.account:
        os.chown(home.unfinished, *home.account)
    # Without --no-sync: the promise of a 202 depends on it.
    process = await _spawn(
        home,
        "initdb",
        *("-D", str(home.unfinished), "-U", "postgres", "--auth=peer"),
        *("--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise StartError(f"The database cannot be made: {_one_line(said)}")
    home.unfinished.rename(home.data)


async def _start(home: Home, seconds: float) -> Server:
    """Return the server once it takes connections."""
    # at each start: a cluster of an earlier version trusts every local user who reaches its socket
    await asyncio.to_thread(allow_owner_alone, home)
    if home.log.exists() and home.log.stat().st_size > LOG_MAX_BYTES:
        home.log.replace(home.log.with_name("postgres.log.1"))
    deadline = time.monotonic() + seconds
    while True:
        log_start = home.log.stat().st_size if home.log.exists() else 0
        if server := await _try_start(home, deadline - time.monotonic()):
            return server
        said = await asyncio.to_thread(_read_from, home.log, log_start)
        # Backends of a server that was killed need a moment to notice.
        if b"is still in use" not in said or time.monotonic() > deadline:
            raise StartError(f"The database does not start: {_one_line(said)}")
        await asyncio.sleep(0.2)


async def _try_start(home: Home, seconds: float) -> Server | None:
    settings = {"listen_addresses": "", **TUNING}
    with home.log.open("ab") as log:
        process = await _spawn(
            home,
            "postgres",
            *("-D", str(home.data), "-k", str(home.sockets), "-p", "5432"),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            stderr=log,
        )
    exited = asyncio.create_task(process.wait(), name="postgres")
    ready = False
    try:
        await until(lambda: exited.done() or is_ready(home.data, process.pid), seconds=seconds)
        ready = not exited.done() and is_ready(home.data, process.pid)
    finally:
        if not ready:
            await _stop(process, exited)
    return (process, exited) if ready else None


async def _spawn(
    home: Home, program: str, *arguments: str, stdout: int | None = None, stderr: int | IO[bytes]
) -> asyncio.subprocess.Process:
    parent = os.getpid()

    def end_with_parent() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != parent:  # the parent is gone: no signal will come
                os._exit(1)

    account = home.account
    return await asyncio.create_subprocess_exec(
        str(home.binaries / program),
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        # None of our environment: neither secrets nor PGPORT and the like.
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        cwd="/",
        # Ctrl-C in the terminal is for FindMe, which then stops the server itself.
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=end_with_parent,
    )


async def _stop(
    process: asyncio.subprocess.Process, exited: asyncio.Future[int], *, silent: bool = False
) -> None:
    """End the server: fast, which keeps every commit; else immediate; else by SIGKILL."""
    signs = ((signal.SIGINT, 60), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))
    for sign, patience in signs[1:] if silent else signs:
        if exited.done():
            return
        with suppress(ProcessLookupError):
            process.send_signal(sign)
        await asyncio.wait({exited}, timeout=patience)


def _report_exit(exited: asyncio.Future[int]) -> None:
    if not exited.cancelled():
        _log.error("The database server ended by itself with exit code %d", exited.result())


def _read_from(file: Path, start: int) -> bytes:
    with file.open("rb") as log:
        log.seek(start)
        return log.read(2**16)


def _one_line(said: bytes) -> str:
    """Return the last few lines of a program's output as one line."""
    return (
        " | ".join(said.decode(errors="replace").split("\n")[-5:]).strip(" |") or "no reason given"
    )
