"""Checks AWS Signature Version 4: who may call is who holds the secret key."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from findme.engine.errors import (
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "rekognition"
LONGEST_SKEW = timedelta(minutes=15)
"""AWS's own: a request that was listened to can't be sent again later than this."""

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^/,]+)/"
    r"(?P<scope>(?P<day>\d{8})/[^/,]+/(?P<service>[^/,]+)/aws4_request)"
    r", ?SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"


def verify(
    credentials: Mapping[str, str],
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime | None = None,
) -> str:
    """Return the access key id that signed the request; raise a refusal if nobody known did.

    *credentials* maps access key ids to secrets; *headers* must not care about case.
    """
    authorization = headers.get("Authorization")
    if not authorization:
        raise MissingAuthenticationTokenException
    found = _AUTHORIZATION.fullmatch(authorization.strip())
    if found is None:
        raise InvalidSignatureException("The Authorization header is not of Signature Version 4.")
    if found["service"] != SERVICE:
        raise InvalidSignatureException(f"Credential should be scoped to service {SERVICE}.")
    key, scope, names = found["key"], found["scope"], found["headers"].split(";")
    secret = credentials.get(key)
    if secret is None:
        raise UnrecognizedClientException
    date = headers.get("X-Amz-Date", "")
    _check_date(date, found["day"], now or datetime.now(UTC))
    must = {"host", *(name.lower() for name in headers if name.lower().startswith("x-amz-"))}
    # Otherwise somebody on the way could add or change what decides the operation.
    if missing := must - set(names):
        raise InvalidSignatureException(f"Header {min(missing)} must be signed.")
    canonical = "\n".join(
        [
            method,
            quote(path, safe="/-_.~"),
            _canonical_query(query),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
            "",
            found["headers"],
            hashlib.sha256(body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    expected = hmac.new(
        signing_key(secret, scope), f"{ALGORITHM}\n{date}\n{scope}\n{digest}".encode(), "sha256"
    ).hexdigest()
    if not hmac.compare_digest(expected, found["signature"]):
        raise InvalidSignatureException
    return key


def signing_key(secret: str, scope: str) -> bytes:
    """Key for one day, region and service: *scope* is ``day/region/service/aws4_request``."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key


def _check_date(date: str, day: str, now: datetime) -> None:
    try:
        signed = datetime.strptime(date, _DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidSignatureException("X-Amz-Date is missing or malformed.") from error
    if not date.startswith(day):
        raise InvalidSignatureException("Date in Credential scope does not match X-Amz-Date.")
    if abs(now - signed) > LONGEST_SKEW:
        raise InvalidSignatureException(f"Signature expired: {date} is not within 15 minutes.")


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)
