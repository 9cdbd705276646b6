"""Ways into an account: its password, a new one by mail, the link of a guest without an e-mail."""

from dataclasses import dataclass

from findme import db
from findme.accounts import (
    accounts,
    auth,
    confirmations,
    guests,
    password_resets,
    sign_in_ticket,
)
from findme.accounts import sign_in as passwords
from findme.accounts.auth import Session
from findme.accounts.confirmations import Confirmation
from findme.accounts.sign_in import Origin
from findme.cache import Cache
from findme.db import Pool
from findme.errors import LinkExpired, NotFound, TooManyAttempts
from findme.messaging import mail_templates, notifications, smtp
from findme.messaging.smtp import Mail
from findme.models import EventId, User, UserId
from findme.privacy import audit_log
from findme.settings import Settings
from findme.workers import Workers

#: Reset mails that one address may request in so many seconds.
MAX_RESETS, RESET_SECONDS = 10, 60
#: Mails with their own link that one guest may request in so many seconds.
MAX_LINK_MAILS, LINK_MAIL_SECONDS = 3, 900


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session and whose it is."""

    session: Session
    user: User


@dataclass(frozen=True, slots=True)
class Access:
    """Opens sessions, and sends the links that lead to one."""

    settings: Settings
    pool: Pool
    cache: Cache
    workers: Workers

    async def sign_in(self, email: str, password: str, origin: Origin, code: str = "") -> SignedIn:
        """Open a session by password, and by a code if the account has a second factor.

        WrongCredentials, TooManyAttempts, SecondFactorRequired, WrongCode (see `sign_in`).
        """
        user = await passwords.sign_in(self.pool, self.cache, email, password, origin, code)
        return await self._open_session(user, origin)

    async def write_ticket(self, user_id: UserId) -> str:
        """Return a ticket for `finish_sign_in` to somebody whose password was right."""
        async with db.transaction(self.pool) as conn:
            return await sign_in_ticket.write(conn, user_id)

    async def finish_sign_in(self, ticket: str, code: str, origin: Origin) -> SignedIn:
        """Open a session by a ticket and a code; SignInRequired, WrongCode, TooManyAttempts."""
        user = await passwords.finish(self.pool, self.cache, ticket, code, origin)
        return await self._open_session(user, origin)

    async def _open_session(self, user: User, origin: Origin) -> SignedIn:
        async with db.transaction(self.pool) as conn:
            return SignedIn(await auth.open_session(conn, user.id, origin.browser), user)

    async def enter_by_link(self, user: User, browser: str) -> Session:
        """Open a session for somebody whose link was opened, in a browser with that token."""
        async with db.transaction(self.pool) as conn:
            await passwords.note_entry(conn, user, by="link")
            return await auth.open_session(conn, user.id, browser)

    async def find_by_key(self, key: str) -> User:
        """Return the account that a link's key opens; NotFound."""
        async with db.acquire(self.pool) as conn:
            return await accounts.find_by_key(conn, key)

    async def last_joined_event(self, user_id: UserId) -> EventId | None:
        """Return the event that a user joined last; None if they are no guest."""
        async with db.acquire(self.pool) as conn:
            joined = await guests.list_by_user(conn, user_id)
        return joined[0].event_id if joined else None

    async def request_reset_mail(
        self, email: str, *, origin: str, language: str, base_url: str
    ) -> None:
        """Have a reset link mailed if the address has an account; nobody learns whether it has.

        TooManyAttempts from *origin*, InvalidRequest for an invalid address.
        """
        requested = await self.cache.count_attempt(f"forgotten:{origin}", seconds=RESET_SECONDS)
        if requested > MAX_RESETS:
            raise TooManyAttempts
        await password_resets.ask_by_mail(
            self.pool, self.cache, auth.check_email(email), language=language, base_url=base_url
        )
        self.workers.wake()

    async def find_confirmation(self, token: str) -> Confirmation:
        """Return what the link in a mail to an address is about; LinkExpired."""
        async with db.acquire(self.pool) as conn:
            return await confirmations.find(conn, token)

    async def confirm_address(self, token: str, user: User) -> None:
        """Prove a user's address by the link that was mailed to it; LinkExpired for another's."""
        async with db.transaction(self.pool) as conn:
            if (await confirmations.find(conn, token)).user_id != user.id:
                raise LinkExpired
            await confirmations.prove(conn, user.id)

    async def take_address_back(self, token: str) -> None:
        """Take an address out of an account that its owner does not know; LinkExpired."""
        async with db.transaction(self.pool) as conn:
            await confirmations.detach(conn, (await confirmations.find(conn, token)).user_id)

    async def create_reset_link(self, admin_id: UserId, user_id: UserId) -> password_resets.Link:
        """Create a reset link that an admin hands over; NotFound, Conflict without a password."""
        async with db.transaction(self.pool) as conn:
            link = await password_resets.create(conn, user_id)
            await audit_log.note(conn, admin_id, "account.reset_link")
        return link

    async def renew_key_for(self, admin_id: UserId, user_id: UserId) -> str:
        """Return a new key that an admin hands over; the old one and all sessions end.

        Conflict if a password opens the account.
        """
        async with db.transaction(self.pool) as conn:
            key = await accounts.renew_key(conn, user_id)
            await audit_log.note(conn, admin_id, "account.key_link")
        await auth.close_sessions(self.pool, user_id)
        return key

    async def renew_key(self, user: User, *, keep: str) -> str:
        """Return a new key for a user; the old one and all sessions but *keep* (a token) end.

        Conflict if a password opens the account.
        """
        async with db.transaction(self.pool) as conn:
            key = await accounts.renew_key(conn, user.id)
        await auth.close_sessions(self.pool, user.id, but=keep)
        return key

    async def mail_link(self, user: User, email: str, key: str, *, url: str, language: str) -> None:
        """Mail *url*, a user's own link with its *key*, to an address; neither is stored.

        NotFound if no mail is sent or the key is not theirs, TooManyAttempts, DeliveryFailed,
        DeliveryRefused.
        """
        smtp_url = self.settings.smtp_url
        if smtp_url is None or not notifications.mails(self.settings):
            raise NotFound
        email = auth.check_email(email)
        # counted before the key is checked: nobody can guess keys here either
        sent = await self.cache.count_attempt(f"key-mail:{user.id}", seconds=LINK_MAIL_SECONDS)
        if sent > MAX_LINK_MAILS:
            raise TooManyAttempts
        if (await self.find_by_key(key)).id != user.id:
            raise NotFound
        letter = mail_templates.write("key", language, {"url": url})
        await smtp.send(
            Mail(email, letter.subject, letter.text, letter.html),
            smtp_url=smtp_url,
            sender=smtp.sender_of(smtp_url, self.settings.mail_from),
        )
