"""PostgreSQL's own pg_dump and pg_restore: choosing the one for a server, and running it.

The embedded server's wheel has both. For a newer server, those of the machine are used if it has
any.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from findme.embedded.postgres_home import find_binaries
from findme.errors import FindMeError, StartError

#: A setting that pg_restore writes first and servers before 17 do not know; it can be left out.
HARMLESS = 'unrecognized configuration parameter "transaction_timeout"'
#: Bytes per read.
PIECE = 2**18
_ERROR = re.compile(r"^pg_(?:dump|restore): (?:error|fatal): (.*)$", re.MULTILINE)


class ProgramFailed(FindMeError):
    """A program of PostgreSQL failed."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program of PostgreSQL and its major version."""

    path: Path
    major: int


def find_program(name: str, *, least: int) -> Program:
    """Return `pg_dump` or `pg_restore` of that major version or newer; ProgramFailed without one.

    The wheel's is preferred to those on PATH.
    """
    try:
        places = [str(find_binaries() / name)]
    except StartError:
        places = []  # FindMe can be installed without it, for a database elsewhere
    if found := shutil.which(name):
        places.append(found)
    programs = [Program(Path(place), _major(place)) for place in places]
    for program in programs:
        if program.major >= least:
            return program
    newest = max((program.major for program in programs), default=None)
    have = f"the newest {name} here is {newest}" if newest else f"there is no {name} here"
    raise ProgramFailed(
        f"{name} of PostgreSQL {least} or newer is needed, and {have}: install "
        f"postgresql-client-{least} and have it on PATH."
    )


def dump(program: Program, dsn: str, take: Callable[[bytes], None]) -> None:
    """Pass on a database as of one moment, in pg_dump's custom format, in chunks.

    ProgramFailed with pg_dump's last words if it fails; blocks.
    """

    def read(process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        while piece := process.stdout.read(PIECE):
            take(piece)

    # gzip is in every build of pg_restore; it undoes the growth of pictures written as hex digits
    _run(program, ["--format=custom", "--compress=1"], dsn, read)


def restore(program: Program, dsn: str, feed: Callable[[IO[bytes]], None]) -> None:
    """Restore what *feed* writes into an empty database; ProgramFailed if anything fails."""

    def write(process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        # if it ends before its input does, it says why
        with suppress(BrokenPipeError), process.stdin as stdin:
            feed(stdin)

    _run(program, ["--no-comments"], dsn, write)


def _run(
    program: Program,
    options: list[str],
    dsn: str,
    exchange: Callable[["subprocess.Popen[bytes]"], None],
) -> None:
    address, password = _without_password(dsn)
    env = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(  # noqa: S603  # a program of PostgreSQL, with options of ours
            [program.path, *options, "--no-owner", "--no-privileges", f"--dbname={address}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            # every user of the machine can read arguments
            env=env if password is None else {**env, "PGPASSWORD": password},
        ) as process:
            try:
                exchange(process)
            except BaseException:
                process.kill()
                raise
        said.seek(0)
        words = said.read().decode(errors="replace")
    errors = [error for error in _ERROR.findall(words) if HARMLESS not in error]
    if errors or (process.returncode != 0 and HARMLESS not in words):
        raise ProgramFailed(f"{program.path.name} failed: {' | '.join(errors[:3]) or words[-500:]}")


def _major(place: str) -> int:
    said = subprocess.run(  # noqa: S603  # what find_program found
        [place, "--version"], capture_output=True, text=True, check=False
    ).stdout
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else 0


def _without_password(dsn: str) -> tuple[str, str | None]:
    scheme, _, rest = dsn.partition("://")
    account, at, place = rest.partition("@")
    if "/" in account or not at:
        return dsn, None
    name, colon, password = account.partition(":")
    return f"{scheme}://{name}@{place}", unquote(password) if colon else None
