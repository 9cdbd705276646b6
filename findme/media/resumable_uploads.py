"""Incomplete uploads: files that survive the request, the process and the machine.

A partial upload belongs to one uploader, who names the SHA-256 of the whole file beforehand: bytes
that another uploader sends under the same hash never get into it. Some are never continued, so each
is kept for KEPT_SECONDS after its last byte, and all of them together stay below MOST_BYTES; all
are removed with their event.
"""

import asyncio
import contextlib
import hashlib
import logging
import shutil
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from findme import db
from findme.db import Pool
from findme.media.storage import Spooled
from findme.models import EventId

log = logging.getLogger(__name__)

#: A photographer without a network overnight can still resume.
KEPT_SECONDS = 24 * 3600
#: 80 files of 50 MB; a removed file is sent again from its beginning.
MOST_BYTES = 4 * 1024**3
#: Seconds between two clean-ups.
PERIOD = 60.0


@dataclass(frozen=True, slots=True)
class Partial:
    """The file that collects the bytes of an upload."""

    path: Path

    @property
    def received(self) -> int:
        """The number of bytes received, from the first one on."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def remove(self) -> None:
        """Delete the received bytes."""
        self.path.unlink(missing_ok=True)


def find(data_dir: Path, event_id: EventId, uploader: str, sha256: str) -> Partial:
    """Return the partial upload of an uploader in an event; *sha256* is hexadecimal."""
    return Partial(_folder(data_dir) / str(event_id) / f"{uploader}-{sha256}")


async def append(
    partial: Partial, chunks: AsyncIterator[bytes], *, most: int, total: int
) -> Spooled | None:
    """Append a body of at most *most* bytes; return the file once it has *total* bytes, else None.

    Received bytes are kept however the stream ends. If one pass sees the whole file, the digest is
    computed in the same pass.
    """
    begun_at = partial.received
    digest = hashlib.sha256()
    room = most
    partial.path.parent.mkdir(parents=True, exist_ok=True)
    with partial.path.open("ab") as file:

        def take(data: bytes) -> None:
            file.write(data)
            # flushed to the system: a process that is killed now leaves it behind
            file.flush()
            digest.update(data)

        async for chunk in chunks:
            taken = chunk[:room]
            room -= len(taken)
            # in one thread: chunks are small, and each way there and back costs as much as they
            await asyncio.to_thread(take, taken)
    size = partial.received
    if size < total:
        return None
    sha256 = digest.digest() if not begun_at else await asyncio.to_thread(_digest, partial.path)
    return Spooled(partial.path, size, sha256)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


class Turns:
    """Lets one request at a time write to a partial upload: the latest.

    The earlier request is told to stop: its connection has probably died without notice.
    """

    def __init__(self) -> None:
        self._holders: dict[Path, tuple[asyncio.Event, Callable[[], None]]] = {}

    @contextlib.asynccontextmanager
    async def take(self, partial: Partial, go: Callable[[], None]) -> AsyncIterator[None]:
        """Wait until the earlier request has stopped; *go* is called when the next one comes."""
        while (holder := self._holders.get(partial.path)) is not None:
            gone, leave = holder
            leave()
            await gone.wait()
        gone = asyncio.Event()
        self._holders[partial.path] = (gone, go)
        try:
            yield
        finally:
            del self._holders[partial.path]
            gone.set()


def tidy(data_dir: Path, *, now: float, most: int = MOST_BYTES) -> int:
    """Remove old files, and the oldest ones above the limit; return the number of them.

    Above the limit, the oldest file of the uploader who holds the most is removed, so nobody is
    crowded out by another.
    """
    #: uploader in an event -> their files, the oldest first
    held: defaultdict[str, list[tuple[float, int, Path]]] = defaultdict(list)
    removed = 0
    for modified, size, path in sorted(_files(data_dir)):
        if now - modified > KEPT_SECONDS:
            path.unlink(missing_ok=True)
            removed += 1
        else:
            held[str(path).rpartition("-")[0]].append((modified, size, path))
    sums = {holder: sum(size for _, size, _ in files) for holder, files in held.items()}
    while sum(sums.values()) > most:
        holder = max(sums, key=sums.__getitem__)
        _, size, path = held[holder].pop(0)
        path.unlink(missing_ok=True)
        sums[holder] -= size
        removed += 1
    return removed


async def forget_events(data_dir: Path, pool: Pool) -> int:
    """Remove the files of deleted events; return the number of these events."""
    # listed before the query: a folder's event existed by then
    folders = await asyncio.to_thread(lambda: list(_folder(data_dir).glob("*")))
    async with db.acquire(pool) as conn:
        rows = await conn.fetch(
            "select id::text from event where id::text = any($1)",
            [folder.name for folder in folders],
        )
    there = {row["id"] for row in rows}
    gone = [folder for folder in folders if folder.name not in there]
    for folder in gone:
        # an upload in progress has its file open, and is refused at its end
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return len(gone)


def _files(data_dir: Path) -> Iterator[tuple[float, int, Path]]:
    for path in _folder(data_dir).glob("*/*"):
        # a file that was completed at this moment is gone
        with contextlib.suppress(FileNotFoundError):
            about = path.stat()
            yield about.st_mtime, about.st_size, path


def _folder(data_dir: Path) -> Path:
    return data_dir / "partial"


async def remove_abandoned(data_dir: Path, pool: Pool) -> None:
    """Remove the partial uploads of events that are gone, and those that nobody has continued."""
    if gone := await forget_events(data_dir, pool):
        log.info("[Upload] Removed the partial uploads of %d deleted events", gone)
    if removed := await asyncio.to_thread(tidy, data_dir, now=time.time()):
        log.info("[Upload] Removed %d abandoned partial uploads", removed)
