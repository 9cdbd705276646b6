"""Accounts, passwords, sessions and upload tokens."""

import asyncio
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import argon2
import asyncpg

from findme import db
from findme.accounts import common_passwords, known_browsers
from findme.db import Connection, Pool
from findme.errors import CommonPassword, EmailTaken, InvalidRequest
from findme.models import EventId, Role, TokenId, User, UserId

#: The admin account that is created if none is named.
FIRST_ADMIN = "admin@findme.local"
SESSION_LIFETIME = timedelta(days=30)
MIN_PASSWORD = 8
MAX_PASSWORD = 1024
MAX_EMAIL = 254
#: The prefix of a token says which table holds it.
SESSION_PREFIX = "fms_"
UPLOAD_PREFIX = "fmu_"

#: OWASP's argon2id setting: 19 MiB, 2 passes, 1 lane (password storage cheat sheet).
HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
#: Two at a time: 300 guests who join at once must not take 6 GB and both cores.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
#: Verified if there is no such account, so that the answer takes as long.
NOBODY_HASH = HASHER.hash("nobody")


@dataclass(frozen=True, slots=True)
class Session:
    """A new session; the token is known only here."""

    token: str
    expires_at: datetime
    #: The token of the browser's own cookie (see `known_browsers`).
    browser: str


async def hash_password(password: str) -> str:
    """Return the argon2id hash, made off the loop."""
    return await asyncio.get_running_loop().run_in_executor(_threads, HASHER.hash, password)


async def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password belongs to the hash, checked off the loop."""

    def verify() -> bool:
        try:
            return HASHER.verify(password_hash, password)
        except (argon2.exceptions.VerifyMismatchError, argon2.exceptions.InvalidHashError):
            return False

    return await asyncio.get_running_loop().run_in_executor(_threads, verify)


def check_password(password: str) -> str:
    """Return a new password; InvalidRequest if it is too short or too long, CommonPassword."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidRequest(
            f"The password needs {MIN_PASSWORD} to {MAX_PASSWORD} characters.", field="password"
        )
    if common_passwords.is_common(password):
        raise CommonPassword(field="password")
    return password


def check_email(email: str) -> str:
    """Return the address in lower case; InvalidRequest if it cannot be one."""
    email = email.strip().lower()
    name, at, host = email.partition("@")
    plain = email.isprintable() and not any(sign.isspace() for sign in email)
    if not (name and at and host) or "@" in host or len(email) > MAX_EMAIL or not plain:
        raise InvalidRequest("This is not an e-mail address.", field="email")
    return email


