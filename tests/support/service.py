"""The real service in a process of its own, as an operator starts it."""

import atexit
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

import psutil

from findme.embedded.system_user import account_for, blocked_at
from tests.support.temporary import quick_folder

ADMIN_EMAIL = "admin@example.org"
ADMIN_PASSWORD = "correct horse battery"
#: Seconds; a cold start on a busy machine.
START_SECONDS = 120
STOP_SECONDS = 60
#: Environment variable: the folder of what services start from, for all processes of a run.
PREPARED = "TESTS_PREPARED_DIR"


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
    data_dir: Path,
    *,
    port: int = 0,
    settings: Mapping[str, str] | None = None,
    first_start: bool = False,
) -> Iterator[Service]:
    """Start the service on *data_dir* and wait until it is ready; end it by pid.

    If there is no *data_dir*, it starts from what was prepared; with *first_start*, from nothing.
    """
    if not first_start:
        _lay_out(data_dir, own_database="DATABASE_URL" not in (settings or {}))
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
        keep_models(data_dir / "faces")
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


def _lay_out(data_dir: Path, *, own_database: bool) -> None:
    """Give a service that has no data directory yet a migrated database, and the models.

    They are made once a run, for all its processes: a start that makes them anew takes two to
    three seconds of CPU more.
    """
    if data_dir.exists():
        return
    with _prepared() as folder:
        prepared = folder / "var"
        if own_database and _reachable(folder) and _reachable(data_dir.parent):
            if not prepared.exists():
                _migrate(folder / "unfinished")
                (folder / "unfinished").rename(prepared)
            _copy(prepared, data_dir)
    lay_out_models(data_dir / "faces")


def lay_out_models(faces: Path) -> None:
    """Give a face service without models those of an earlier one."""
    with _prepared() as folder:
        if (folder / "models").exists() and not faces.exists():
            faces.mkdir(parents=True)
            _copy(folder / "models", faces / "models")


def keep_models(faces: Path) -> None:
    """Copy the models of a running face service."""
    with _prepared() as folder:
        if (faces / "models").exists() and not (folder / "models").exists():
            _copy(faces / "models", folder / "unfinished")
            (folder / "unfinished").rename(folder / "models")


@contextmanager
def _prepared() -> Iterator[Path]:
    """Open the folder of what is prepared to one process of the run at a time."""
    if PREPARED not in os.environ:
        atexit.register(share_prepared())
    folder = Path(os.environ[PREPARED])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def share_prepared() -> Callable[[], None]:
    """Make the folder of what is prepared, for this process and its children; return its end."""
    folder = tempfile.mkdtemp(prefix="findme-prepared-", dir=quick_folder())
    # PostgreSQL's user passes through
    Path(folder).chmod(0o711)
    os.environ[PREPARED] = folder

    def end() -> None:
        del os.environ[PREPARED]
        shutil.rmtree(folder)

    return end


def _reachable(folder: Path) -> bool:
    """Say whether PostgreSQL's user can enter a folder; else its database lies elsewhere."""
    if os.geteuid() != 0:
        return True
    return blocked_at(folder.resolve(), account_for(folder / "no database yet")) is None


def _migrate(data_dir: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "findme", "migrate", "--data-dir", str(data_dir)],
        capture_output=True,
        check=True,
        env=environment(),
        cwd=data_dir.parent,
    )


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with its owners, which shutil does not."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


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
