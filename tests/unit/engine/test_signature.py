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
) -> CIMultiDict[str]:
    """Headers of a request that botocore signed now."""
    request = AWSRequest(
        "POST",
        "http://127.0.0.1:8100/",
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "RekognitionService.DescribeCollection",
            "Host": "127.0.0.1:8100",
        },
        data=BODY,
    )
    SigV4Auth(Credentials(key, secret, token), service, "eu-west-1").add_auth(request)
    return CIMultiDict(request.headers.items())


def check(
    headers: CIMultiDict[str], body: bytes = BODY, path: str = "/", now: datetime | None = None
) -> str:
    return verify(KEYS, method="POST", path=path, query="", headers=headers, body=body, now=now)


def test_botocores_own_signature_is_right() -> None:
    assert check(signed()) == "AKIDEXAMPLE"


def test_session_credentials_are_right_too() -> None:
    assert check(signed(token="session/token==")) == "AKIDEXAMPLE"


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
