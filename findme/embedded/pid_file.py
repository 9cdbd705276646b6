"""What PostgreSQL writes into postmaster.pid: whether it is ready, and what an earlier run left."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from findme.errors import StartError

_log = logging.getLogger(__name__)


def is_ready(data: Path, pid: int | None = None) -> bool:
    """Whether the server of *data* accepts connections and, if *pid* is given, is that process."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    ours = len(lines) >= 8 and (pid is None or lines[0] == str(pid))
    return ours and lines[7].strip() == "ready"


async def until(condition: Callable[[], bool], *, seconds: float) -> None:
    """Return as soon as *condition* holds, or after *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.02)


async def end_leftover(data: Path) -> None:
    """Stop the server that an earlier run left behind, and remove a stale pid."""
    pid_file = data / "postmaster.pid"
    try:
        first, _, rest = pid_file.read_text().partition("\n")
    except FileNotFoundError:
        return
    if not first.isdigit() or sys.platform != "linux":
        return  # PostgreSQL decides by itself, only more cautiously
    pid = int(first)
    for sign, patience in ((signal.SIGINT, 30), (signal.SIGQUIT, 10)):
        if not _is_server(pid, data):
            break
        _log.warning("Stopping the database server of an earlier run (process %d)", pid)
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
        await until(lambda: not _is_server(pid, data), seconds=patience)
    else:
        raise StartError(f"The database server of an earlier run (process {pid}) does not end")
    if pid_file.exists():
        _disown(pid_file, rest)


def _disown(pid_file: Path, rest: str) -> None:
    """Write this process into a pid file whose pid is not a server's.

    The pid may belong to another process now, which PostgreSQL would take for a server; it ignores
    its parent's pid. The other lines stay: by them it finds out whether backends of the crashed
    server still hold its shared memory.
    """
    owner = pid_file.stat()
    corrected = pid_file.with_name("postmaster.pid.corrected")
    corrected.unlink(missing_ok=True)
    # O_EXCL: root must not follow a link that the server's account laid in its own folder.
    descriptor = os.open(corrected, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
        file.write(f"{os.getpid()}\n{rest}")
    corrected.replace(pid_file)


def _is_server(pid: int, data: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return Path(os.fsdecode(command[0])).name == "postgres" and os.fsencode(data) in command
