"""How many files and connections this process may have open, and has."""

import resource

import psutil

#: Enough for every connection that a party makes; a limit of its own, as each has a cost.
WANTED = 65_536


def raise_limit() -> int:
    """Raise the limit to WANTED, or as far as the system lets this process; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return limit()


def limit() -> int:
    """Return the most that may be open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft


def count(process: psutil.Process) -> int:
    """Return the number that is open."""
    return process.num_fds()
