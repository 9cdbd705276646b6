"""What an account has besides its sign-in: the key of a guest without an e-mail, and its choices.

A guest of an event that allows it has a name only. The link with the key is then the way in; who
adds an e-mail address and a password has a full account from then on, and the key ends.
"""

import hashlib
import secrets

import asyncpg

from findme.db import Connection
from findme.errors import Conflict, EmailTaken, NotFound
from findme.models import Role, User, UserId

#: What a key begins with, so that it is known wherever it turns up.
KEY_PREFIX = "fmk_"


async def create_keyed(conn: Connection, name: str) -> tuple[UserId, str]:
    """Add a guest's account without an e-mail; return it with its key, which is known this once."""
    key = _new_key()
    user_id: int = await conn.fetchval(
        "insert into account (role, name, key_hash) values ($1, $2, $3) returning id",
        Role.GUEST,
        name,
        _digest(key),
    )
    return UserId(user_id), key


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
    """Return a new key, which ends the one before; Conflict where a password is the way in."""
    key = _new_key()
    updated = await conn.execute(
        "update account set key_hash = $2 where id = $1 and email is null", user_id, _digest(key)
    )
    if updated != "UPDATE 1":
        raise Conflict("This account is opened by its password, not by a link.")
    return key


async def add_sign_in(conn: Connection, user_id: UserId, email: str, password_hash: str) -> None:
    """Give an account without an e-mail one, with a password; its key ends.

    EmailTaken where another account has the address, Conflict where this one has an address.
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
    """Replace the password of an account that has one."""
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
    """Keep what a user chose for the pages; None: as the browser and the device say."""
    await conn.execute(
        "update account set language = $2, scheme = $3, letter_keys = $4 where id = $1",
        user_id,
        language,
        scheme,
        letter_keys,
    )


async def set_name(conn: Connection, user_id: UserId, name: str) -> None:
    """Call a user otherwise; the organiser's lists say the new name from then on."""
    await conn.execute("update account set name = $2 where id = $1", user_id, name)


async def note_language(conn: Connection, user_id: UserId, language: str) -> None:
    """Keep the language that a new account's form was in."""
    await conn.execute("update account set language = $2 where id = $1", user_id, language)


def _new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def _digest(key: str) -> bytes:
    # an address may hold any bytes; Python hands over those that are no UTF-8 as surrogates
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
