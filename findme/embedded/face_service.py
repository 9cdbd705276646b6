"""Runs the face service as a child of FindMe: starts, watches, restarts and ends it.

It is another process, because inference would take the event loop's share of the CPU. A restart
uses the same port, so the Rekognition client never notices it.
"""

import asyncio
import ctypes
import logging
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from findme.errors import StartError

HOST = "127.0.0.1"
#: Seconds before a dead child is started again: doubled with each death, up to the most, and
#: back to the first once a child has lived for HEALTHY_SECONDS.
FIRST_DELAY, MOST_DELAY, HEALTHY_SECONDS = 0.2, 10.0, 60.0
#: Seconds for a child to end after SIGTERM.
STOP_SECONDS = 5.0

#: What the child gets of our environment. The admin's password, tokens and the database's address
#: are none of its business: what reads strangers' pictures should hold no secrets.
PASSED = re.compile(
    r"(PATH|HOME|TMPDIR|TZ|LANG|LC_\w+|LD_LIBRARY_PATH|PYTHON\w+|VIRTUAL_ENV|OMP_\w+|COVERAGE_\w+)$"
)

_READY = re.compile(rb"FindMe faces is ready: http://.+:(\d+)\s*$")
_PR_SET_PDEATHSIG = 1
# Loaded here, before any fork: between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_log = logging.getLogger(__name__)


@dataclass
class EngineProcess:
    """The running face service: its address, its key pair, and its state."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    process: asyncio.subprocess.Process = field(repr=False)
    region: str = "us-east-1"
    #: The number of restarts after a death.
    restarts: int = 0

    @property
    def pid(self) -> int:
        """The process id of the latest child, which may have died a moment ago."""
        return self.process.pid


@dataclass(frozen=True)
class _Launcher:
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    startup_timeout: float

    async def start(self, port: int) -> tuple[asyncio.subprocess.Process, int]:
        """Return a child that answers, and its port; StartError with its last words if none."""
        with self.log.open("ab") as log:
            log_start = log.tell()
            process = await self._spawn(port, log)
        assert process.stdout is not None
        ready = None
        try:
            async with asyncio.timeout(self.startup_timeout):
                async for line in process.stdout:
                    if ready := _READY.match(line):
                        return process, int(ready[1])
                await process.wait()
            fate = f"ended with exit code {process.returncode} before it could answer"
        except TimeoutError:
            fate = f"could not answer within {self.startup_timeout:g} s"
        finally:
            if ready is None:
                await _stop(process)
        raise StartError(f"The face service {fate}: {_last_words(self.log, log_start)}")

    async def _spawn(self, port: int, log: IO[bytes]) -> asyncio.subprocess.Process:
        parent = os.getpid()

        def end_with_parent() -> None:
            if _libc is not None:
                _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
                if os.getppid() != parent:  # the parent is gone: no signal will come
                    os._exit(1)

        return await asyncio.create_subprocess_exec(
            *self.command,
            *("--host", HOST, "--port", str(port)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=self.environment,
            # Ctrl-C in the terminal is for FindMe, which then stops the child itself.
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


@asynccontextmanager
async def open_engine(
    data_dir: Path,
    *,
    startup_timeout: float = 60,
    command: Sequence[str] = (sys.executable, "-m", "findme.engine"),
) -> AsyncIterator[EngineProcess]:
    """Run the face service with its data in `<data_dir>/faces`, its stderr in `faces.log`.

    Entered once it answers; StartError if it does not within *startup_timeout* seconds. From then
    on a child that dies is replaced. *command* takes --data-dir, --host and --port, and says on
    stdout when it is ready. Enter it on the main thread: the kernel ends the child with the
    thread that started it.
    """
    key, secret = f"FINDME{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)
    launcher = _Launcher(
        command=(*command, "--data-dir", str(data_dir / "faces")),
        environment={
            **{name: value for name, value in os.environ.items() if PASSED.match(name)},
            "FINDME_FACES_ACCESS_KEY_ID": key,
            "FINDME_FACES_SECRET_ACCESS_KEY": secret,
            "FINDME_FACES_PARENT_PID": str(os.getpid()),
        },
        log=data_dir / "faces.log",
        startup_timeout=startup_timeout,
    )
    try:
        _make_folders(data_dir, launcher.log)
        process, port = await launcher.start(port=0)
    except (OSError, subprocess.SubprocessError) as error:
        raise StartError(f"The face service cannot be started: {error}") from error
    engine = EngineProcess(f"http://{HOST}:{port}", key, secret, process)
    supervisor = asyncio.create_task(_supervise(engine, launcher, port), name="face-service")
    try:
        yield engine
    finally:
        supervisor.cancel()
        await asyncio.wait({supervisor})
        # Not inside the task: a task that is cancelled at once never runs.
        await _stop(engine.process)
        if not supervisor.cancelled():
            supervisor.result()


async def _supervise(engine: EngineProcess, launcher: _Launcher, port: int) -> None:
    """Replace each child that dies, until cancelled."""
    delay = FIRST_DELAY
    while True:
        born = time.monotonic()
        code = await _wait(engine.process)
        if time.monotonic() - born >= HEALTHY_SECONDS:
            delay = FIRST_DELAY
        _log.warning(
            "The face service ended with exit code %d: starting it again in %.1f s", code, delay
        )
        engine.process, delay = await _replace(launcher, port, delay)
        engine.restarts += 1
        _log.info("The face service answers again (process %d)", engine.pid)


async def _replace(
    launcher: _Launcher, port: int, delay: float
) -> tuple[asyncio.subprocess.Process, float]:
    """Start a child, retrying until one runs; return it and the next delay in seconds."""
    while True:
        await asyncio.sleep(delay)
        delay = min(2 * delay, MOST_DELAY)
        try:
            process, _ = await launcher.start(port)
        except (StartError, OSError, subprocess.SubprocessError) as error:
            _log.warning("%s: trying again in %.1f s", error, delay)
        else:
            return process, delay


async def _wait(process: asyncio.subprocess.Process) -> int:
    """Return the exit code once the child has ended; its remaining output is dropped."""
    assert process.stdout is not None
    while await process.stdout.read(2**16):
        pass
    return await process.wait()


async def _stop(process: asyncio.subprocess.Process) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            process.send_signal(sign)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await _wait(process)
                return
    _log.error("The face service (process %d) does not end", process.pid)


def _make_folders(data_dir: Path, log: Path) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    # Closed to other users, even if they may enter the data directory.
    (data_dir / "faces").mkdir(mode=0o700, exist_ok=True)
    log.write_bytes(b"")


def _last_words(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    return " | ".join(lines[-3:]) or "it gave no reason"
