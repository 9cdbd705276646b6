"""Proof of e-mail addresses: one mail to each, with a link to confirm it or to take it back.

Until its link was opened an address opens nothing: anyone may have typed it. It gets this one mail
and no other, and whoever reads it can take the address out of an account that is not theirs.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from findme import queue
from findme.cache import Cache
from findme.db import Connection
from findme.errors import LinkExpired
from findme.models import JobKind, UserId

LIFETIME = timedelta(days=30)
DAY_SECONDS = 86_400
#: The name of this letter in SEND_MAIL's payload.
LETTER = "confirm"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the link in a mail is about."""

    user_id: UserId
    email: str


async def request(
    conn: Connection, cache: Cache, user_id: UserId, email: str, *, language: str, base_url: str
) -> None:
    """Enqueue the mail to an address that was just given to an account.

    An address gets one a day at most, however many accounts it is typed into and out of.
    """
    if await cache.count_attempt(f"confirm:{email}", seconds=DAY_SECONDS) > 1:
        return
    await queue.enqueue(
        conn,
        JobKind.SEND_MAIL,
        label="confirm an address",
        payload={
            "letter": LETTER,
            "account_id": user_id,
            "language": language,
            "base_url": base_url,
        },
    )


async def create(conn: Connection, user_id: UserId) -> tuple[str, str] | None:
    """Make a link; return its token and the address; None if there is nothing to prove."""
    email: str | None = await conn.fetchval(
        "select email from account where id = $1 and email_proven_at is null", user_id
    )
    if email is None:
        return None
    token = secrets.token_urlsafe(32)
    await conn.execute("delete from email_confirmation where expires_at < now()")
    await conn.execute(
        """
        insert into email_confirmation (account_id, token_hash, email, expires_at)
        values ($1, $2, $3, now() + $4::interval)""",
        user_id,
        _digest(token),
        email,
        LIFETIME,
    )
    return token, email


async def delete_unsent(conn: Connection, token: str) -> None:
    """Remove a link that nobody received."""
    await conn.execute("delete from email_confirmation where token_hash = $1", _digest(token))


async def find(conn: Connection, token: str) -> Confirmation:
    """Return what a link is about, without using it; LinkExpired."""
    row = await conn.fetchrow(
        """
        select account_id, account.email
          from email_confirmation join account on account.id = account_id
         where token_hash = $1 and expires_at > now() and email_proven_at is null
           and account.email = email_confirmation.email
           for update of account""",
        _digest(token),
    )
    if row is None:
        raise LinkExpired
    return Confirmation(UserId(row["account_id"]), row["email"])


async def is_proven(conn: Connection, user_id: UserId) -> bool:
    """Whether somebody has opened a link that was mailed to an account's address."""
    proven: bool = await conn.fetchval(
        "select exists (select from account where id = $1 and email_proven_at is not null)", user_id
    )
    return proven


async def prove(conn: Connection, user_id: UserId) -> None:
    """Note that the account's owner reads the mail to its address."""
    await conn.execute(
        """
        update account set email_proven_at = coalesce(email_proven_at, now())
         where id = $1 and email is not null""",
        user_id,
    )
    await conn.execute("delete from email_confirmation where account_id = $1", user_id)


async def detach(conn: Connection, user_id: UserId) -> None:
    """Take an address out of an account that it was never proved for, with the password.

    What the account has stays, in the sessions that are open; the organiser can make a link to it.
    """
    await conn.execute(
        """
        update account
           set email = null, password_hash = null, email_proven_at = null, key_hash = $2
         where id = $1""",
        user_id,
        # nobody has the key: `renew_key` makes one
        _digest(secrets.token_urlsafe(32)),
    )
    await conn.execute("update guest set notify_mail = false where account_id = $1", user_id)
    await conn.execute("delete from email_confirmation where account_id = $1", user_id)
    await conn.execute("delete from password_reset where account_id = $1", user_id)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
