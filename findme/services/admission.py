"""An organiser's waiting list: who would like to be a guest, and who becomes one."""

from collections.abc import Sequence
from dataclasses import dataclass

from findme import db
from findme.accounts import admission
from findme.accounts.admission import Newcomer, Seen
from findme.cache import Cache
from findme.db import Pool
from findme.gallery import events
from findme.media import storage
from findme.media.image_workers import ImageWorkers
from findme.models import Event, EventId, GuestId, SelfieId, UserId
from findme.privacy import audit_log
from findme.settings import Settings
from findme.workers import Workers


@dataclass(frozen=True, slots=True)
class WaitingList:
    """A page of an event's newcomers, the last who joined first."""

    event: Event
    newcomers: Sequence[Newcomer]
    total: int


@dataclass(frozen=True, slots=True)
class AdmissionDesk:
    """Shows newcomers to an organiser and admits them."""

    settings: Settings
    pool: Pool
    cache: Cache
    images: ImageWorkers
    workers: Workers

    async def list_waiting(
        self, event_id: EventId, *, before: GuestId | None, limit: int
    ) -> WaitingList:
        """Return up to *limit* of those who wait, from *before* on; NotFound."""
        async with db.acquire(self.pool) as conn:
            event = await events.get(conn, event_id)
            found = await admission.list_waiting(conn, event_id, before=before, limit=limit)
            total = await admission.count_waiting(conn, event_id)
        return WaitingList(event, found, total)

    async def make_portrait(self, event_id: EventId, selfie_id: SelfieId) -> bytes:
        """Return a small JPEG of the selfie of somebody who waits; NotFound for anybody else."""
        async with db.acquire(self.pool) as conn:
            image = await admission.find_selfie(conn, event_id, selfie_id)
        return await self.images.portrait(await storage.read_bytes(self.pool, image.id))

    async def admit(self, actor: UserId, event_id: EventId, seen: Sequence[Seen]) -> int:
        """Admit newcomers as the organiser saw them; return how many were admitted.

        Left out are those who were admitted or removed meanwhile, or who sent another selfie.
        NotFound if there is no such event.
        """
        async with db.transaction(self.pool) as conn:
            admitted = await admission.admit(conn, event_id, seen, self.settings)
            if admitted:
                await audit_log.note(
                    conn, actor, "guest.admitted", event_id=event_id, detail={"guests": admitted}
                )
        if admitted:
            await self.cache.forget_event(event_id)
            self.workers.wake()
        return admitted
