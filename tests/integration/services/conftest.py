"""Services run here as in the application, but nobody sends an HTTP request."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from findme import db, rekognition
from findme.accounts import auth
from findme.cache import open_cache
from findme.db import Pool
from findme.models import Role, UserId
from findme.resources import Resources, assemble
from findme.settings import Settings
from tests.conftest import Engine
from tests.support.image_lanes import shared_lanes
from tests.support.scripted_engine import Scripted
from tests.support.shared_session import shared_session


@pytest.fixture
async def admin_id(pool: Pool) -> UserId:
    """An admin, for the audit log."""
    async with db.transaction(pool) as conn:
        return await auth.create_account(
            conn, name="Ada", email="organiser@example.org", password_hash="-", role=Role.ADMIN
        )


@pytest.fixture
async def resources(settings: Settings, pool: Pool, endpoint: Scripted) -> AsyncIterator[Resources]:
    """Everything that services stand on, over a scripted engine and without workers."""
    async with (
        open_cache(settings.cache_url, settings.cache_ttl) as cache,
        rekognition.open_client(
            limit=4,
            endpoint_url=endpoint.url,
            region=Engine.region,
            access_key_id=Engine.access_key_id,
            secret_access_key=Engine.secret_access_key,
            session=shared_session(),
        ) as faces,
    ):
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        yield assemble(
            settings,
            pool,
            faces,
            cache,
            shared_lanes(),
            lost=lost,
            settle=0.0,
            expansion=None,
            replica_id=None,
        )


@pytest.fixture
def noted(pool: Pool) -> Callable[[], Awaitable[list[tuple[str, dict[str, object]]]]]:
    """Return the actions in the audit log with their details, the oldest first."""

    async def read() -> list[tuple[str, dict[str, object]]]:
        rows = await pool.fetch("select action, detail from audit order by id")
        return [(row["action"], json.loads(row["detail"])) for row in rows]

    return read