def check_name(name: str) -> str:
    """Return the name without outer blanks; InvalidRequest if it is empty or too long."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise InvalidRequest("A name of 1 to 100 characters is needed.", field="name")
    return name


async def create_account(
    conn: Connection, *, name: str, email: str, password_hash: str, role: Role
) -> UserId:
    """Add an account; EmailTaken if the address has one.

    An admin's address counts as proven, since an operator gave it (see `confirmations`).
    """
    try:
        async with conn.transaction():
            return UserId(
                await conn.fetchval(
                    """
                    insert into account (role, name, email, password_hash, email_proven_at)
                    values ($1, $2, $3, $4, case $1 when 'admin' then now() end) returning id""",
                    role,
                    name,
                    email,
                    password_hash,
                )
            )
    except asyncpg.UniqueViolationError as error:
        raise EmailTaken from error


async def find_account(conn: Connection, email: str) -> tuple[User, str] | None:
    """Return the account of an address and its password hash."""
    row = await conn.fetchrow(
        """
        select id, name, email, role, language, scheme, letter_keys, password_hash
          from account where email = $1""",
        email,
    )
    return None if row is None else (User.of(dict(row)), row["password_hash"])


async def find_role(conn: Connection, user_id: UserId) -> Role | None:
    """Return the role of an account, or None if there is none."""
    role = await conn.fetchval("select role from account where id = $1", user_id)
    return None if role is None else Role(role)


async def find_first_admin(conn: Connection) -> tuple[str, str] | None:
    """Return name and address of the first admin, who is responsible if nobody else is named."""
    row = await conn.fetchrow(
        "select name, email from account where role = 'admin' order by id limit 1"
    )
    return None if row is None else (row["name"], row["email"])


async def delete_account(conn: Connection, user_id: UserId) -> None:
    """Delete the account with everything that belongs to it; its sessions end."""
    await conn.execute("delete from account where id = $1", user_id)


async def ensure_admin(pool: Pool, email: str | None, password: str | None) -> str | None:
    """Make sure that there is an admin; return the generated password, if one was generated.

    With *email* and *password* an admin with exactly these exists afterwards.
    """
    if email and password:
        await set_admin(pool, email, password)
        return None
    made_up = secrets.token_urlsafe(12)
    password_hash = await hash_password(made_up)
    async with db.transaction(pool) as conn:
        # services that start together create one admin, not two
        await conn.execute("lock table account in share row exclusive mode")
        if await conn.fetchval("select exists (select from account where role = 'admin')"):
            return None
        await create_account(
            conn,
            name="Admin",
            email=FIRST_ADMIN,
            password_hash=password_hash,
            role=Role.ADMIN,
        )
    return made_up


async def set_admin(pool: Pool, email: str, password: str) -> None:
    """Make the account of *email* an admin with that password, new or not."""
    email = check_email(email)
    async with db.acquire(pool) as conn:
        found = await find_account(conn, email)
        same = found is not None and await verify_password(found[1], password)
        if same and found is not None and found[0].role is Role.ADMIN:
            return
        password_hash = await hash_password(password)
        async with conn.transaction():
            user_id = await conn.fetchval(
                """
                insert into account (role, name, email, password_hash, email_proven_at)
                values ('admin', 'Admin', $1, $2, now())
                on conflict (email) do update
                   set role = 'admin', password_hash = excluded.password_hash,
                       email_proven_at = excluded.email_proven_at
                returning id""",
                email,
                password_hash,
            )
            # joining with an address proves nothing: neither the person who joined with it nor
            # anyone who knew the old password may become the admin
            await conn.execute("delete from session where account_id = $1", user_id)
            await conn.execute("delete from password_reset where account_id = $1", user_id)


async def open_session(conn: Connection, user_id: UserId, browser: str = "") -> Session:
    """Open a session in the caller's transaction, in a browser that is known from then on."""
    token = SESSION_PREFIX + secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + SESSION_LIFETIME
    await conn.execute(
        "insert into session (token_hash, account_id, expires_at) values ($1, $2, $3)",
        digest_of(token),
        user_id,
        expires_at,
    )
    return Session(token, expires_at, await known_browsers.remember(conn, user_id, browser))


async def close_session(pool: Pool, token: str) -> None:
    """End the session of a token; an unknown one is fine."""
    async with db.acquire(pool) as conn:
        await conn.execute("delete from session where token_hash = $1", digest_of(token))


async def close_sessions(pool: Pool, user_id: UserId, *, but: str = "") -> None:
    """End all sessions of a user except the one of the token *but*."""
    async with db.acquire(pool) as conn:
        await conn.execute(
            "delete from session where account_id = $1 and token_hash <> $2",
            user_id,
            digest_of(but),
        )


async def prune_sessions(pool: Pool) -> None:
    """Remove the sessions that have expired."""
    async with db.acquire(pool) as conn:
        await conn.execute("delete from session where expires_at < now()")


async def create_upload_token(
    conn: Connection, event_id: EventId, label: str, *, clock_offset_s: int = 0
) -> tuple[TokenId, str]:
    """Add a photographer's token; it is shown this once."""
    token = UPLOAD_PREFIX + secrets.token_urlsafe(32)
    token_id = await conn.fetchval(
        """
        insert into upload_token (event_id, label, token_hash, clock_offset_s)
        values ($1, $2, $3, $4) returning id""",
        event_id,
        label,
        digest_of(token),
        clock_offset_s,
    )
    return TokenId(token_id), token


async def delete_upload_token(pool: Pool, event_id: EventId, token_id: TokenId) -> bool:
    """Revoke a token; False if there is none."""
    async with db.acquire(pool) as conn:
        done = await conn.execute(
            "delete from upload_token where event_id = $1 and id = $2", event_id, token_id
        )
    return done == "DELETE 1"


def digest_of(token: str) -> bytes:
    """Return what is stored of a token."""
    # a header may hold any bytes; Python decodes bytes that are not UTF-8 as surrogates
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
