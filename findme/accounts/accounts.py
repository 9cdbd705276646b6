"""The parts of an account besides its sign-in: the key of a guest without an e-mail, its choices.

A guest of an event that allows it has a name only. The link with the key then signs them in. If
they add an e-mail address and a password, they have a full account from then on, and the key ends.
"""

import base64
import hashlib
import re
import secrets

import asyncpg

from findme.db import Connection
from findme.errors import Conflict, EmailTaken, InvalidRequest, NotFound
from findme.models import EventId, Role, User, UserId

#: The prefix of every key, so that a key is recognised wherever it appears.
KEY_PREFIX = "fmk_"
#: The secret of a join form; a shorter one could be guessed.
ATTEMPT = re.compile(r"[A-Za-z0-9_-]{20,100}")


async def create_keyed(conn: Connection, name: str, key: str | None = None) -> tuple[UserId, str]:
    """Add a guest's account without an e-mail; return it with its key, which is not stored.

    *key* comes from `key_of_attempt`; an account that it already opens is the same guest's.
    """
    key = key or _new_key()
    user_id: int | None = await conn.fetchval(
        """
        insert into account (role, name, key_hash) values ($1, $2, $3)
        on conflict (key_hash) do nothing returning id""",
        Role.GUEST,
        name,
        _digest(key),
    )
    if user_id is None:
        user_id = await conn.fetchval(
            "select id from account where key_hash = $1 for key share", _digest(key)
        )
    if user_id is None:
        raise NotFound
    return UserId(user_id), key


async def delete_keyed_without_event(conn: Connection) -> int:
    """Delete the guests' accounts by name alone whose last event is over; return their number.

    Their key opens nothing any more, and nobody could be told.
    """
    rows = await conn.fetch(
        """
        select id from account
         where email is null and role = 'guest'
           and not exists (select from guest where account_id = account.id)
           for update skip locked"""
    )
    # again, now that nobody can join with them: somebody may have just done so
    deleted = await conn.execute(
        """
        delete from account where id = any($1)
           and not exists (select from guest where account_id = account.id)""",
        [row["id"] for row in rows],
    )
    return int(deleted.removeprefix("DELETE "))


async def lock(conn: Connection, user_id: UserId) -> None:
    """Lock an account for update until the transaction ends, so that nobody joins with it."""
    await conn.execute("select from account where id = $1 for update", user_id)


def key_of_attempt(attempt: str, event_id: EventId, name: str) -> str:
    """Return the key that a join leads to: the same one if it is sent again; InvalidRequest.

    *attempt* is a random secret of the form; anyone who knows it has the key. The key depends on
    the name too, since the next person who fills in the same form is somebody else.
    """
    if not ATTEMPT.fullmatch(attempt):
        raise InvalidRequest("attempt is 20 to 100 letters, digits, - and _.", field="attempt")
    digest = hashlib.sha256(f"{attempt}\n{event_id}\n{name}".encode()).digest()
    return KEY_PREFIX + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def find_by_key(conn: Connection, key: str) -> User:
    """Return whose key this is; NotFound for any other text."""
    row = await conn.fetchrow(
        """
        select id, name, email, role, language, scheme, letter_keys
          from account where key_hash = $1""",
        _digest(key),
    )
    if row is None:
        raise NotFound("This link does not open anything (any more).")
    return User.of(dict(row))


async def renew_key(conn: Connection, user_id: UserId) -> str:
    """Return a new key, which ends the one before; Conflict if a password is the way in."""
    key = _new_key()
    updated = await conn.execute(
        "update account set key_hash = $2 where id = $1 and email is null", user_id, _digest(key)
    )
    if updated != "UPDATE 1":
        raise Conflict("This account is opened by its password, not by a link.")
    return key


async def add_sign_in(conn: Connection, user_id: UserId, email: str, password_hash: str) -> None:
    """Give an account without an e-mail one, with a password; its key ends.

    EmailTaken if another account has the address, Conflict if this one has an address.
    """
    try:
        async with conn.transaction():
            updated = await conn.execute(
                """
                update account set email = $2, password_hash = $3, key_hash = null
                 where id = $1 and email is null""",
                user_id,
                email,
                password_hash,
            )
    except asyncpg.UniqueViolationError as error:
        raise EmailTaken from error
    if updated != "UPDATE 1":
        raise Conflict("This account has an e-mail address already.")


async def set_password(conn: Connection, user_id: UserId, password_hash: str) -> None:
    """Replace the password of an account that has one already."""
    await conn.execute(
        "update account set password_hash = $2 where id = $1 and email is not null",
        user_id,
        password_hash,
    )


async def set_choices(
    conn: Connection,
    user_id: UserId,
    *,
    language: str | None,
    scheme: str | None,
    letter_keys: bool,
) -> None:
    """Store a user's choices for the pages; None: as the browser and the device say."""
    await conn.execute(
        "update account set language = $2, scheme = $3, letter_keys = $4 where id = $1",
        user_id,
        language,
        scheme,
        letter_keys,
    )


async def set_name(conn: Connection, user_id: UserId, name: str) -> None:
    """Rename a user; the organiser's lists show the new name from then on."""
    await conn.execute("update account set name = $2 where id = $1", user_id, name)


async def note_language(conn: Connection, user_id: UserId, language: str) -> None:
    """Store the language of a new account's form."""
    await conn.execute("update account set language = $2 where id = $1", user_id, language)


def _new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def _digest(key: str) -> bytes:
    # an address may hold any bytes; Python decodes bytes that are not UTF-8 as surrogates
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
