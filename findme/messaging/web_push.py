"""Web push (RFC 8030): our key pair, the encrypted message, and its hand-over to a push service."""

import asyncio
import base64
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import pywebpush
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from findme.db import Connection
from findme.errors import DeliveryFailed, DeliveryRefused, InvalidRequest
from findme.messaging import app_secrets, safe_http

#: Seconds that a push service keeps a message for a phone that is switched off.
KEEP_SECONDS = 24 * 3600
#: Seconds that a signature is valid; services refuse more than a day.
SIGNED_SECONDS = 12 * 3600
_AUTH_BYTES = 16
#: Statuses of a subscription that is gone or was cancelled.
_GONE = (404, 410)
_CURVE = ec.SECP256R1()


class SubscriptionGone(DeliveryRefused):
    """The push service no longer knows this browser."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A browser at its push service; the keys are base64url, as the browser sent them."""

    endpoint: str
    p256dh: str
    auth: str


def check_keys(p256dh: str, auth: str) -> None:
    """Check that a message can be encrypted with a browser's keys; InvalidRequest if not."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, _decoded(p256dh))
    except ValueError as error:
        raise InvalidRequest("p256dh is no point of P-256.", field="keys") from error
    try:
        secret = _decoded(auth)
    except ValueError as error:
        raise InvalidRequest("auth is not base64url.", field="keys") from error
    if len(secret) != _AUTH_BYTES:
        raise InvalidRequest(f"auth has {_AUTH_BYTES} bytes.", field="keys")


async def private_key(conn: Connection) -> bytes:
    """Return the private value of our key pair (RFC 8292), generated once for all services."""
    return await app_secrets.get(conn, "vapid", _new_key)


def public_key(private: bytes) -> str:
    """Return the public key that browsers subscribe with, base64url."""
    point = _key(private).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _encoded(point)


async def send(
    subscription: Subscription,
    message: bytes,
    *,
    private: bytes,
    contact: str,
    allow_private: bool,
) -> None:
    """Hand a message over, encrypted so that the push service cannot read it.

    *contact* is an address of the operator (`mailto:` or `https:`). SubscriptionGone,
    DeliveryRefused if it is final, DeliveryFailed if a retry may succeed.
    """
    body, authorization = await asyncio.to_thread(_seal, subscription, message, private, contact)
    headers = {
        "Authorization": authorization,
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(KEEP_SECONDS),
        "Urgency": "normal",
    }
    try:
        async with (
            safe_http.open_outbound(allow_private=allow_private) as session,
            session.post(
                subscription.endpoint, data=body, headers=headers, allow_redirects=False
            ) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise DeliveryFailed("The push service cannot be reached.") from error
    if status in _GONE:
        raise SubscriptionGone
    if status == 429 or status >= 500:
        raise DeliveryFailed(f"The push service answers {status}.")
    if status >= 300:
        raise DeliveryRefused(f"The push service answers {status}.")


def _seal(
    subscription: Subscription, message: bytes, private: bytes, contact: str
) -> tuple[bytes, str]:
    """Return the encrypted body and the Authorization header that identifies us."""
    keys = {"p256dh": subscription.p256dh, "auth": subscription.auth}
    pusher = pywebpush.WebPusher({"endpoint": subscription.endpoint, "keys": keys})
    body: bytes = pusher.encode(message)["body"]
    parts = urlsplit(subscription.endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time.time()) + SIGNED_SECONDS,
        "sub": contact,
    }
    signed = Vapid02.from_raw(_encoded(private).encode()).sign(claims)
    return body, str(signed["Authorization"])


def _new_key() -> bytes:
    return ec.generate_private_key(_CURVE).private_numbers().private_value.to_bytes(32, "big")


def _key(private: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(private, "big"), _CURVE)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
