"""A push service on loopback: it keeps what it is given, reads it as a browser would, and refuses.

The keys are a browser's: what arrives is decrypted with them, so a test sees what a phone shows.
"""

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import http_ece
import orjson
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CURVE = ec.SECP256R1()


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Browser:
    """The keys that a browser's PushSubscription names."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(_CURVE)
    )
    secret: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def keys(self) -> dict[str, str]:
        point = self.private.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        return {"p256dh": encoded(point), "auth": encoded(self.secret)}

    def read(self, body: bytes) -> dict[str, Any]:
        """Decrypt a message."""
        plain = http_ece.decrypt(body, private_key=self.private, auth_secret=self.secret)
        read: dict[str, Any] = orjson.loads(plain)
        return read


@dataclass
class PushService:
    """What arrived for each path, and the status to answer with."""

    port: int = 0
    status: int = 201
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def endpoint(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def received(self, name: str, browser: Browser) -> list[dict[str, Any]]:
        return [browser.read(body) for path, body in self.bodies if path == f"/{name}"]

    def claims(self, public_key: str) -> dict[str, Any]:
        """Return what the last message's signature says, once it is checked with our key."""
        scheme, _, rest = self.headers[-1]["Authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        assert (scheme, parts["k"]) == ("vapid", public_key)
        signed, _, signature = parts["t"].rpartition(".")
        raw = decoded(signature)
        der = utils.encode_dss_signature(
            int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        )
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, decoded(public_key))
        key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
        claims: dict[str, Any] = orjson.loads(decoded(signed.partition(".")[2]))
        return claims

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append((request.path, await request.read()))
        self.headers.append(dict(request.headers))
        return web.Response(status=self.status, headers={"Location": "http://127.0.0.1:9/"})


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    """Run the service on a free port of loopback."""
    service = PushService()
    app = web.Application()
    app.router.add_post("/{name}", service.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.port = runner.addresses[0][1]
    try:
        yield service
    finally:
        await runner.cleanup()
