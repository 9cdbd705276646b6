"""A ticket between the two steps of signing in: its holder gave the right password just now.

The page with the field for the code carries it, so that the password is neither in the page nor
kept by the server. It is signed, with the password's hash in the signature: a new password ends it.
"""

import hmac
import secrets
import time

from findme.db import Connection
from findme.errors import SignInRequired
from findme.messaging import app_secrets
from findme.models import User, UserId

#: Seconds to find the phone and type the code.
LIFETIME = 300
_NAME = "sign-in-ticket"


async def write(conn: Connection, user_id: UserId) -> str:
    """Return a ticket for somebody who has just given their password."""
    password_hash = await conn.fetchval("select password_hash from account where id = $1", user_id)
    until = int(time.time()) + LIFETIME
    return f"{user_id}.{until}.{await _sign(conn, user_id, until, password_hash or '')}"


async def read(conn: Connection, ticket: str) -> User:
    """Return whose ticket it is; SignInRequired for one that is invalid or too old."""
    number, _, rest = ticket.partition(".")
    until, _, signature = rest.partition(".")
    if not (number.isdecimal() and until.isdecimal()) or max(len(number), len(until)) > 18:
        raise SignInRequired
    row = await conn.fetchrow(
        """
        select id, name, email, role, language, scheme, letter_keys, password_hash
          from account where id = $1""",
        int(number),
    )
    if row is None or row["email"] is None or int(until) < time.time():
        raise SignInRequired
    right = await _sign(conn, UserId(int(number)), int(until), row["password_hash"] or "")
    if not hmac.compare_digest(right.encode(), signature.encode(errors="surrogateescape")):
        raise SignInRequired
    return User.of(dict(row))


async def _sign(conn: Connection, user_id: UserId, until: int, password_hash: str) -> str:
    key = await app_secrets.get(conn, _NAME, lambda: secrets.token_bytes(32))
    text = f"{user_id}.{until}.{password_hash}"
    return hmac.digest(key, text.encode(), "sha256").hex()
