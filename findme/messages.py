"""The jobs that send: mails, push messages, and the news that a guest asked for.

A message is decided once, in a transaction; each way to the reader is then a job of its own, tried
again by itself and visible where it fails.
"""

from collections.abc import Awaitable, Callable, Mapping

from findme import db, letters, mail, resets
from findme.db import Pool
from findme.errors import DeliveryFailed, DeliveryRefused
from findme.letters import Letter
from findme.mail import Mail
from findme.models import Job, JobKind, UserId
from findme.settings import Settings


class Messages:
    """What the handlers share."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool

    def handlers(self) -> Mapping[JobKind, Callable[[Job], Awaitable[None]]]:
        """Return what does each kind of job."""
        return {JobKind.SEND_MAIL: self.send_mail}

    async def send_mail(self, job: Job) -> None:
        """Write and send one letter; whoever is gone meanwhile gets none."""
        payload = job.payload or {}
        assert payload["letter"] == resets.LETTER
        await self._send_reset(payload)

    async def _send_reset(self, payload: Mapping[str, object]) -> None:
        user_id = UserId(int(str(payload["account_id"])))
        async with db.transaction(self._pool) as conn:
            to: str | None = await conn.fetchval("select email from account where id = $1", user_id)
            if to is None:
                return
            link = await resets.create(conn, user_id)
        url = f"{payload['base_url']}/reset/{link.token}"
        minutes = int(resets.LIFETIME.total_seconds() // 60)
        letter = letters.write("reset", str(payload["language"]), {"url": url, "minutes": minutes})
        try:
            await self._send(to, letter)
        except DeliveryFailed:
            async with db.acquire(self._pool) as conn:
                await resets.take_back(conn, link)
            raise

    async def _send(
        self, to: str, letter: Letter, headers: Mapping[str, str] | None = None
    ) -> None:
        smtp_url = self._settings.smtp_url
        if smtp_url is None:
            raise DeliveryRefused("SMTP_URL is not set any more.")
        await mail.send(
            Mail(to, letter.subject, letter.text, letter.html, headers or {}),
            smtp_url=smtp_url,
            sender=mail.sender_of(smtp_url, self._settings.mail_from),
        )
