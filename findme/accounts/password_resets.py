"""New passwords: links that work once, for an hour, and end all sessions when they are used."""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from findme import db, queue
from findme.accounts import auth, confirmations, known_browsers
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import Conflict, LinkExpired, NotFound
from findme.models import JobKind, Role, UserId

log = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=60)
#: Seconds between two mails to one address; others are silently not sent.
MAX_MAILS, MAIL_SECONDS = 3, 900
#: The name of this letter in SEND_MAIL's payload.
LETTER = "reset"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was just made; the token is known only here."""

    id: int
    token: str
    expires_at: datetime


async def ask_by_mail(
    pool: Pool, cache: Cache, email: str, *, language: str, base_url: str
) -> None:
    """Have a link mailed to an address if it has an account; nobody learns whether it has one.

    The link is made by the job that mails it, so a token is only ever stored as a hash.
    """
    email = email.strip().lower()
    if await cache.count_attempt(f"reset:{email}", seconds=MAIL_SECONDS) > MAX_MAILS:
        return
    async with db.transaction(pool) as conn:
        # waiting for the disk would reveal who has an account; a lost mail is simply requested
        # again
        await conn.execute("set local synchronous_commit = off")
        user_id = await conn.fetchval("select id from account where email = $1", email)
        if user_id is not None:
            await queue.enqueue(
                conn,
                JobKind.SEND_MAIL,
                label="new password",
                payload={
                    "letter": LETTER,
                    "account_id": user_id,
                    "language": language,
                    "base_url": base_url,
                },
            )


async def create(conn: Connection, user_id: UserId, *, by_mail: bool = False) -> Link:
    """Make a link; NotFound without such an account, Conflict for one without a password.

    A link that is sent *by_mail* proves the address: it opens an account whose address was proved
    before, and takes the address out of any other (see `use`).
    """
    email = await conn.fetchrow("select email from account where id = $1", user_id)
    if email is None:
        raise NotFound
    if email["email"] is None:
        raise Conflict("This guest has a link of their own in place of a password.")
    token, expires_at = secrets.token_urlsafe(32), datetime.now(UTC) + LIFETIME
    # expired links open nothing, so they are deleted here rather than by a loop
    await conn.execute("delete from password_reset where expires_at < now()")
    link_id = await conn.fetchval(
        """
        insert into password_reset (account_id, token_hash, expires_at, by_mail)
        values ($1, $2, $3, $4) returning id""",
        user_id,
        _digest(token),
        expires_at,
        by_mail,
    )
    return Link(link_id, token, expires_at)


async def delete_unsent(conn: Connection, link: Link) -> None:
    """Remove a link that nobody received."""
    await conn.execute("delete from password_reset where id = $1", link.id)


async def check(conn: Connection, token: str) -> None:
    """Check that a link still works, without using it; LinkExpired if it does not."""
    valid = await conn.fetchval(
        "select exists (select from password_reset where token_hash = $1 and expires_at > now())",
        _digest(token),
    )
    if not valid:
        raise LinkExpired


async def use(
    pool: Pool,
    token: str,
    password: str,
    *,
    browser: str,
    signed_in: UserId | None = None,
) -> str:
    """Set a new password; all sessions, known browsers and other links of the account end.

    If the link was mailed to an address that nobody has proved, it proves it. The address then
    leaves the account, unless the opener is *signed_in* with it, and begins one of its own: whoever
    typed the address may be somebody else.

    Return the token of the browser, which is known from now on: whoever guesses at the account
    does not keep its owner out (see `known_browsers`).

    LinkExpired for a link that was used or has expired. InvalidRequest for an unsuitable password:
    the link then still works.
    """
    async with db.acquire(pool) as conn:
        await check(conn, token)
    password_hash = await auth.hash_password(auth.check_password(password))
    async with db.transaction(pool) as conn:
        row = await conn.fetchrow(
            """
            delete from password_reset using account
             where token_hash = $1 and expires_at > now() and account.id = account_id
            returning account_id, by_mail, email, email_proven_at is not null as proven""",
            _digest(token),
        )
        if row is None:  # another request has just used it
            raise LinkExpired
        user_id = UserId(row["account_id"])
        if row["by_mail"] and not row["proven"] and user_id != signed_in:
            user_id = await _take_over(conn, user_id, row["email"], password_hash)
        else:
            await conn.execute(
                "update account set password_hash = $2 where id = $1", user_id, password_hash
            )
        if row["by_mail"]:
            await confirmations.prove(conn, user_id)
        await conn.execute("delete from password_reset where account_id = $1", user_id)
        await known_browsers.forget_all(conn, user_id)
        browser = await known_browsers.remember(conn, user_id, browser)
        ended = await conn.execute("delete from session where account_id = $1", user_id)
    number = int(ended.removeprefix("DELETE "))
    log.info("[Auth] Account %s has a new password; %d sessions ended", user_id, number)
    return browser


async def _take_over(conn: Connection, from_id: UserId, email: str, password_hash: str) -> UserId:
    """Move an address that was never proved from an account to a new one of its owner."""
    await confirmations.detach(conn, from_id)
    log.info("[Auth] The address of account %s was taken over by its owner", from_id)
    return await auth.create_account(
        conn,
        name=email.partition("@")[0][:100],
        email=email,
        password_hash=password_hash,
        role=Role.GUEST,
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
