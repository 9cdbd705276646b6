"""Uploads that have arrived in part: files that outlive the request, the process and the machine.

A partial upload belongs to one uploader, who names the SHA-256 of the whole file beforehand: what
another one sends under the same name never gets into it. Nobody comes back for some of them, so
each is kept for KEPT_SECONDS after its last byte, and all of them together stay below MOST_BYTES.
"""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from findme.models import EventId
from findme.storage import Spooled

log = logging.getLogger(__name__)

#: A photographer who was without a network over night goes on where it stopped.
KEPT_SECONDS = 24 * 3600
#: 80 files of 50 MB; the oldest go first, and are then sent from their beginning.
MOST_BYTES = 4 * 1024**3
#: Seconds between two looks for what nobody came back for.
PERIOD = 60.0


@dataclass(frozen=True, slots=True)
class Partial:
    """Where the bytes of an upload are collected."""

    path: Path

    @property
    def received(self) -> int:
        """How many bytes are there, from the first one on."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def remove(self) -> None:
        """Forget what has arrived."""
        self.path.unlink(missing_ok=True)


def find(data_dir: Path, event_id: EventId, uploader: str, sha256: str) -> Partial:
    """Return the partial upload of an uploader in an event; *sha256* is hexadecimal."""
    return Partial(_folder(data_dir) / str(event_id) / f"{uploader}-{sha256}")


async def append(
    partial: Partial, chunks: AsyncIterator[bytes], *, most: int, total: int
) -> Spooled | None:
    """Add what arrives, at most *most* bytes; the whole file once it has *total* bytes, else None.

    What has arrived is kept, whatever ends the stream. The digest is taken in the same pass where
    that pass sees the whole file.
    """
    begun_at = partial.received
    digest = hashlib.sha256()
    room = most
    partial.path.parent.mkdir(parents=True, exist_ok=True)
    with partial.path.open("ab") as file:

        def take(data: bytes) -> None:
            file.write(data)
            # out of this process: one that is killed now leaves it behind
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
    """One request at a time writes to a partial upload: the one that came last.

    The one before is told to go: it is likely a connection that has died and does not know.
    """

    def __init__(self) -> None:
        self._holders: dict[Path, tuple[asyncio.Event, Callable[[], None]]] = {}

    @contextlib.asynccontextmanager
    async def take(self, partial: Partial, go: Callable[[], None]) -> AsyncIterator[None]:
        """Wait until whoever writes has gone; *go* is called when the next one comes."""
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
    """Remove what is too old, and the oldest of what is too much; return how many files went."""
    found = sorted(_files(data_dir))
    spare = sum(size for _, size, _ in found) - most
    removed = 0
    for modified, size, path in found:
        if spare <= 0 and now - modified <= KEPT_SECONDS:
            break
        path.unlink(missing_ok=True)
        spare -= size
        removed += 1
    return removed


def _files(data_dir: Path) -> Iterator[tuple[float, int, Path]]:
    for path in _folder(data_dir).glob("*/*"):
        # one that is completed at this moment is gone
        with contextlib.suppress(FileNotFoundError):
            about = path.stat()
            yield about.st_mtime, about.st_size, path


def _folder(data_dir: Path) -> Path:
    return data_dir / "partial"


def loops(data_dir: Path) -> dict[str, Coroutine[Any, Any, None]]:
    """Return the coroutine that removes what nobody came back for, by task name."""
    return {"partial-uploads": _keep_tidy(data_dir)}


async def _keep_tidy(data_dir: Path) -> None:
    while True:
        removed = await asyncio.to_thread(tidy, data_dir, now=time.time())
        if removed:
            log.info("[Upload] Removed %d partial uploads that nobody came back for", removed)
        await asyncio.sleep(PERIOD)
