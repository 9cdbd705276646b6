"""Codes of authenticator apps: RFC 6238 as every app knows it, SHA-1, six digits, 30 seconds."""

import base64
import hmac
from urllib.parse import quote

STEP_SECONDS = 30
DIGITS = 6
#: Bytes of a secret: as long as the digest (RFC 4226, 4).
SECRET_BYTES = 20
#: Steps that a phone's clock may be late or early.
DRIFT = 1
ISSUER = "FindMe"


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a time step (RFC 4226, 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 15
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def find_step(secret: bytes, code: str, now: float) -> int | None:
    """Return the time step, of those around *now* (Unix time), whose code it is; None if none's."""
    present = int(now // STEP_SECONDS)
    for step in range(present + DRIFT, present - DRIFT - 1, -1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            return step
    return None


def text_of(secret: bytes) -> str:
    """Return a secret as people type it into an app: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def address_of(secret: bytes, email: str) -> str:
    """Return the `otpauth:` address that apps read from a QR code."""
    text = base64.b32encode(secret).decode()
    return f"otpauth://totp/{ISSUER}:{quote(email)}?secret={text}&issuer={ISSUER}"
