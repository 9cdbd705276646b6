"""The lock of a data directory: one FindMe at a time works in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from findme.embedded.postgres_home import make_data_dir
from findme.errors import StartError


class DataDirHeld(StartError):
    """The data directory is in use by another FindMe."""


@contextmanager
def hold_data_dir(data_dir: Path) -> Iterator[None]:
    """Lock *data_dir* against other FindMe processes; it is created if it is missing.

    Raises DataDirHeld if another process holds the lock. The kernel releases it when the holder
    dies, so no stale lock is left.
    """
    try:
        make_data_dir(data_dir)
        lock = (data_dir / "findme.lock").open("a+", encoding="ascii")
    except OSError as error:
        raise StartError(f"The data directory cannot be used: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise DataDirHeld(
                f"{data_dir} is in use by another FindMe (process {lock.read().strip()})"
            ) from error
        except OSError as error:
            raise StartError(f"{data_dir} cannot be locked: {error.strerror}") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
