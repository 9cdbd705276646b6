"""The backup file: a tar archive of a manifest, PostgreSQL's own dump, and a checksum.

`tar xf` and `pg_restore` open it without FindMe. The checksum comes last, so a truncated file is
recognised before anything is changed.
"""

import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import orjson

from findme.errors import FindMeError

#: Increased if older versions of FindMe cannot read the new format.
FORMAT = 1
MANIFEST, DUMP, CHECKSUM = "manifest.json", "database.dump", "SHA256SUMS"
#: Bytes per read.
PIECE = 2**20


class BackupUnreadable(FindMeError):
    """This file is not a backup of FindMe, or not a whole one."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description at the head of a backup."""

    format: int
    #: The version of FindMe that wrote it.
    findme: str
    #: RFC 3339, UTC.
    created_at: str
    #: Major versions of the PostgreSQL server and of the pg_dump that read it.
    postgres: int
    pg_dump: int
    #: Names of the migrations in its database.
    migrations: list[str]
    events: int
    photos: int
    guests: int


def write(path: Path, manifest: Manifest, dump: Callable[[Callable[[bytes], None]], None]) -> int:
    """Write a backup with the pieces that *dump* yields; return its bytes.

    The file grows as `<path>.partial`, is readable only by its owner, and is renamed when it is
    complete and on disk. OSError if the disk refuses it.
    """
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "r+b") as file:
            _add(file, MANIFEST, orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
            header = file.tell()
            # the size is known only after it is written
            file.write(_header(DUMP, 0))
            digest = hashlib.sha256()

            def take(piece: bytes) -> None:
                digest.update(piece)
                file.write(piece)

            dump(take)
            end = file.tell()
            file.write(bytes(-end % tarfile.BLOCKSIZE))
            file.seek(header)
            file.write(_header(DUMP, end - header - tarfile.BLOCKSIZE))
            file.seek(0, os.SEEK_END)
            _add(file, CHECKSUM, f"{digest.hexdigest()}  {DUMP}\n".encode())
            file.write(bytes(2 * tarfile.BLOCKSIZE))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)
    return path.stat().st_size


def examine(path: Path) -> Manifest:
    """Check a whole backup and return its manifest.

    BackupUnreadable if the file is not a backup, is truncated or damaged, or has a later format.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            manifest = _manifest(_member(archive, MANIFEST).read())
            wanted = _member(archive, CHECKSUM).read().split()[:1]
            dump = _member(archive, DUMP)
            digest = hashlib.sha256()
            while piece := dump.read(PIECE):
                digest.update(piece)
    except FileNotFoundError as error:
        raise BackupUnreadable(f"There is no file {path}.") from error
    except (tarfile.TarError, EOFError) as error:
        raise BackupUnreadable(
            f"{path} is no backup of FindMe, or was cut off ({error})."
        ) from error
    if wanted != [digest.hexdigest().encode()]:
        raise BackupUnreadable(f"{path} is damaged: its dump has another checksum.")
    return manifest


def copy_dump(path: Path, to: IO[bytes]) -> None:
    """Write the dump of an examined backup to a pipe."""
    with tarfile.open(path, "r:") as archive:
        shutil.copyfileobj(_member(archive, DUMP), to, PIECE)


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        member = archive.extractfile(name)
    except KeyError:
        member = None
    if member is None:
        raise BackupUnreadable(f"This is no backup of FindMe, or it was cut off: no {name}.")
    return member


def _manifest(text: bytes) -> Manifest:
    try:
        members = orjson.loads(text)
        if members["format"] != FORMAT:
            raise BackupUnreadable(
                f"The backup has format {members['format']}, this FindMe reads {FORMAT}: "
                f"restore it with FindMe {members['findme']} or newer."
            )
        return Manifest(**members)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BackupUnreadable("The backup's manifest cannot be read.") from error


def _add(file: IO[bytes], name: str, data: bytes) -> None:
    file.write(_header(name, len(data)))
    file.write(data + bytes(-len(data) % tarfile.BLOCKSIZE))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, int(time.time())
    # GNU's format holds sizes above 8 GB in the same 512 bytes
    return info.tobuf(tarfile.GNU_FORMAT)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
