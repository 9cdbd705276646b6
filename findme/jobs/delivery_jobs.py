"""The jobs that send: mails, push messages, and the notifications that a guest asked for.

A notification is decided once, in a transaction; each channel to the reader is then a job of its
own, which is retried by itself and shows its own failure.
"""

from collections.abc import Mapping
from email.utils import parseaddr

import orjson

from findme import db, queue
from findme.accounts import (
    admission,
    confirmations,
    idle_accounts,
    password_resets,
    selfie_pictures,
)
from findme.db import Connection, Pool
from findme.errors import DeliveryFailed, DeliveryRefused
from findme.gallery import events
from findme.jobs.job_type import JobType
from findme.messaging import mail_templates, notifications, smtp, unsubscribe, web_push
from findme.messaging.mail_templates import Letter
from findme.messaging.notifications import PendingNotification
from findme.messaging.smtp import Mail
from findme.messaging.web_push import Subscription, SubscriptionGone
from findme.models import EventId, GuestId, Job, JobKind, UserId
from findme.settings import Settings

#: The name of the mail about new photos in SEND_MAIL's payload.
NEWS = "news"
#: Our contact for push services if no address is configured.
NOBODY = "findme@localhost"


class DeliveryJobs:
    """Handles NOTIFY_GUEST, SEND_MAIL and SEND_PUSH."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool

    def types(self) -> Mapping[JobKind, JobType]:
        """Return what each kind of job registers."""
        return {
            JobKind.NOTIFY_GUEST: JobType(self.notify_guest),
            JobKind.SEND_MAIL: JobType(self.send_mail),
            JobKind.SEND_PUSH: JobType(self.send_push),
        }

    async def notify_guest(self, job: Job) -> None:
        """Decide whether a guest is notified of new photos now, and through which channels."""
        assert job.event_id is not None
        guest_id = GuestId(_number(job, "guest_id"))
        async with db.transaction(self._pool) as conn:
            await events.lock(conn, job.event_id)
            news = await notifications.take(conn, job.event_id, guest_id, self._settings)
            if news is not None:
                await self._tell(conn, job.event_id, news)
            await queue.complete(conn, job)

    async def _tell(self, conn: Connection, event_id: EventId, news: PendingNotification) -> None:
        for subscription_id in await notifications.subscriptions(conn, news.guest_id):
            await queue.enqueue(
                conn,
                JobKind.SEND_PUSH,
                label="new photos",
                event_id=event_id,
                payload={"subscription_id": subscription_id, "photos": news.photos},
            )
        if news.mail:
            await queue.enqueue(
                conn,
                JobKind.SEND_MAIL,
                label="new photos",
                event_id=event_id,
                payload={"letter": NEWS, "guest_id": news.guest_id, "photos": news.photos},
            )

    async def send_push(self, job: Job) -> None:
        """Send a push message to one browser; a subscription that is gone is deleted."""
        subscription_id, photos = _number(job, "subscription_id"), _number(job, "photos")
        async with db.acquire(self._pool) as conn:
            row = await notifications.find_subscription(conn, subscription_id)
            private = await web_push.private_key(conn)
        if row is None:
            return
        spoken = mail_templates.language(row["language"])
        sentence = spoken.ngettext("%(num)s new photo of you", "%(num)s new photos of you", photos)
        message = {
            "title": row["event"],
            "body": sentence % {"num": spoken.number(photos)},
            "url": f"/gallery?event={row['event_id']}",
            "language": spoken.code,
        }
        try:
            await web_push.send(
                Subscription(row["endpoint"], row["p256dh"], row["auth"]),
                orjson.dumps(message),
                private=private,
                contact=self._contact(),
                allow_private=self._settings.webhook_allow_private,
            )
        except SubscriptionGone:
            async with db.acquire(self._pool) as conn:
                await notifications.drop_subscription(conn, subscription_id)

    def _contact(self) -> str:
        """Return the contact of our operator, for the operators of push services."""
        base = self._settings.findme_base_url or ""
        if base.startswith("https://"):
            return base
        smtp_url = self._settings.smtp_url
        sender = smtp.sender_of(smtp_url, self._settings.mail_from) if smtp_url else NOBODY
        return "mailto:" + parseaddr(sender)[1]

    async def send_mail(self, job: Job) -> None:
        """Write and send one mail; none if its reader has been deleted."""
        payload = job.payload or {}
        if payload["letter"] == password_resets.LETTER:
            await self._send_reset(payload)
        elif payload["letter"] == confirmations.LETTER:
            await self._send_confirmation(payload)
        elif payload["letter"] == admission.LETTER:
            await self._send_admitted(GuestId(_number(job, "guest_id")))
        elif payload["letter"] == idle_accounts.LETTER:
            await self._send_farewell(UserId(_number(job, "account_id")))
        elif payload["letter"] == selfie_pictures.LETTER:
            await self._ask_for_selfie(GuestId(_number(job, "guest_id")))
        else:
            await self._send_news(GuestId(_number(job, "guest_id")), _number(job, "photos"))

    async def _send_reset(self, payload: Mapping[str, object]) -> None:
        user_id = UserId(int(str(payload["account_id"])))
        async with db.transaction(self._pool) as conn:
            to: str | None = await conn.fetchval("select email from account where id = $1", user_id)
            if to is None:
                return
            link = await password_resets.create(conn, user_id, by_mail=True)
        url = f"{payload['base_url']}/reset/{link.token}"
        minutes = int(password_resets.LIFETIME.total_seconds() // 60)
        letter = mail_templates.write(
            "reset", str(payload["language"]), {"url": url, "minutes": minutes}
        )
        try:
            await self._send(to, letter)
        except DeliveryFailed:
            async with db.acquire(self._pool) as conn:
                await password_resets.delete_unsent(conn, link)
            raise

    async def _send_confirmation(self, payload: Mapping[str, object]) -> None:
        user_id = UserId(int(str(payload["account_id"])))
        async with db.transaction(self._pool) as conn:
            created = await confirmations.create(conn, user_id)
        if created is None:  # proven or gone meanwhile
            return
        token, email = created
        letter = mail_templates.write(
            "confirm", str(payload["language"]), {"url": f"{payload['base_url']}/confirm/{token}"}
        )
        try:
            await self._send(email, letter)
        except DeliveryFailed:
            async with db.acquire(self._pool) as conn:
                await confirmations.delete_unsent(conn, token)
            raise

    async def _send_farewell(self, user_id: UserId) -> None:
        async with db.acquire(self._pool) as conn:
            reader = await idle_accounts.find_reader(conn, user_id)
        if reader is None:  # gone, or in an event again
            return
        email, language = reader
        context = {"days": idle_accounts.NOTICE.days, "url": self._settings.findme_base_url or ""}
        await self._send(email, mail_templates.write("farewell", language, context))

    async def _ask_for_selfie(self, guest_id: GuestId) -> None:
        async with db.acquire(self._pool) as conn:
            needed = await selfie_pictures.needs_another(conn, guest_id)
        if needed:
            await self._send_to_guest("selfie", guest_id, {})

    async def _send_admitted(self, guest_id: GuestId) -> None:
        async with db.acquire(self._pool) as conn:
            reader = await admission.find_reader(conn, guest_id)
        if reader is None:  # removed meanwhile
            return
        context = {
            "event": reader["event"],
            "url": f"{self._settings.findme_base_url or ''}/gallery?event={reader['event_id']}",
        }
        letter = mail_templates.write("admitted", reader["language"], context)
        await self._send(reader["email"], letter)

    async def _send_news(self, guest_id: GuestId, photos: int) -> None:
        await self._send_to_guest("news", guest_id, {"photos": photos})

    async def _send_to_guest(
        self, name: str, guest_id: GuestId, values: Mapping[str, object]
    ) -> None:
        """Send a mail that its reader can end with one tap; nothing if they have."""
        base = self._settings.findme_base_url
        async with db.transaction(self._pool) as conn:
            reader = await notifications.find_reader(conn, guest_id)
            token = await unsubscribe.token_of(conn, guest_id)
        if reader is None:
            return
        if base is None:
            raise DeliveryRefused("FINDME_BASE_URL is not set any more.")
        leave = f"{base}/unsubscribe/{token}"
        letter = mail_templates.write(
            name,
            reader["language"],
            {
                "event": reader["event"],
                "url": f"{base}/gallery?event={reader['event_id']}",
                "unsubscribe": leave,
                **values,
            },
        )
        headers = {
            "List-Unsubscribe": f"<{leave}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
        await self._send(reader["email"], letter, headers)

    async def _send(
        self, to: str, letter: Letter, headers: Mapping[str, str] | None = None
    ) -> None:
        smtp_url = self._settings.smtp_url
        if smtp_url is None:
            raise DeliveryRefused("SMTP_URL is not set any more.")
        await smtp.send(
            Mail(to, letter.subject, letter.text, letter.html, headers or {}),
            smtp_url=smtp_url,
            sender=smtp.sender_of(smtp_url, self._settings.mail_from),
        )


def _number(job: Job, name: str) -> int:
    return int(str((job.payload or {})[name]))
