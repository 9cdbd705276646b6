"""Unsubscribe from mails about new photos by their own link, without signing in."""

import base64
import hashlib
import hmac
import secrets

from findme.db import Connection
from findme.errors import NotFound
from findme.messaging import app_secrets, notifications
from findme.models import GuestId

#: Bytes of a token's signature.
_PROOF = 16


async def token_of(conn: Connection, guest_id: GuestId) -> str:
    """Return the token that proves that a mail to this guest was received; it never expires."""
    number = guest_id.to_bytes(8, "big")
    token = number + await _proof(conn, number)
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


async def stop(conn: Connection, token: str, *, really: bool) -> str:
    """Return the name of the event whose mails this token ends, and *really* end them.

    NotFound for any other token.
    """
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError as error:
        raise NotFound from error
    number, proof = raw[:8], raw[8:]
    if not hmac.compare_digest(proof, await _proof(conn, number)):
        raise NotFound
    guest_id = GuestId(int.from_bytes(number, "big"))
    name: str | None = await conn.fetchval(
        "select name from guest join event on event.id = event_id where guest.id = $1", guest_id
    )
    if name is None:
        raise NotFound
    if really:
        await notifications.set_mail(conn, guest_id, False)
    return name


async def _proof(conn: Connection, number: bytes) -> bytes:
    key = await app_secrets.get(conn, "unsubscribe", lambda: secrets.token_bytes(32))
    return hmac.digest(key, number, hashlib.sha256)[:_PROOF]
