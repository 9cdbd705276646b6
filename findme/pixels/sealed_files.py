"""Files in memory by which pictures travel between processes, sealed against any later change."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class BadFile(Exception):
    """What a child handed over is not a sealed file in memory of a fitting size."""


def create(data: bytes | memoryview) -> int:
    """Return the descriptor of a sealed file that holds *data*."""
    file = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(file)
        raise
    return file


@contextmanager
def opened(data: bytes) -> Iterator[int]:
    """Create a sealed file for the duration of the block."""
    file = create(data)
    try:
        yield file
    finally:
        os.close(file)


def check(file: int, most: int) -> int:
    """Return the size of a sealed file; BadFile if it is none, empty, or has more than *most*."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or not 0 < found.st_size <= most:
        raise BadFile(f"a file of {found.st_size} bytes")
    try:
        seals = fcntl.fcntl(file, fcntl.F_GET_SEALS)
    except OSError as error:  # files on a disk cannot be sealed
        raise BadFile("a file that is not in memory") from error
    if seals & _SEALS != _SEALS:
        raise BadFile("a file that is not sealed")
    return found.st_size


def read(file: int, most: int) -> bytes:
    """Return what a sealed file holds; BadFile as `check` raises it."""
    size = check(file, most)
    data = os.pread(file, size, 0)
    if len(data) != size:
        raise BadFile("a file that cannot be read whole")
    return data


def mapped(file: int, most: int) -> mmap:
    """Map a sealed file into memory, without a copy; BadFile as `check` raises it."""
    return mmap(file, check(file, most), access=ACCESS_READ)
