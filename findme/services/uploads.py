"""Photos that arrive: each file is spooled, probed, and stored with its job in one transaction."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from findme import db, queue
from findme.accounts.actor import Actor
from findme.db import Connection, Pool
from findme.errors import (
    BadImage,
    Conflict,
    EventClosed,
    FindMeError,
    PicturesUnavailable,
    QueueFull,
    UploadTooLarge,
)
from findme.gallery import events, photographers, photos
from findme.gallery.photos import NewPhoto
from findme.media import storage
from findme.media.image_workers import ImageWorkers
from findme.media.storage import Spooled
from findme.models import EventId, JobId, JobKind, PhotoId
from findme.settings import Settings
from findme.workers import Workers

log = logging.getLogger(__name__)


class UploadStatus(StrEnum):
    """The result of a file, in the API's words."""

    QUEUED = "queued"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The result of one file."""

    filename: str
    status: UploadStatus
    photo_id: PhotoId | None = None
    job_id: JobId | None = None
    #: Why the file was rejected.
    problem: FindMeError | None = None
    #: Of the bytes that arrived, hexadecimal; None if they did not all arrive.
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """The files that an event has already, by the SHA-256 of their bytes."""

    #: Photos with pictures.
    known: dict[bytes, PhotoId]
    #: Files that have not been decoded yet.
    pending: Sequence[bytes]
    #: Files that failed, with the reason.
    failed: dict[bytes, str]


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes photographers' files into an event."""

    settings: Settings
    pool: Pool
    images: ImageWorkers
    workers: Workers

    async def check_accepts(self, event_id: EventId) -> None:
        """Raise NotFound, EventClosed, or QueueFull if an event takes no photos now."""
        async with db.acquire(self.pool) as conn:
            event = await events.get(conn, event_id)
            if event.is_closed(datetime.now(UTC)):
                raise EventClosed
            await self._check_queue(conn)

    async def receive(
        self,
        event_id: EventId,
        uploader: Actor,
        body: AsyncIterator[bytes],
        filename: str,
        path: Path,
    ) -> UploadResult:
        """Spool one file to *path*, store it, and remove the spooled file."""
        try:
            with storage.disk_full_errors():
                limit = self.settings.max_upload_bytes
                spooled = await storage.spool(body, path, limit=limit)
                return await self.store(event_id, uploader, spooled, filename)
        except UploadTooLarge as problem:
            return _reject(filename, problem)
        finally:
            # before the next file of the request: a card of 64 GB needs only one of them on disk
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def store(
        self, event_id: EventId, uploader: Actor, spooled: Spooled, filename: str
    ) -> UploadResult:
        """Probe and store a spooled file; its bytes and its job are committed together.

        A bad picture or a full queue rejects it. NotFound if the event or the uploader's token was
        deleted meanwhile, Conflict if a photo with the same bytes was.
        """
        sha256 = spooled.sha256.hex()
        try:
            async with db.acquire(self.pool) as conn:
                zone = events.zone_of(await events.get(conn, event_id)) or UTC
            probe = await self.images.probe(spooled.path, zone)
            async with db.transaction(self.pool) as conn:
                await self._check_queue(conn)
                photographer = None
                if uploader.upload_token_id is not None:
                    photographer = await photographers.get(conn, uploader.upload_token_id)
                taken_at = probe.taken_at
                photo = NewPhoto(
                    digest=spooled.sha256,
                    filename=filename,
                    width=probe.width,
                    height=probe.height,
                    taken_at=taken_at if photographer is None else photographer.right(taken_at),
                    upload_token_id=uploader.upload_token_id,
                    user_id=None if uploader.user is None else uploader.user.id,
                    credit=None if photographer is None else photographer.name,
                )
                photo_id = await photos.add(conn, event_id, photo)
                if photo_id is None:
                    return await _duplicate(conn, event_id, spooled.sha256, filename)
                await storage.store_file(conn, photo_id, spooled, probe.media_type)
                job_id = await queue.enqueue(
                    conn, JobKind.INDEX_PHOTO, label=filename, event_id=event_id, photo_id=photo_id
                )
                waiting = await queue.count_queued(conn, JobKind.INDEX_PHOTO)
        except (BadImage, PicturesUnavailable, QueueFull) as problem:
            return _reject(filename, problem, sha256)
        log.info("[PhotoQueue] Job %s enqueued (queue size: %d)", job_id, waiting)
        self.workers.wake()
        return UploadResult(filename, UploadStatus.QUEUED, photo_id, job_id, sha256=sha256)

    async def find_duplicate(
        self, event_id: EventId, digest: bytes, filename: str
    ) -> UploadResult | None:
        """Return the result for bytes that the event has already; None if it has not."""
        async with db.acquire(self.pool) as conn:
            return await _find_duplicate(conn, event_id, digest, filename)

    async def list_known(self, event_id: EventId, digests: Sequence[bytes]) -> KnownFiles:
        """Return which files of these SHA-256 an event has, and which failed."""
        async with db.acquire(self.pool) as conn:
            known = await photos.list_known(conn, event_id, digests)
            unseen = await photos.list_unseen(conn, event_id, digests)
        return KnownFiles(
            known=known,
            pending=[digest for digest, error in unseen.items() if error is None],
            failed={digest: error for digest, error in unseen.items() if error is not None},
        )

    async def _check_queue(self, conn: Connection) -> None:
        waiting = await queue.count_queued(conn, JobKind.INDEX_PHOTO)
        if waiting >= self.settings.photo_queue_max_size:
            raise QueueFull


def _reject(filename: str, problem: FindMeError, sha256: str | None = None) -> UploadResult:
    log.info("[Upload] Rejected %s: %s", filename, problem)
    return UploadResult(filename, UploadStatus.REJECTED, problem=problem, sha256=sha256)


async def _duplicate(
    conn: Connection, event_id: EventId, digest: bytes, filename: str
) -> UploadResult:
    found = await _find_duplicate(conn, event_id, digest, filename)
    if found is None:
        raise Conflict(
            "The first photo with these bytes was deleted at this moment; send it again."
        )
    return found


async def _find_duplicate(
    conn: Connection, event_id: EventId, digest: bytes, filename: str
) -> UploadResult | None:
    found = await photos.find_duplicate(conn, event_id, digest)
    if found is None:
        return None
    log.info("[Upload] Duplicate detected (hash=%s...), skipping: %s", digest.hex()[:6], filename)
    return UploadResult(filename, UploadStatus.DUPLICATE, *found, sha256=digest.hex())
