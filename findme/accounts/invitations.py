"""Personal invitations to an event: a name and a link, which admits one guest."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from findme.accounts import auth
from findme.db import Connection
from findme.errors import Conflict, InvalidRequest, NotFound
from findme.models import EventId

#: Unused invitations of one event: more than any wedding has guests.
MOST = 5000


class InvitationUsed(Conflict):
    """This invitation was used or withdrawn: join without it."""

    code = "invitation_used"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that nobody has used yet."""

    id: int
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation with its token, which is known only here."""

    id: int
    name: str
    token: str


@dataclass(frozen=True, slots=True)
class Taken:
    """An invitation that a guest has used, as far as it is needed to give it back."""

    event_id: EventId
    name: str
    token: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A name of a list for which no invitation is made: `twice`, `invited` or `not_a_name`."""

    name: str
    reason: str


async def create(
    conn: Connection, event_id: EventId, names: Sequence[str]
) -> tuple[list[NewInvitation], list[Skipped]]:
    """Add an invitation for each name that has none yet; InvalidRequest beyond MOST.

    The caller has locked the event's row, so that a list that is sent twice is invited once.
    """
    rows = await conn.fetch("select name from invitation where event_id = $1", event_id)
    invited = {row["name"].casefold() for row in rows}
    seen: set[str] = set()
    wanted: list[str] = []
    skipped: list[Skipped] = []
    for text in names:
        try:
            name = auth.check_name(text)
        except InvalidRequest:
            if text.strip():
                skipped.append(Skipped(text.strip()[:100], "not_a_name"))
            continue
        key = name.casefold()
        if "@" in name or not any(letter.isalpha() for letter in name):
            skipped.append(Skipped(name, "not_a_name"))
        elif key in seen:
            skipped.append(Skipped(name, "twice"))
        elif key in invited:
            skipped.append(Skipped(name, "invited"))
        else:
            seen.add(key)
            wanted.append(name)
    if len(rows) + len(wanted) > MOST:
        raise InvalidRequest(f"An event has at most {MOST} open invitations.", field="names")
    tokens = [secrets.token_urlsafe(16) for _ in wanted]
    added = await conn.fetch(
        """
        insert into invitation (event_id, name, token_hash)
        select $1, name, hash from unnest($2::text[], $3::bytea[]) with ordinality
               as wanted (name, hash, place) order by place
        returning id, name""",
        event_id,
        wanted,
        [_digest(token) for token in tokens],
    )
    created = [
        NewInvitation(row["id"], row["name"], token)
        for row, token in zip(added, tokens, strict=True)
    ]
    return created, skipped


async def list_open(
    conn: Connection, event_id: EventId, *, before: int | None, limit: int
) -> list[Invitation]:
    """Return invitations that nobody has used, newest first, older than *before*."""
    rows = await conn.fetch(
        """
        select id, name, created_at from invitation
         where event_id = $1 and ($2::bigint is null or id < $2) order by id desc limit $3""",
        event_id,
        before,
        limit,
    )
    return [Invitation(**row) for row in rows]


async def count(conn: Connection, event_id: EventId) -> int:
    """Return how many invitations nobody has used."""
    number: int = await conn.fetchval(
        "select count(*) from invitation where event_id = $1", event_id
    )
    return number


async def find(conn: Connection, event_id: EventId, token: str) -> str | None:
    """Return the name of the invitation that a token opens; None if there is none."""
    name: str | None = await conn.fetchval(
        "select name from invitation where event_id = $1 and token_hash = $2",
        event_id,
        _digest(token),
    )
    return name


async def take(conn: Connection, event_id: EventId, token: str) -> Taken:
    """Use an invitation; InvitationUsed if there is none. Of two guests at once, one gets it."""
    name: str | None = await conn.fetchval(
        "delete from invitation where event_id = $1 and token_hash = $2 returning name",
        event_id,
        _digest(token),
    )
    if name is None:
        raise InvitationUsed
    return Taken(event_id, name, token)


async def give_back(conn: Connection, taken: Taken) -> None:
    """Let an invitation be used again, as its guest could not join."""
    await conn.execute(
        """
        insert into invitation (event_id, name, token_hash)
        select id, $2, $3 from event where id = $1""",
        taken.event_id,
        taken.name,
        _digest(taken.token),
    )


async def withdraw(conn: Connection, event_id: EventId, invitation_id: int | None) -> int:
    """Delete an invitation, or (None) all that nobody has used; NotFound if it is gone."""
    deleted = await conn.fetch(
        """
        delete from invitation where event_id = $1 and ($2::bigint is null or id = $2)
        returning id""",
        event_id,
        invitation_id,
    )
    if invitation_id is not None and not deleted:
        raise NotFound
    return len(deleted)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
