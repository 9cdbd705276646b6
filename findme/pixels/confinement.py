"""The limits of a child, kept by the kernel: memory, time, files, and an end with its parent."""

import ctypes
import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from findme.pixels.memory import MIB

#: What a task may take beyond its estimate: glibc's pad of 64 MiB, and some more.
SLACK: Final = 112 * MIB
#: The user that a child of root becomes: no account has it, and no range of systemd's.
UNPRIVILEGED: Final = 60_999
#: If the machine runs out of memory, children are ended before anything else (-1000 to 1000).
_OOM_SCORE: Final = 800
_MOST_THREADS: Final = 64
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process with its parent, which may be gone already."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def confine(parent: int, *, niceness: int, memory: int, file_bytes: int) -> int:
    """Limit this process for good; return the bytes of data that it has while it does nothing.

    Call it after all imports: the user that it becomes may not be able to read a library. *memory*
    is the most that a task may take.
    """
    os.setpriority(os.PRIO_PROCESS, 0, niceness)
    with suppress(OSError):  # no such file in some sandboxes: then all processes are equal
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), "ascii")
    idle = _data_bytes()
    hard = idle + memory + SLACK
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if os.getuid() == 0:
        _become_nobody()
    if os.getuid() == UNPRIVILEGED:
        # of all children together: HEIC is decoded in a thread. Without a user of their own, what
        # the system counts is everybody's
        resource.setrlimit(resource.RLIMIT_NPROC, (_MOST_THREADS, _MOST_THREADS))
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # a change of user clears it
    die_with_parent(parent)
    return idle


def _become_nobody() -> None:
    try:
        os.setgroups([])
        os.setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
        os.setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
    except OSError as error:
        if os.getuid() == UNPRIVILEGED:
            raise
        # a container whose root is its only user is as much as it can be confined to
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise


def limit_memory(data: int) -> None:
    """Let this process have so many bytes of data; never more than `confine` said."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (min(data, hard), hard))


@contextmanager
def deadline(seconds: float, cpu_seconds: float) -> Iterator[None]:
    """End this process if the block takes longer, even if it never returns to Python.

    The kernel does it, by the signals' default action.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def give_memory_back() -> None:
    """Return free memory to the system, if the C library can."""
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)


def _data_bytes() -> int:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "VmData":
            return int(value.split()[0]) * 1024
    raise OSError("the kernel does not tell VmData")
