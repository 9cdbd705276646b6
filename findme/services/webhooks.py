"""An admin's work on webhooks: add, change, switch, remove, test, and deliver again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from findme import db
from findme.db import Connection, Pool, Record
from findme.errors import InvalidRequest
from findme.messaging import webhooks
from findme.messaging.safe_http import check_url
from findme.models import UserId
from findme.privacy import audit_log


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Writes webhooks and notes each change in the audit log.

    NotFound if there is no such webhook; InvalidRequest for an address that must not be called, or
    for topics that are not known.
    """

    pool: Pool
    #: Whether a webhook may lead into a private network.
    allow_private: bool

    async def add(self, actor: UserId, url: str, topics: Iterable[str]) -> Record:
        """Add a webhook and return it with its secret."""
        url, listed = self._check_url(url), check_topics(topics)
        async with db.transaction(self.pool) as conn:
            return await _create(conn, actor, url, listed)

    async def add_once(self, actor: UserId, url: str, topics: Iterable[str]) -> tuple[Record, bool]:
        """Add a webhook unless one sends the same topics to the same address.

        Return the webhook and whether it is new.
        """
        url, listed = self._check_url(url), check_topics(topics)
        async with db.transaction(self.pool) as conn:
            twin = await webhooks.find_twin(conn, url, listed)
            if twin is not None:
                return twin, False
            return await _create(conn, actor, url, listed), True

    async def change(
        self,
        actor: UserId,
        webhook_id: int,
        *,
        url: str | None = None,
        topics: Iterable[str] | None = None,
        active: bool | None = None,
    ) -> Record:
        """Change the values that are not None, and return the webhook."""
        values = {"url": url, "topics": topics, "active": active}
        members = sorted(name for name, value in values.items() if value is not None)
        async with db.transaction(self.pool) as conn:
            row = await webhooks.get(conn, webhook_id)
            row = await webhooks.change(
                conn,
                webhook_id,
                url=row["url"] if url is None else self._check_url(url),
                topics=row["topics"] if topics is None else check_topics(topics),
                active=row["active"] if active is None else active,
            )
            await audit_log.note(
                conn, actor, "webhook.changed", subjects=[webhook_id], detail={"members": members}
            )
        return row

    async def switch(self, actor: UserId, webhook_id: int, *, active: bool) -> None:
        """Switch a webhook on or off."""
        async with db.transaction(self.pool) as conn:
            row = await webhooks.get(conn, webhook_id)
            await webhooks.change(
                conn, webhook_id, url=row["url"], topics=row["topics"], active=active
            )
            await audit_log.note(
                conn,
                actor,
                "webhook.changed",
                subjects=[webhook_id],
                detail={"active": "on" if active else "off"},
            )

    async def remove(self, actor: UserId, webhook_id: int) -> None:
        """Remove a webhook with its deliveries."""
        async with db.transaction(self.pool) as conn:
            await webhooks.delete(conn, webhook_id)
            await audit_log.note(conn, actor, "webhook.deleted", subjects=[webhook_id])

    async def test(self, actor: UserId, webhook_id: int) -> Record:
        """Send a webhook a delivery without content, and return the delivery."""
        async with db.transaction(self.pool) as conn:
            row = await webhooks.test(conn, webhook_id)
            await audit_log.note(conn, actor, "webhook.tested", subjects=[webhook_id])
        return row

    async def redeliver(self, actor: UserId, delivery_id: int) -> Record:
        """Send a delivery again, and return it; NotFound if there is none."""
        async with db.transaction(self.pool) as conn:
            row = await webhooks.redeliver(conn, delivery_id)
            await audit_log.note(conn, actor, "webhook.repeated", subjects=[row["webhook_id"]])
        return row

    def _check_url(self, url: str) -> str:
        return check_url(url.strip(), allow_private=self.allow_private, field="url")


def check_topics(topics: Iterable[str]) -> Sequence[str]:
    """Return the topics in the order of TOPICS; InvalidRequest for none or an unknown one."""
    wanted = list(topics)
    if not wanted or not all(topic in webhooks.TOPICS for topic in wanted):
        words = ", ".join(webhooks.TOPICS)
        raise InvalidRequest(f"topics is a list of at least one of {words}.", field="topics")
    return [topic for topic in webhooks.TOPICS if topic in wanted]


async def _create(conn: Connection, actor: UserId, url: str, topics: Sequence[str]) -> Record:
    row = await webhooks.create(conn, url, topics)
    await audit_log.note(conn, actor, "webhook.created", subjects=[row["id"]])
    return row
