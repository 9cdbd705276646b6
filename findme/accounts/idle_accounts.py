"""Guests' accounts with an address whose last event is over: announced, then erased.

Those by name alone go at once (see `accounts.delete_keyed_without_event`); admins stay.
"""

from datetime import timedelta

from findme import queue
from findme.db import Connection
from findme.models import JobKind, UserId
from findme.privacy import audit_log

#: How long an account is kept after its last event, and how long before its end that is mailed.
KEPT, NOTICE = timedelta(days=30), timedelta(days=7)
#: The name of the letter in SEND_MAIL's payload.
LETTER = "farewell"
#: Seconds between two looks.
PERIOD = 60.0


async def note_idle(conn: Connection) -> None:
    """Record which accounts are in no event since now, and which are in one again."""
    await conn.execute(
        """
        update account set idle_since = now()
         where role = 'guest' and email is not null and idle_since is null
           and not exists (select from guest where account_id = account.id)"""
    )
    await conn.execute(
        """
        update account set idle_since = null, announced_at = null
         where idle_since is not null
           and (role <> 'guest' or exists (select from guest where account_id = account.id))"""
    )


async def announce(conn: Connection) -> int:
    """Enqueue a mail to each account that is erased in a week; return their number.

    An address that nobody has confirmed gets none.
    """
    rows = await conn.fetch(
        """
        update account set announced_at = now()
         where idle_since < now() - ($1::interval - $2::interval) and announced_at is null
           and email_proven_at is not null
        returning id""",
        KEPT,
        NOTICE,
    )
    for row in rows:
        await queue.enqueue(
            conn,
            JobKind.SEND_MAIL,
            label="an account ends",
            payload={"letter": LETTER, "account_id": row["id"]},
        )
    return len(rows)


async def erase(conn: Connection, *, announced: bool) -> int:
    """Erase the accounts whose time is over; return their number.

    *announced* says that mail is set up: then who can get a mail has had it for a week.
    """
    rows = await conn.fetch(
        """
        select id from account
         where idle_since < now() - $1::interval
           and (not $3 or email_proven_at is null or announced_at < now() - $2::interval)
           for update skip locked""",
        KEPT,
        NOTICE,
        announced,
    )
    # again, now that nobody can join with them: somebody may have just done so
    gone = await conn.fetch(
        """
        delete from account where id = any($1) and role = 'guest'
           and not exists (select from guest where account_id = account.id) returning id""",
        [row["id"] for row in rows],
    )
    if gone:
        await audit_log.note(conn, None, "account.expired", detail={"accounts": len(gone)})
    return len(gone)


async def find_reader(conn: Connection, user_id: UserId) -> tuple[str, str | None] | None:
    """Return address and language of an account that is still to be erased; None otherwise."""
    row = await conn.fetchrow(
        "select email, language from account where id = $1 and announced_at is not null", user_id
    )
    return None if row is None else (row["email"], row["language"])
