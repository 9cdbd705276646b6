"""Verifies AWS Signature Version 4: a caller is whoever holds the secret key.

botocore computes the canonical request and the signature; what is refused is decided here.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.header import Header

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from findme.engine.errors import (
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

SERVICE = "rekognition"
LONGEST_SKEW = timedelta(minutes=15)
"""AWS's own: a request that was overheard can't be sent again later than this."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/"
    r"(?P<day>\d{8})/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request"
    r", ?SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


class _ServerSideAuth(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signs the headers that the client names; botocore's client chooses them by itself."""

    def __init__(self, credentials: Credentials, region: str, signed: HTTPHeaders) -> None:
        super().__init__(credentials, SERVICE, region)
        self._signed = signed

    def headers_to_sign(self, _request: AWSRequest) -> HTTPHeaders:
        return self._signed


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
    """Return the access key id that signed the request, or raise the refusal that AWS would.

    *credentials* maps access key ids to secrets; *headers* ignores case; *path* and *query* are
    percent-encoded. The whole body must be signed: UNSIGNED-PAYLOAD is refused.
    """
    authorization = headers.get("Authorization")
    if not authorization:
        raise MissingAuthenticationTokenException
    found = _AUTHORIZATION.fullmatch(authorization.strip())
    if found is None:
        raise InvalidSignatureException("The Authorization header is not of Signature Version 4.")
    if found["service"] != SERVICE:
        raise InvalidSignatureException(f"Credential should be scoped to service {SERVICE}.")
    secret = credentials.get(found["key"])
    if secret is None:
        raise UnrecognizedClientException
    date = headers.get("X-Amz-Date", "")
    _check_date(date, found["day"], now or datetime.now(UTC))
    names = found["headers"].split(";")
    must = {"host", *(name.lower() for name in headers if name.lower().startswith("x-amz-"))}
    # otherwise somebody on the way could add or change a header that decides the operation
    if missing := must - set(names):
        raise InvalidSignatureException(f"Header {min(missing)} must be signed.")
    signed = HTTPHeaders.from_pairs([(name, headers.get(name, "")) for name in names])
    # HTTPHeaders wraps a value with bytes that are not UTF-8
    if any(isinstance(value, Header) for value in signed.values()):
        raise InvalidSignatureException("A signed header is not UTF-8 text.")
    auth = _ServerSideAuth(Credentials(found["key"], secret), found["region"], signed)
    # botocore takes the body's hash from this header of the request, so the hash is always ours
    body_hash = {"X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest()}
    request = AWSRequest(method, f"http://localhost{path}?{query}", headers=body_hash)
    request.context["timestamp"] = date
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    if not hmac.compare_digest(auth.signature(to_sign, request), found["signature"]):
        raise InvalidSignatureException
    return found["key"]


def _check_date(date: str, day: str, now: datetime) -> None:
    try:
        signed = datetime.strptime(date, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidSignatureException("X-Amz-Date is missing or malformed.") from error
    if not date.startswith(day):
        raise InvalidSignatureException("Date in Credential scope does not match X-Amz-Date.")
    if abs(now - signed) > LONGEST_SKEW:
        raise InvalidSignatureException(f"Signature expired: {date} is not within 15 minutes.")
