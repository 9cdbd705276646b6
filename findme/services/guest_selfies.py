"""A guest's selfies: read, added (up to five), judged, shown, removed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from findme import db
from findme.accounts import guests, selfie_pictures, selfies
from findme.accounts.guests import Guest
from findme.accounts.selfies import PendingSelfie
from findme.cache import Cache
from findme.db import Connection, Pool, Record
from findme.errors import (
    BadImage,
    EngineRefused,
    EngineUnavailable,
    NotFound,
    SelfieRefused,
    TooManyAttempts,
)
from findme.gallery import events
from findme.indexing.selfie_indexing import SelfieIndexing
from findme.indexing.vector_deletion import VectorDeletion
from findme.media import storage
from findme.media.image_workers import ImageWorkers
from findme.media.storage import ImageOwner
from findme.models import EventId, GuestId, SelfieId, SelfieState, Size, StoredImage, UserId
from findme.privacy import audit_log
from findme.services import vectors
from findme.settings import Settings
from findme.tasks import run_shielded
from findme.workers import Workers

#: Selfies that one person may send in so many seconds: each is a paid call of the engine.
MAX_SELFIES, SELFIE_SECONDS = 60, 600


@dataclass(frozen=True, slots=True)
class SelfieResult:
    """The result of a selfie."""

    state: SelfieState
    #: How a better selfie would find more (see `selfies.SENTENCES`).
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestSelfies:
    """Stores selfies and has each one judged while its guest waits."""

    settings: Settings
    pool: Pool
    cache: Cache
    images: ImageWorkers
    indexing: SelfieIndexing
    vectors: VectorDeletion
    workers: Workers

    async def read(self, body: AsyncIterator[bytes], path: Path) -> bytes | None:
        """Spool a picture to *path* and return it as the JPEG for the engine; None if it is empty.

        UploadTooLarge; SelfieRefused (`invalid_image`) for anything but a picture.
        """
        spooled = await storage.spool(body, path, limit=self.settings.max_upload_bytes)
        if spooled.size_bytes == 0:
            return None
        try:
            return await self.images.selfie(path)
        except BadImage as problem:
            raise SelfieRefused(str(problem), code="invalid_image") from problem

    async def check_may_add(self, user_id: UserId, event_id: EventId, *, replaces: bool) -> Guest:
        """Return the guest that may send a selfie now; call it before the picture is received.

        NotFound, ConsentRequired, TooManySelfies, TooManyAttempts.
        """
        async with db.acquire(self.pool) as conn:
            guest = await _find_guest(conn, user_id, event_id)
            await guests.lock_consent(conn, guest.id)
            if not replaces:
                await selfies.check_room(conn, guest.id)
        taken = await self.cache.count_attempt(f"selfies:{user_id}", seconds=SELFIE_SECONDS)
        if taken > MAX_SELFIES:
            raise TooManyAttempts
        return guest

    async def add(
        self, guest: Guest, jpeg: bytes | None, *, replaces: bool
    ) -> tuple[SelfieId, SelfieResult]:
        """Add a selfie to the guest's, or let it replace them once it is accepted.

        SelfieRefused; ConsentRequired if the guest withdrew their consent meanwhile.
        """
        if jpeg is None:
            raise SelfieRefused("The selfie is missing.", code="no_face")
        async with db.transaction(self.pool) as conn:
            await events.lock(conn, guest.event_id)
            await guests.lock_consent(conn, guest.id)
            selfie = await selfies.add(conn, guest.event_id, guest.id, replaces=replaces)
            await storage.store_bytes(
                conn, jpeg, ImageOwner(selfie_id=selfie.id), size=Size.ORIGINAL
            )
        return selfie.id, await self.judge(guest.event_id, selfie, jpeg)

    async def judge(self, event_id: EventId, selfie: PendingSelfie, jpeg: bytes) -> SelfieResult:
        """Have a stored selfie judged now; `pending` if the engine is away.

        SelfieRefused removes the selfie; NotFound if the event was deleted meanwhile.
        """
        try:
            # a phone that disconnects must not leave half of it done
            advice = await run_shielded(self.indexing.index_selfie_now(event_id, selfie, jpeg))
        except EngineUnavailable:
            async with db.transaction(self.pool) as conn:
                await selfies.leave_to_workers(conn, selfie)
            self.workers.note_outage()
            return SelfieResult(SelfieState.PENDING)
        except (SelfieRefused, EngineRefused) as problem:
            async with db.transaction(self.pool) as conn:
                await selfies.discard(conn, selfie)
            if isinstance(problem, EngineRefused):
                raise SelfieRefused(str(problem), code="invalid_image") from problem
            raise
        self.workers.wake()
        return SelfieResult(SelfieState.ACCEPTED, tuple(advice))

    async def list_of(self, user_id: UserId, event_id: EventId) -> list[Record]:
        """Return a guest's selfies, newest first (see `selfies.list_of`); NotFound for others."""
        async with db.acquire(self.pool) as conn:
            guest = await _find_guest(conn, user_id, event_id)
            return await selfies.list_of(conn, guest.id)

    async def find_image(
        self, user_id: UserId, event_id: EventId, selfie_id: SelfieId
    ) -> StoredImage:
        """Return the picture of a guest's own selfie; NotFound for any other."""
        async with db.acquire(self.pool) as conn:
            guest = await _find_guest(conn, user_id, event_id)
            image = await selfie_pictures.find(conn, guest.id, selfie_id)
        if image is None:
            raise NotFound
        return image

    async def make_avatar(self, guest_id: GuestId, selfie_id: SelfieId) -> bytes:
        """Return a small JPEG of a guest's own selfie; NotFound for any other."""
        async with db.acquire(self.pool) as conn:
            image = await selfie_pictures.find(conn, guest_id, selfie_id)
        if image is None:
            raise NotFound
        picture = await storage.read_bytes(self.pool, image.id)
        return await self.images.avatar(picture)

    async def remove(self, user_id: UserId, event_id: EventId, selfie_id: SelfieId) -> None:
        """Remove a selfie with what was found from it; NotFound, LastSelfie."""
        async with db.transaction(self.pool) as conn:
            guest = await _find_guest(conn, user_id, event_id)
            await events.lock(conn, event_id)
            faces = await selfies.remove(conn, guest.id, selfie_id)
            await guests.forget_faces(conn, event_id, faces)
            await audit_log.note(conn, None, "selfie.erased", event_id=event_id)
        await vectors.delete_now(self.cache, self.vectors, [event_id])


async def _find_guest(conn: Connection, user_id: UserId, event_id: EventId) -> Guest:
    guest = await guests.find(conn, event_id, user_id)
    if guest is None:
        raise NotFound
    return guest
