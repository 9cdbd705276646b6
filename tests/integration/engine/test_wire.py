"""What stands below the AWS client: status, headers, forms of errors, signatures."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from multidict import CIMultiDictProxy

from tests.support.engine_service import KEY, SECRET, astronaut, connected, jpeg, serving

pytest_plugins = ["tests.support.engine_fixtures"]


@pytest.fixture
async def address(engine_data: Path) -> AsyncIterator[str]:
    """Where a fresh service answers."""
    async with serving(engine_data) as url:
        yield url


async def sent(
    address: str, target: str, body: bytes, *, sign: bool = True
) -> tuple[int, CIMultiDictProxy[str], bytes]:
    """Status, headers and body of the answer to a request written by hand."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    request = AWSRequest("POST", f"{address}/", headers=headers, data=body)
    if sign:
        SigV4Auth(Credentials(KEY, SECRET), "rekognition", "eu-west-1").add_auth(request)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{address}/", data=body, headers=dict(request.headers)) as response,
    ):
        return response.status, response.headers, await response.read()


async def test_an_answer_has_the_headers_of_aws(address: str) -> None:
    status, headers, body = await sent(address, "RekognitionService.ListCollections", b"{}")

    assert status == 200
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    assert uuid.UUID(headers["x-amzn-RequestId"])
    assert json.loads(body) == {"CollectionIds": [], "FaceModelVersions": []}


async def test_times_are_seconds_and_floats_are_floats(address: str) -> None:
    await sent(address, "RekognitionService.CreateCollection", b'{"CollectionId": "party"}')

    _, _, body = await sent(
        address, "RekognitionService.DescribeCollection", b'{"CollectionId": "party"}'
    )

    described = json.loads(body)
    assert isinstance(described["CreationTimestamp"], float)
    assert 1.6e9 < described["CreationTimestamp"] < 1e10
    assert isinstance(described["FaceCount"], int)


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("RekognitionService.PaintFaces", b"{}", "UnknownOperationException"),
        ("RekognitionService.DetectText", b"{}", "UnknownOperationException"),
        ("DynamoDB.ListTables", b"{}", "UnknownOperationException"),
        ("RekognitionService.ListCollections", b"{", "SerializationException"),
        ("RekognitionService.ListCollections", b"[1]", "SerializationException"),
        ("RekognitionService.CreateCollection", b"{}", "InvalidParameterException"),
        (
            "RekognitionService.DescribeCollection",
            b'{"CollectionId": "x"}',
            "ResourceNotFoundException",
        ),
    ],
)
async def test_a_refusal_has_the_form_of_aws(
    address: str, target: str, body: bytes, code: str
) -> None:
    status, headers, answer = await sent(address, target, body)

    assert status == 400
    assert headers["x-amzn-ErrorType"] == code
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    told = json.loads(answer)
    assert told["__type"] == told["Code"] == code
    assert told["Message"]


async def test_a_body_far_beyond_the_limit_is_answered_in_words(address: str) -> None:
    """The client reads the reason instead of a broken connection."""

    async def body() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(1024 * 1024)

    async with aiohttp.ClientSession() as session, session.post(address, data=body()) as response:
        assert response.status == 400
        told = await response.json(content_type=None)
    assert told["__type"] == "ImageTooLargeException"


async def test_without_a_signature_nothing_is_answered(address: str) -> None:
    status, _, body = await sent(address, "RekognitionService.ListCollections", b"{}", sign=False)

    assert status == 400
    assert json.loads(body)["__type"] == "MissingAuthenticationTokenException"


async def test_a_wrong_secret_is_refused(address: str) -> None:
    async with connected(address, secret="guessed") as client:
        with pytest.raises(ClientError) as caught:
            await client.list_collections()

    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"


async def test_session_credentials_are_taken(address: str) -> None:
    async with connected(address, aws_session_token="token") as client:
        assert (await client.list_collections())["CollectionIds"] == []


async def test_health_is_answered_to_everybody(address: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{address}/healthz") as response:
        assert response.status == 200
        assert await response.json() == {"status": "ok"}


async def test_health_is_answered_while_pictures_are_looked_at(address: str) -> None:
    async with connected(address) as client, aiohttp.ClientSession() as session:
        looking = [
            asyncio.create_task(client.detect_faces(Image={"Bytes": jpeg(astronaut())}))
            for _ in range(8)
        ]
        answered = 0
        while not all(task.done() for task in looking):
            async with session.get(f"{address}/healthz") as response:
                assert response.status == 200
            answered += 1
        found = await asyncio.gather(*looking)

    assert answered > 1
    assert [len(answer["FaceDetails"]) for answer in found] == [1] * 8
