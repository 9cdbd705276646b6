"""An organiser's personal invitations to an event: made from a list of names, withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from findme import db
from findme.accounts import invitations
from findme.accounts.invitations import Invitation, NewInvitation, Skipped
from findme.db import Pool
from findme.errors import NotFound
from findme.gallery import events
from findme.models import Event, EventId, UserId
from findme.privacy import audit_log


@dataclass(frozen=True, slots=True)
class OpenInvitations:
    """A page of invitations that nobody has used, newest first."""

    event: Event
    invitations: Sequence[Invitation]
    total: int


@dataclass(frozen=True, slots=True)
class Invitations:
    """Makes, lists and withdraws invitations; NotFound if there is no such event."""

    pool: Pool

    async def create(
        self, actor: UserId, event_id: EventId, names: Sequence[str]
    ) -> tuple[Event, list[NewInvitation], list[Skipped]]:
        """Invite each name that is not invited yet; the tokens are known only here."""
        async with db.transaction(self.pool) as conn:
            # the row's lock: a list that is sent twice at once is invited once
            if (
                await conn.fetchval("select id from event where id = $1 for update", event_id)
                is None
            ):
                raise NotFound
            event = await events.get(conn, event_id)
            created, skipped = await invitations.create(conn, event_id, names)
            if created:
                await audit_log.note(
                    conn,
                    actor,
                    "invitations.created",
                    event_id=event_id,
                    detail={"invitations": len(created)},
                )
        return event, created, skipped

    async def list_open(
        self, event_id: EventId, *, before: int | None, limit: int
    ) -> OpenInvitations:
        """Return up to *limit* invitations older than *before*."""
        async with db.acquire(self.pool) as conn:
            event = await events.get(conn, event_id)
            found = await invitations.list_open(conn, event_id, before=before, limit=limit)
            total = await invitations.count(conn, event_id)
        return OpenInvitations(event, found, total)

    async def withdraw(self, actor: UserId, event_id: EventId, invitation_id: int | None) -> int:
        """Withdraw an invitation, or (None) all; return how many; NotFound if it is gone."""
        async with db.transaction(self.pool) as conn:
            await events.lock(conn, event_id)
            withdrawn = await invitations.withdraw(conn, event_id, invitation_id)
            if withdrawn:
                await audit_log.note(
                    conn,
                    actor,
                    "invitations.withdrawn",
                    event_id=event_id,
                    detail={"invitations": withdrawn},
                )
        return withdrawn
