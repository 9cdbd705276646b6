"""The user that PostgreSQL runs as if FindMe is root, which PostgreSQL refuses to be.

It is a user of its own, made at the first start: `nobody` is shared with other services of the
machine, and each of them could read the database's files.
"""

import fcntl
import logging
import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from findme.errors import StartError

#: The user's name, and the one that earlier versions took.
NAME, FORMER = "findme-postgres", "nobody"
#: Where useradd is; root's PATH may lack it, as under cron.
PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"
#: Held while a user is added.
LOCK = "/run/findme-useradd.lock"
#: Seconds for another process to finish what it does with the list of users.
PATIENCE = 10.0

_log = logging.getLogger(__name__)


class Account(NamedTuple):
    """The ids that PostgreSQL runs under if FindMe is root."""

    uid: int
    gid: int


def account_for(data: Path, name: str = NAME, programs: str = PROGRAMS) -> Account:
    """Return the owner of an existing database, else the user *name*, which is made if missing.

    If it cannot be made, `nobody` takes its place, and the log says so. StartError if there is no
    such user either. For root; blocks.
    """
    if data.exists() and (status := data.stat()).st_uid != 0:
        return Account(status.st_uid, status.st_gid)
    own = find_account(name) or make_account(name, programs)
    if own is None and (own := find_account(FORMER)) is None:
        raise StartError(
            f"PostgreSQL refuses to run as root and there is no user {name}: "
            f"make it (useradd --system {name}), start FindMe as an ordinary user, "
            "or set DATABASE_URL"
        )
    return own


def find_account(name: str) -> Account | None:
    """Return the ids of a user, if there is one of that name."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def make_account(name: str = NAME, programs: str = PROGRAMS) -> Account | None:
    """Add a user of the system without a home, a shell or a password; None if that fails.

    Several processes may do so at once: all get the one that is made.
    """
    useradd = shutil.which("useradd", path=programs)
    if useradd is None:
        _warn(name, "there is no useradd")
        return None
    try:
        with _one_at_a_time():
            return find_account(name) or _add(useradd, name)
    except OSError as error:
        _warn(name, str(error))
        return None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait for other FindMes: of two useradds that add one name at once, the second replaces it."""
    # /run is root's: no link of somebody else can stand there
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _add(useradd: str, name: str) -> Account | None:
    command = [useradd, "--system", "--user-group", "--no-create-home"]
    command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    command += ["--comment", "the database of FindMe", name]
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(  # noqa: S603  # a program of the system, with options of ours
            command,
            env={"PATH": PROGRAMS, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode == 0 and (found := find_account(name)):
            _log.info("Made the user %s (%d) for PostgreSQL", name, found.uid)
            return found
        # useradd does not wait while another program edits the list of users
        if "lock" not in done.stderr or time.monotonic() > deadline:
            _warn(name, " | ".join(done.stderr.split("\n")).strip(" |"))
            return None
        time.sleep(0.05)


def _warn(name: str, reason: str) -> None:
    _log.warning(
        "The user %s for PostgreSQL cannot be made (%s): it runs as %s, whom other services may "
        "share. Make the user: useradd --system %s",
        *(name, reason, FORMER, name),
    )


def blocked_at(path: Path, account: Account) -> Path | None:
    """Return the first part of *path* (absolute) that *account* may not enter or run, if any."""
    for part in (*reversed(path.parents), path):
        status = part.stat()
        if status.st_uid == account.uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid == account.gid:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            return part
    return None


def take_over(data: Path, name: str = NAME, programs: str = PROGRAMS) -> bool:
    """Give a database that an earlier version ran as `nobody` to the user of its own; blocks.

    No server may run on it. Returns whether it has another owner now: the user may not exist, or
    not reach the folder.
    """
    former = find_account(FORMER)
    if os.geteuid() != 0 or former is None or not data.is_dir():
        return False
    if data.stat().st_uid != former.uid:
        return False
    own = find_account(name) or make_account(name, programs)
    if own is None:
        return False
    if blocked := blocked_at(data.parent.resolve(), own):
        _log.warning("The user %s cannot enter %s: the database stays %s's", name, blocked, FORMER)
        return False
    # the folder itself comes last: if this is cut off, the next start begins again
    for _, folders, files, place in os.fwalk(data, topdown=False, follow_symlinks=False):
        for entry in (*files, *folders):
            # what is not the former user's stays: it may have put links to others' files there
            if os.stat(entry, dir_fd=place, follow_symlinks=False).st_uid == former.uid:
                os.chown(entry, *own, dir_fd=place, follow_symlinks=False)
    os.chown(data, *own)
    _log.warning(
        "The database in %s belongs to the user %s now, no longer to %s", data, name, FORMER
    )
    return True
