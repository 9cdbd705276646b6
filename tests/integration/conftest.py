"""What tests of the application share: an endpoint that stands for AWS, a post office."""

from collections.abc import AsyncIterator

import pytest

from tests.support.scripted_engine import Scripted, scripted
from tests.support.smtp_server import Postbox, postbox


@pytest.fixture
async def endpoint() -> AsyncIterator[Scripted]:
    """An endpoint that answers as it is told, in Rekognition's protocol."""
    async with scripted() as running:
        yield running


@pytest.fixture
async def box() -> AsyncIterator[Postbox]:
    """A mail server that keeps what it gets."""
    async with postbox() as running:
        yield running
