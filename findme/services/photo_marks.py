"""A guest's verdicts on photos, their favourites, and their reports."""

from dataclasses import dataclass

from findme import db
from findme.accounts import guests
from findme.accounts.guests import Guest
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import ConsentRequired, InvalidRequest, NotFound
from findme.faces import verdicts
from findme.faces.sweep_requests import request_sweep, sweep_for_rivals
from findme.gallery import events, favourites, guest_photos, photos, reports
from findme.gallery.reports import Reason
from findme.models import EventId, FaceId, PhotoId, UserId
from findme.settings import Settings
from findme.workers import Workers


@dataclass(frozen=True, slots=True)
class PhotoMarks:
    """Stores a guest's verdicts, favourites and reports.

    NotFound for a photo that they may not see.
    """

    settings: Settings
    pool: Pool
    cache: Cache
    workers: Workers

    async def reject(self, user_id: UserId, photo_id: PhotoId) -> None:
        """Record that a guest is not on a photo; ConsentRequired as for the other verdicts."""
        async with db.transaction(self.pool) as conn:
            guest = await self._lock_guest(conn, user_id, photo_id)
            await verdicts.reject(conn, guest.id, photo_id)
            await sweep_for_rivals(conn, guest.event_id, user_id)
        await self._publish(guest.event_id)

    async def confirm(self, user_id: UserId, photo_id: PhotoId, face_id: FaceId | None) -> None:
        """Record that a guest is on a photo, as *face_id* or the face that fits best.

        The face then helps to find further photos. NotFound if it is not on the photo.
        """
        async with db.transaction(self.pool) as conn:
            guest = await self._lock_guest(conn, user_id, photo_id)
            if await verdicts.confirm(conn, guest.id, photo_id, face_id):
                await request_sweep(conn, guest.event_id, self.settings)
        await self._publish(guest.event_id)

    async def undo(self, user_id: UserId, photo_id: PhotoId, says: str) -> None:
        """Remove a verdict (`me` or `not_me`), with what was found from its face."""
        async with db.transaction(self.pool) as conn:
            guest = await self._lock_guest(conn, user_id, photo_id)
            await verdicts.undo(conn, guest.id, photo_id, says)
            await request_sweep(conn, guest.event_id, self.settings)
        await self._publish(guest.event_id)

    async def add_favourite(self, user_id: UserId, photo_id: PhotoId) -> None:
        """Mark a photo for its guest alone."""
        async with db.transaction(self.pool) as conn:
            guest = await self._find_viewer(conn, user_id, photo_id)
            await favourites.add(conn, guest.id, photo_id)
        await self.cache.forget_guest(guest.id)

    async def remove_favourite(self, user_id: UserId, photo_id: PhotoId) -> None:
        """Remove a guest's mark from a photo."""
        async with db.transaction(self.pool) as conn:
            guest = await self._find_viewer(conn, user_id, photo_id)
            await favourites.remove(conn, guest.id, photo_id)
        await self.cache.forget_guest(guest.id)

    async def report(self, user_id: UserId, photo_id: PhotoId, reason: str, note: str) -> int:
        """Report a photo to the organiser, and return the report; InvalidRequest for the reason."""
        async with db.transaction(self.pool) as conn:
            guest = await self._find_viewer(conn, user_id, photo_id)
            # the last one is of people who are no guests
            given = [word for word in Reason if word is not Reason.KEEP_OUT]
            if reason not in given:
                raise InvalidRequest(f"reason is one of {', '.join(given)}.", field="reason")
            await events.lock(conn, guest.event_id)
            return await reports.add(conn, guest.id, photo_id, Reason(reason), note.strip())

    async def check_may_see(self, user_id: UserId, photo_id: PhotoId) -> EventId:
        """Return the event of a photo that the user may see; NotFound otherwise."""
        async with db.acquire(self.pool) as conn:
            return (await self._find_viewer(conn, user_id, photo_id)).event_id

    async def check_may_judge(self, user_id: UserId, photo_id: PhotoId) -> None:
        """Check that a user may say whether they are on a photo; NotFound, ConsentRequired."""
        async with db.acquire(self.pool) as conn:
            if not (await self._find_viewer(conn, user_id, photo_id)).consented:
                raise ConsentRequired

    async def _find_viewer(self, conn: Connection, user_id: UserId, photo_id: PhotoId) -> Guest:
        """Return a user's part in a photo's event; NotFound if they may not see the photo."""
        photo = await photos.get(conn, photo_id)
        guest = await guests.find(conn, photo.event_id, user_id)
        if guest is None or not await guest_photos.may_see(conn, photo_id, user_id):
            raise NotFound
        return guest

    async def _lock_guest(self, conn: Connection, user_id: UserId, photo_id: PhotoId) -> Guest:
        guest = await self._find_viewer(conn, user_id, photo_id)
        await events.lock(conn, guest.event_id)
        # a guest who confirms a face is searched for with it
        await guests.lock_consent(conn, guest.id)
        return guest

    async def _publish(self, event_id: EventId) -> None:
        await self.cache.forget_event(event_id)
        self.workers.wake()
