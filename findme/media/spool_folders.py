"""The folders of requests that receive files, each locked by the process that it belongs to.

The kernel lets go of the locks of a process that dies, however it dies, so a start knows whose
folders nobody needs any more: services with one database may share a data directory.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SpoolFolder:
    """The folder of a request, and the descriptor that holds its lock."""

    folder: Path
    lock: int


def make(data_dir: Path) -> SpoolFolder:
    """Make a folder and lock it; blocks."""
    parent = data_dir / "spool"
    while True:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
        # a service that starts may have removed it before it was locked
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return SpoolFolder(folder, lock)
            os.close(lock)


def remove(made: SpoolFolder) -> None:
    """Remove a folder with its files; blocks."""
    try:
        shutil.rmtree(made.folder)
    finally:
        os.close(made.lock)


def remove_abandoned(data_dir: Path) -> None:
    """Remove the folders of processes that have died; blocks."""
    for folder in (data_dir / "spool").glob("*"):
        with suppress(OSError):  # locked, or removed meanwhile
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)
