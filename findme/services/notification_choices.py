"""A guest's notifications of new photos: by mail, in which browsers, or switched off."""

from dataclasses import dataclass

from findme import db
from findme.accounts import guests
from findme.accounts.guests import Guest
from findme.db import Connection, Pool
from findme.errors import Conflict, NotFound
from findme.gallery import events
from findme.messaging import notifications, unsubscribe, web_push
from findme.messaging.notifications import Choices
from findme.models import EventId, User
from findme.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """A browser's PushSubscription; its endpoint and keys were checked."""

    endpoint: str
    p256dh: str
    auth: str
    language: str


@dataclass(frozen=True, slots=True)
class NotificationChoices:
    """Reads and changes a guest's choices; NotFound for somebody who is no guest of the event."""

    settings: Settings
    pool: Pool

    async def public_key(self) -> str:
        """Return the key that browsers subscribe with; it is created at the first request."""
        async with db.acquire(self.pool) as conn:
            private = await web_push.private_key(conn)
        return web_push.public_key(private)

    async def get(self, user: User, event_id: EventId) -> Choices:
        """Return what the guest has chosen."""
        async with db.acquire(self.pool) as conn:
            guest = await _find_guest(conn, event_id, user)
            return await notifications.choices(conn, guest.id)

    async def check_guest(self, user: User, event_id: EventId) -> None:
        """Check that a user is a guest of the event."""
        async with db.acquire(self.pool) as conn:
            await _find_guest(conn, event_id, user)

    async def set_mail(self, user: User, event_id: EventId, wanted: bool) -> Choices:
        """Switch the guest's mails on or off; Conflict if no mail can be sent."""
        async with db.transaction(self.pool) as conn:
            guest = await _lock_guest(conn, event_id, user)
            if wanted and not notifications.mails(self.settings):
                raise Conflict("This server sends no mails about new photos.")
            if wanted and user.email is None:
                raise Conflict("There is no e-mail address on this account.")
            await notifications.set_mail(conn, guest.id, wanted)
            return await notifications.choices(conn, guest.id)

    async def subscribe(self, user: User, event_id: EventId, browser: NewSubscription) -> None:
        """Add a browser that gets push messages."""
        async with db.transaction(self.pool) as conn:
            guest = await _lock_guest(conn, event_id, user)
            await notifications.subscribe(
                conn,
                guest.id,
                endpoint=browser.endpoint,
                p256dh=browser.p256dh,
                auth=browser.auth,
                language=browser.language,
            )

    async def unsubscribe(self, user: User, event_id: EventId, endpoint: str) -> None:
        """Remove a browser; it gets no more push messages."""
        async with db.transaction(self.pool) as conn:
            guest = await _lock_guest(conn, event_id, user)
            await notifications.unsubscribe(conn, guest.id, endpoint)

    async def stop_mails(self, token: str, *, really: bool) -> str:
        """Return the event whose mails a token ends, and *really* end them; NotFound."""
        async with db.transaction(self.pool) as conn:
            return await unsubscribe.stop(conn, token, really=really)


async def _find_guest(conn: Connection, event_id: EventId, user: User) -> Guest:
    guest = await guests.find(conn, event_id, user.id)
    if guest is None:
        raise NotFound
    return guest


async def _lock_guest(conn: Connection, event_id: EventId, user: User) -> Guest:
    await events.lock(conn, event_id)
    return await _find_guest(conn, event_id, user)
