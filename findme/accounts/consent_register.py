"""The register of an event's consents: who agreed to which text, and when (GDPR, article 7(1))."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from findme.db import Connection
from findme.models import EventId, GuestId


@dataclass(frozen=True, slots=True)
class Consent:
    """The last consent of a guest to this event."""

    guest_id: GuestId
    name: str
    #: None: their link is their key.
    email: str | None
    given_at: datetime
    withdrawn_at: datetime | None
    language: str | None
    #: As it was shown to them.
    text: str | None


async def list_consents(
    conn: Connection, event_id: EventId, *, after: GuestId | None, limit: int
) -> Sequence[Consent]:
    """Return an event's consents in the order of joining, behind the guest *after*."""
    rows = await conn.fetch(
        """
        select guest.id as guest_id, account.name, account.email, consent_at as given_at,
               consent_withdrawn_at as withdrawn_at, consent_language as language,
               consent_text as text
          from guest join account on account.id = guest.account_id
         where guest.event_id = $1 and consent_at is not null
           and ($2::bigint is null or guest.id > $2)
         order by guest.id limit $3""",
        event_id,
        after,
        limit,
    )
    return [Consent(**row) for row in rows]
