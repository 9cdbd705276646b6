"""Uploads that continue where they were interrupted: the SHA-256 of the file is known beforehand.

What arrived before an interruption is kept, and the next request continues there.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from findme import db
from findme.accounts.actor import Actor
from findme.db import Pool
from findme.errors import HashMismatch, PicturesUnavailable, QueueFull, UploadTooLarge, WrongOffset
from findme.gallery import events, photos
from findme.media import resumable_uploads, storage
from findme.media.resumable_uploads import Partial, Turns
from findme.models import EventId, PhotoId
from findme.services.uploads import UploadResult, Uploads
from findme.settings import Settings


@dataclass(frozen=True, slots=True)
class Piece:
    """Which bytes of the file a body carries: from *start* up to *stop*, of *total*."""

    start: int
    stop: int
    total: int


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """The number of bytes of a file that have arrived, from the first one on."""

    received: int
    #: Set once the file is a photo of the event.
    photo_id: PhotoId | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """The sending side of a request, as far as the upload controls it."""

    body: AsyncIterator[bytes]
    #: Asks a sender that waits for `100 Continue` for the body.
    invite: Callable[[], Awaitable[None]]
    #: Ends the connection, because a newer request continues the same file.
    hang_up: Callable[[], None]


@dataclass(frozen=True, slots=True)
class ResumableUploads:
    """Collects files piece by piece, and stores each one when it is complete."""

    settings: Settings
    pool: Pool
    uploads: Uploads
    #: Requests that write to the same partial upload take turns.
    turns: Turns = field(default_factory=Turns)

    async def find_progress(
        self, event_id: EventId, uploader: Actor, digest: bytes
    ) -> UploadProgress:
        """Return where an upload continues; NotFound without the event."""
        async with db.acquire(self.pool) as conn:
            await events.get(conn, event_id)
            photo_id = (await photos.list_known(conn, event_id, [digest])).get(digest)
        return UploadProgress(self._partial(event_id, uploader, digest).received, photo_id)

    async def receive(
        self,
        event_id: EventId,
        uploader: Actor,
        digest: bytes,
        piece: Piece,
        filename: str,
        sender: Sender,
    ) -> UploadResult | UploadProgress:
        """Append a piece; the result once the file is complete, the progress before.

        The sender is invited only if nothing is wrong: UploadTooLarge, WrongOffset. HashMismatch
        removes what arrived.
        """
        limit = self.settings.max_upload_bytes
        if piece.total > limit:
            raise UploadTooLarge(
                f"The file is larger than the {limit // 1024**2} MB this server takes."
            )
        duplicate = await self.uploads.find_duplicate(event_id, digest, filename)
        if duplicate is not None:
            return duplicate
        partial = self._partial(event_id, uploader, digest)
        async with self.turns.take(partial, sender.hang_up):
            if piece.start != partial.received:
                raise WrongOffset(received=partial.received)
            await sender.invite()
            with storage.disk_full_errors():
                whole = await resumable_uploads.append(
                    partial, sender.body, most=piece.stop - piece.start, total=piece.total
                )
            if whole is None:
                return UploadProgress(partial.received)
            if whole.sha256 != digest or whole.size_bytes != piece.total:
                partial.remove()
                raise HashMismatch
            with storage.disk_full_errors():
                result = await self.uploads.store(event_id, uploader, whole, filename)
            if not isinstance(result.problem, (PicturesUnavailable, QueueFull)):
                partial.remove()
            return result

    def _partial(self, event_id: EventId, uploader: Actor, digest: bytes) -> Partial:
        # another uploader's bytes under the same hash are theirs alone
        owner = (
            f"token{uploader.upload_token_id}"
            if uploader.user is None
            else f"account{uploader.user.id}"
        )
        return resumable_uploads.find(self.settings.findme_data_dir, event_id, owner, digest.hex())
