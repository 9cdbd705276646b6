"""Erasure of an account, of a face, or of a guest's part in an event; each leaves a receipt."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from findme import db
from findme.accounts import auth, guests
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import Conflict, FindMeError, NotFound
from findme.gallery import events, guest_photos
from findme.indexing.vector_deletion import VectorDeletion
from findme.models import Event, EventId, Role, Shelf, UserId
from findme.privacy import audit_log, erased_texts, erasure_receipts
from findme.rekognition import Rekognition
from findme.services import vectors

log = logging.getLogger(__name__)

#: Seconds that the engine has to list what it still holds while somebody waits for their receipt.
CHECK_SECONDS = 10.0


class Scope(StrEnum):
    """The scope of an erasure."""

    ACCOUNT = "account"
    #: Selfies, vectors and matches in all events.
    FACE = "face"
    #: The same in one event.
    CONSENT = "consent"
    #: Their part in one event.
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Erasure:
    """Erases in one transaction, then deletes vectors and checks the receipt as far as possible.

    Each erasure returns the token that opens its receipt.
    """

    pool: Pool
    cache: Cache
    faces: Rekognition
    vectors: VectorDeletion

    async def erase_account(self, user_id: UserId, *, erased_by: UserId | None = None) -> str:
        """Erase an account with all that belongs to it, and end its sessions.

        *erased_by* is the admin who erases a guest's account: NotFound if there is none, Conflict
        if it is an admin's.
        """
        if erased_by is not None:
            await self._check_guest(user_id)
        async with db.transaction(self.pool) as conn:
            event_ids = await _lock_joined_events(conn, user_id, None)
            receipt = await erasure_receipts.begin(conn, user_id, whole=True)
            texts = await erased_texts.collect(conn, user_id, event_ids, whole=True)
            for event_id in event_ids:
                await guests.forget(conn, event_id, user_id)
            # not before: if this transaction fails, its owner has to be able to ask again
            await auth.delete_account(conn, user_id)
            await erasure_receipts.note_faceprints(conn, receipt)
            await erased_texts.check(conn, receipt, texts)
            done = "account.erased" if erased_by is None else "account.removed"
            await audit_log.note(conn, erased_by, done, detail={"events": len(event_ids)})
        return await self._complete(receipt, event_ids)

    async def erase_face(self, user_id: UserId, event_id: EventId | None) -> str:
        """Erase what was made of a user's face, in one event or (None) in all.

        The user remains a guest of events that can be browsed and leaves the others. NotFound if
        they are no guest of the event.
        """
        async with db.transaction(self.pool) as conn:
            event_ids = await _lock_joined_events(conn, user_id, event_id)
            receipt = await erasure_receipts.begin(conn, user_id, whole=False, event_id=event_id)
            left = [each for each in event_ids if not (await events.get(conn, each)).browsable]
            texts = await erased_texts.collect(conn, user_id, left, whole=False)
            for each in event_ids:
                await (guests.forget if each in left else guests.withdraw)(conn, each, user_id)
                await audit_log.note(conn, None, "face.erased", event_id=each)
            await erasure_receipts.note_faceprints(conn, receipt)
            await erased_texts.check(conn, receipt, texts)
        return await self._complete(receipt, event_ids)

    async def leave_event(
        self, user_id: UserId, event_id: EventId, *, removed_by: UserId | None = None
    ) -> str:
        """End a user's part in an event and erase all of it; NotFound if they are no guest.

        *removed_by* is the admin who removes them.
        """
        async with db.transaction(self.pool) as conn:
            event_ids = await _lock_joined_events(conn, user_id, event_id)
            receipt = await erasure_receipts.begin(conn, user_id, whole=False, event_id=event_id)
            texts = await erased_texts.collect(conn, user_id, [event_id], whole=False)
            await guests.forget(conn, event_id, user_id)
            await erasure_receipts.note_faceprints(conn, receipt)
            await erased_texts.check(conn, receipt, texts)
            done = "guest.left" if removed_by is None else "guest.removed"
            await audit_log.note(conn, removed_by, done, event_id=event_id)
        return await self._complete(receipt, event_ids)

    async def find_event(self, user_id: UserId, event_id: EventId) -> Event:
        """Return an event that the user is a guest of; NotFound otherwise."""
        async with db.acquire(self.pool) as conn:
            if await guests.find(conn, event_id, user_id) is None:
                raise NotFound
            return await events.get(conn, event_id)

    async def count_lost_photos(self, user_id: UserId, scope: Scope, event: Event | None) -> int:
        """Return how many of their own photos a user would lose; 0 for events they still browse."""
        async with db.acquire(self.pool) as conn:
            guest_ids = {
                guest.event_id: guest.id for guest in await guests.list_by_user(conn, user_id)
            }
            ended = await events.list_joined(conn, user_id) if event is None else [event]
            if scope in (Scope.FACE, Scope.CONSENT):
                ended = [each for each in ended if not each.browsable]
            counts = [
                await guest_photos.count_mine(conn, guest_ids[each.id], Shelf.SURE)
                for each in ended
                if each.id in guest_ids
            ]
        return sum(counts)

    async def _check_guest(self, user_id: UserId) -> None:
        async with db.acquire(self.pool) as conn:
            role = await auth.find_role(conn, user_id)
        if role is None:
            raise NotFound
        if role is not Role.GUEST:
            raise Conflict("This is an admin's account: only its owner can erase it.")

    async def _complete(self, receipt: erasure_receipts.Opened, event_ids: list[EventId]) -> str:
        """Delete vectors and check that all is gone, as far as that can be done at once.

        The erasure is committed: what fails now is retried later, and the receipt says so.
        """
        try:
            await vectors.delete_now(self.cache, self.vectors, event_ids)
            async with asyncio.timeout(CHECK_SECONDS):
                await erasure_receipts.check(self.pool, self.faces, receipt.id)
        except (FindMeError, TimeoutError, asyncpg.PostgresError, *db.CONNECTION_ERRORS) as error:
            log.warning("[Erasure] Receipt %s is completed later: %s", receipt.id, error)
        return receipt.token


async def _lock_joined_events(
    conn: Connection, user_id: UserId, event_id: EventId | None
) -> list[EventId]:
    """Lock and return the events that a user is a guest of, or only the one that is named."""
    joined = await guests.list_by_user(conn, user_id)
    locked = []
    for each in sorted(guest.event_id for guest in joined):
        if event_id in (None, each):
            # an event that is being deleted at this moment deletes their part, too
            with suppress(NotFound):
                await events.lock(conn, each)
                locked.append(each)
    if event_id is not None and not locked:
        raise NotFound
    return locked
