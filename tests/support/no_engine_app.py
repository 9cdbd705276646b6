"""The application without a face engine, for tests that need none: import `app` and `settings`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import App, application

#: Nobody listens there.
NO_ENGINE = "http://127.0.0.1:9"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, in a folder of the test."""
    return Settings(findme_data_dir=tmp_path)


@pytest.fixture
async def app(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[App]:
    """The application whose engine never answers."""
    async with application(aiohttp_client, settings, database, endpoint_url=NO_ENGINE) as opened:
        yield opened
