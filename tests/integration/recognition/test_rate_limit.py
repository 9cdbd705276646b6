"""The pace of calls, at an endpoint that throttles."""

import asyncio
import math
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from findme import rekognition, resources
from findme.errors import EngineUnavailable
from findme.rekognition import Rekognition
from findme.settings import Settings
from tests.conftest import Engine
from tests.support.scripted_engine import Fault, Scripted, picture
from tests.support.shared_session import shared_session


def once(fault: Fault, operation: str) -> Callable[[str], Fault | None]:
    """Return a script with which one attempt of an operation goes wrong."""
    left = [fault]
    return lambda name: left.pop() if name == operation and left else None


async def open_client(
    stack: AsyncExitStack, endpoint: Scripted, *, limit: int = 10, pace: float | None = None
) -> Rekognition:
    """Open a client at the endpoint, with a collection in it."""
    faces = await stack.enter_async_context(
        rekognition.open_client(
            limit=limit,
            endpoint_url=endpoint.url,
            region="eu-west-1",
            calls_per_second=pace,
            access_key_id=Engine.access_key_id,
            secret_access_key=Engine.secret_access_key,
            session=shared_session(),
        )
    )
    await faces.create_collection("party")
    return faces


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.SLOW_DOWN])
async def test_a_throttle_that_a_retry_got_over_slows_the_operation(
    endpoint: Scripted, fault: Fault
) -> None:
    async with AsyncExitStack() as stack:
        faces = await open_client(stack, endpoint, pace=100)
        endpoint.script = once(fault, "IndexFaces")

        await faces.index_faces("party", picture(1), "p:1")

        assert endpoint.calls["IndexFaces"] == 2
        assert (faces.meter.throttled, faces.meter.errors) == (1, 0)
        assert faces.rates.of("IndexFaces").rate == 50
        assert faces.rates.of("SearchFaces").rate == 100
        assert faces.meter.answered == {"CreateCollection": 1, "IndexFaces": 1}


async def test_a_throttle_that_outlasts_the_retries_is_an_outage(
    endpoint: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekognition, "RETRIES", 1)
    async with AsyncExitStack() as stack:
        faces = await open_client(stack, endpoint, pace=100)
        endpoint.script = lambda _operation: Fault.THROTTLE

        with pytest.raises(EngineUnavailable):
            await faces.index_faces("party", picture(1), "p:1")

        assert (faces.meter.throttled, faces.meter.errors) == (2, 1)
        assert faces.meter.answered["IndexFaces"] == 0


async def test_an_endpoint_that_is_not_aws_is_slowed_from_what_it_was_asked(
    endpoint: Scripted,
) -> None:
    async with AsyncExitStack() as stack:
        faces = await open_client(stack, endpoint)
        assert math.isinf(faces.rates.of("IndexFaces").rate)
        endpoint.script = once(Fault.THROTTLE, "IndexFaces")

        await faces.index_faces("party", picture(1), "p:1")

        assert faces.rates.now()["IndexFaces"] == 0.5


async def test_calls_that_wait_for_their_tokens_hold_no_slot(endpoint: Scripted) -> None:
    """A sweep at its quota holds up no guest's selfie."""
    async with AsyncExitStack() as stack:
        faces = await open_client(stack, endpoint, limit=2)
        found = await faces.index_faces("party", picture(1), "g:1:1")
        face_id = found.vectors[0]
        faces.rates.of("SearchFaces").slow()
        sweep = [
            asyncio.create_task(faces.search_faces("party", face_id, threshold=80))
            for _ in range(100)
        ]
        try:
            await faces.index_faces("party", picture(2), "g:2:1")

            assert not all(task.done() for task in sweep)
        finally:
            for task in sweep:
                task.cancel()
            await asyncio.wait(sweep)
        assert faces.meter.in_flight == 0


@pytest.mark.parametrize(("region", "pace"), [("eu-west-1", 40), ("eu-central-1", 4)])
async def test_aws_is_paced_by_its_region(
    monkeypatch: pytest.MonkeyPatch, region: str, pace: float
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_REKOGNITION", raising=False)
    async with rekognition.open_client(
        limit=1, region=region, access_key_id="key", secret_access_key="secret"
    ) as faces:
        assert faces.is_aws
        assert faces.rates.of("IndexFaces").rate == pace
        assert faces.rates.of("DeleteFaces").rate == 4
        assert faces.meter.paid


@pytest.mark.parametrize(
    ("elsewhere", "given", "settle"), [(False, None, 5.0), (True, None, 0.0), (True, 7.0, 7.0)]
)
async def test_only_aws_is_given_time_to_read_its_writes(
    monkeypatch: pytest.MonkeyPatch,
    endpoint: Scripted,
    elsewhere: bool,
    given: float | None,
    settle: float,
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", Engine.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", Engine.secret_access_key)
    monkeypatch.delenv("AWS_ENDPOINT_URL_REKOGNITION", raising=False)
    if elsewhere:
        monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", endpoint.url)
    settings = Settings(face_engine="aws", face_settle_seconds=given)
    async with AsyncExitStack() as stack:
        faces, seconds = await resources.open_face_engine(stack, settings, "all")

        assert faces.is_aws is not elsewhere
        assert seconds == settle
