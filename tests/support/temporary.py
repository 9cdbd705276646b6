"""Where the databases of tests lie: in memory, if this machine has enough of it.

A new PostgreSQL is a thousand files. ext4 looks for places that no file has left within the last
seconds; after some starts, that takes more CPU than all else of a start.
"""

import os
import shutil
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
#: Bytes: a run leaves some 2 GB there until it ends, most of it by the journeys' services.
_ENOUGH_SPACE = 4 * 2**30
_ENOUGH_MEMORY = 8 * 2**30


def quick_folder() -> Path | None:
    """Return the folder for temporary folders with databases; None means the usual one.

    A TMPDIR that was set on purpose is used. Tests run copies of programs from these folders.
    """
    if (
        "TMPDIR" in os.environ
        or not os.access(MEMORY, os.W_OK)
        or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
        or shutil.disk_usage(MEMORY).free < _ENOUGH_SPACE
        or psutil.virtual_memory().available < _ENOUGH_MEMORY
    ):
        return None
    return MEMORY
