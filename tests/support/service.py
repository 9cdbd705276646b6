"""The real service in a process of its own, as an operator starts it."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

import psutil

ADMIN_EMAIL = "admin@example.org"
ADMIN_PASSWORD = "correct horse battery"
#: Seconds; a cold start on a busy machine.
START_SECONDS = 120
STOP_SECONDS = 60


@dataclass
class Service:
    """A running `findme serve`."""

    url: str
    data_dir: Path
    process: subprocess.Popen[str]
    log: Path
    admin_email: str = ADMIN_EMAIL
    admin_password: str = ADMIN_PASSWORD

    @property
    def pid(self) -> int:
        """The server's own process."""
        return self.process.pid

    def children(self) -> list[psutil.Process]:
        """PostgreSQL and the face service."""
        return psutil.Process(self.pid).children()

    def terminate(self) -> int:
        """SIGTERM; return the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL the server alone; its children end by themselves."""
        children = psutil.Process(self.pid).children(recursive=True)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        psutil.wait_procs(children, timeout=STOP_SECONDS)


def environment(**settings: str) -> dict[str, str]:
    """Return a clean environment: nothing of the developer's AWS or FindMe settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "FINDME_", "DATABASE_URL"))
    }
    return {
        **kept,
        "AWS_EC2_METADATA_DISABLED": "true",
        "FINDME_ADMIN_EMAIL": ADMIN_EMAIL,
        "FINDME_ADMIN_PASSWORD": ADMIN_PASSWORD,
        **settings,
    }


@contextmanager
def running_service(
    data_dir: Path, *, port: int = 0, settings: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """Start the service on *data_dir* and wait until it is ready; end it by pid."""
    _models.lay_out(data_dir)
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("a", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "findme",
                "serve",
                "--port",
                str(port),
                "--data-dir",
                str(data_dir),
            ],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=environment(**(settings or {})),
            cwd=data_dir.parent,
        )
    try:
        url = _ready_url(process, log)
        _models.keep(data_dir)
        yield Service(url, data_dir, process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stdout is not None
        process.stdout.close()


class _Models:
    """The face service's models as it keeps them, made by the first service of a test run.

    Each further service would take two seconds of CPU to make the same files.
    """

    def __init__(self) -> None:
        self._kept: Path | None = None

    def lay_out(self, data_dir: Path) -> None:
        """Give a service that has no data directory yet the models of an earlier one."""
        if self._kept is not None and not data_dir.exists():
            shutil.copytree(self._kept, data_dir / "faces" / "models")

    def keep(self, data_dir: Path) -> None:
        """Copy the models of a running service, if it has its own face service."""
        made = data_dir / "faces" / "models"
        if self._kept is None and made.exists():
            folder = tempfile.mkdtemp(prefix="findme-models-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            self._kept = Path(shutil.copytree(made, Path(folder) / "models"))


_models = _Models()


def _ready_url(process: subprocess.Popen[str], log: Path) -> str:
    lines: Queue[str] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
            if line.startswith("FindMe is ready: "):
                return
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=START_SECONDS)
        except Empty:
            raise AssertionError("the service did not become ready in time") from None
        if line.startswith("FindMe is ready: "):
            return line.removeprefix("FindMe is ready: ").strip()
        if not line:
            raise AssertionError(f"the service ended: {log.read_text(encoding='utf-8')[-2000:]}")
