"""Signatures as botocore writes them, and every way in which they can be wrong."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from multidict import CIMultiDict

from findme.engine.errors import (
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    Refusal,
    UnrecognizedClientException,
)
from findme.engine.signature import verify

KEYS = {"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
BODY = b'{"CollectionId": "party"}'


def signed(
    secret: str = KEYS["AKIDEXAMPLE"],
    *,
    key: str = "AKIDEXAMPLE",
    token: str | None = None,
    service: str = "rekognition",
    query: str = "",
    user_agent: str = "botocore",
    payload_signed: bool = True,
) -> CIMultiDict[str]:
    """Headers of a request that botocore signed now."""
    request = AWSRequest(
        "POST",
        f"https://127.0.0.1:8100/{query}",
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "RekognitionService.DescribeCollection",
            "Host": "127.0.0.1:8100",
            "User-Agent": user_agent,
        },
        data=BODY,
    )
    request.context["payload_signing_enabled"] = payload_signed
    SigV4Auth(Credentials(key, secret, token), service, "eu-west-1").add_auth(request)
    return CIMultiDict(request.headers.items())


def check(
    headers: CIMultiDict[str],
    body: bytes = BODY,
    path: str = "/",
    query: str = "",
    now: datetime | None = None,
) -> str:
    return verify(KEYS, method="POST", path=path, query=query, headers=headers, body=body, now=now)


def test_botocores_own_signature_is_right() -> None:
    assert check(signed()) == "AKIDEXAMPLE"


def test_session_credentials_are_right_too() -> None:
    assert check(signed(token="session/token==")) == "AKIDEXAMPLE"


def test_a_query_is_signed_in_any_order() -> None:
    headers = signed(query="?b=2&a=%20")

    assert check(headers, query="a=%20&b=2") == "AKIDEXAMPLE"
    with pytest.raises(InvalidSignatureException):
        check(headers, query="a=%20&b=3")


def test_headers_that_botocore_itself_never_signs_may_be_signed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SDK for Java signs User-Agent, which is then right or wrong like any other header."""
    with monkeypatch.context() as patched:
        patched.setattr("botocore.auth.SIGNED_HEADERS_BLACKLIST", [])
        headers = signed(user_agent="aws-sdk-java/1.12")

    assert "user-agent" in headers["Authorization"]
    assert check(headers) == "AKIDEXAMPLE"
    headers["User-Agent"] = "somebody else"
    with pytest.raises(InvalidSignatureException):
        check(headers)


def test_an_unsigned_payload_is_refused() -> None:
    with pytest.raises(InvalidSignatureException):
        check(signed(payload_signed=False))


def test_a_signed_header_that_is_no_text_is_refused() -> None:
    headers = signed()
    headers["X-Amz-Target"] = b"\xff".decode(errors="surrogateescape")

    with pytest.raises(InvalidSignatureException, match="not UTF-8"):
        check(headers)


def test_without_a_signature_the_answer_says_so() -> None:
    headers = signed()
    del headers["Authorization"]

    with pytest.raises(MissingAuthenticationTokenException):
        check(headers)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(UnrecognizedClientException):
        check(signed(key="AKIDOTHER"))


def test_another_secret_is_refused() -> None:
    with pytest.raises(InvalidSignatureException):
        check(signed("another secret"))


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(InvalidSignatureException):
        check(signed(), BODY + b" ")


def test_a_changed_path_is_refused() -> None:
    with pytest.raises(InvalidSignatureException):
        check(signed(), path="/other")


@pytest.mark.parametrize("name", ["X-Amz-Target", "Host", "Content-Type", "X-Amz-Date"])
def test_a_changed_header_is_refused(name: str) -> None:
    headers = signed()
    headers[name] = headers[name].replace("1", "2").replace("Describe", "Delete")

    with pytest.raises(Refusal):
        check(headers)


def test_a_header_that_is_not_signed_may_not_be_added() -> None:
    headers = signed()
    headers["X-Amz-Security-Token"] = "smuggled"

    with pytest.raises(InvalidSignatureException, match="must be signed"):
        check(headers)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_an_old_or_future_signature_is_refused(minutes: int) -> None:
    with pytest.raises(InvalidSignatureException, match="expired"):
        check(signed(), now=datetime.now(UTC) + timedelta(minutes=minutes))


@pytest.mark.parametrize("value", ["Basic YTpi", "AWS4-HMAC-SHA256 Credential=a", "Bearer x"])
def test_another_kind_of_authorization_is_refused(value: str) -> None:
    headers = signed()
    headers["Authorization"] = value

    with pytest.raises(InvalidSignatureException):
        check(headers)


def test_a_signature_for_another_service_is_refused() -> None:
    with pytest.raises(InvalidSignatureException, match="rekognition"):
        check(signed(service="s3"))
