"""What all tests stand on: real PostgreSQL, the real face service, the real application.

One cluster a run, migrated once into a template; each test has a database without rows.
TEST_DATABASE_URL names a given server instead (its user is a superuser).
"""

import asyncio
import functools
import gc
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from findme import db, rekognition, server
from findme.accounts import auth
from findme.cache import open_cache
from findme.db import Pool
from findme.gallery import events
from findme.jobs import worker_registry
from findme.jobs.worker import WorkQueue
from findme.models import Role
from findme.recognition.types import QueryExpansion
from findme.resources import Resources, assemble
from findme.settings import Settings
from tests.support.cheap_passwords import CHEAP, use_cheap_passwords
from tests.support.compiled_templates import share_compiled_templates
from tests.support.databases import Databases, database_of
from tests.support.described import DescribedClient
from tests.support.image_lanes import shared_lanes
from tests.support.service import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    PREPARED,
    Service,
    environment,
    keep_models,
    lay_out_models,
    running_service,
    share_prepared,
)
from tests.support.shared_session import shared_session
from tests.support.temporary import quick_folder


@pytest.fixture
def aiohttp_client_cls() -> "type[TestClient[Any, Any]]":
    """Every test's client checks each answer of the API against the description of it."""
    return DescribedClient


# An example that takes long says that the machine is busy, and nothing of the code.
hypothesis.settings.register_profile("findme", deadline=None)
#: `make chaos`: state machines take a part of it as their number of examples.
hypothesis.settings.register_profile("chaos", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("findme")


#: The kinds of tests, the longest files first: at the end of a run, no worker then waits for one.
KINDS = ("journeys", "integration", "unit")


def pytest_configure(config: pytest.Config) -> None:
    """Let the workers of a run, which inherit the environment, share what services start from."""
    if PREPARED not in os.environ:
        config.add_cleanup(share_prepared())
    use_cheap_passwords()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: KINDS.index(item.path.relative_to(Path(__file__).parent).parts[0]))


def pytest_collection_finish() -> None:
    """Let the garbage collector look at what tests make, not at all that was imported.

    With Python's thresholds, it took a tenth of the CPU of the test process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for the run, which PostgreSQL's user can reach (pytest's own is 0700)."""
    with tempfile.TemporaryDirectory(prefix="findme-tests-", dir=quick_folder()) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def cluster(scratch: Path) -> Iterator[str]:
    """The DSN of a PostgreSQL server for the run."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.cluster", str(scratch / "cluster")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    ) as process:
        assert process.stdout is not None
        dsn = process.stdout.readline().strip()
        assert dsn, "the cluster did not start"
        yield dsn
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


@pytest.fixture(scope="session")
def databases(cluster: str) -> Iterator[Databases]:
    """The migrated databases of the run, lent to one test after the other."""
    made = Databases(cluster)
    yield made
    asyncio.run(made.close())


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[str]:
    """The DSN of a migrated database without rows."""
    dsn = await databases.take()
    yield dsn
    await databases.give_back(dsn)


@pytest.fixture
async def empty_database(cluster: str) -> AsyncIterator[str]:
    """The DSN of a database without any table."""
    admin = await asyncpg.connect(cluster)
    name = f"test_{uuid.uuid4().hex}"
    try:
        await admin.execute(f"create database {name}")
        yield database_of(cluster, name)
        await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A pool on a fresh database."""
    async with db.open_pool(database, min_size=1, max_size=10) as opened:
        yield opened


@dataclass(frozen=True)
class Engine:
    """The real face service, in a process of its own."""

    url: str
    access_key_id: str = "TESTKEY"
    secret_access_key: str = "testsecret"
    region: str = "us-east-1"


@pytest.fixture(scope="session")
def engine(scratch: Path) -> Iterator[Engine]:
    """The face service of the run; events have collections of their own."""
    keys = {
        "FINDME_FACES_ACCESS_KEY_ID": Engine.access_key_id,
        "FINDME_FACES_SECRET_ACCESS_KEY": Engine.secret_access_key,
    }
    lay_out_models(scratch / "faces")
    with subprocess.Popen(
        [sys.executable, "-m", "findme.engine", "--data-dir", str(scratch / "faces")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(**keys),
        cwd=Path(__file__).parent.parent,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert "ready" in line, "the face service did not start"
        keep_models(scratch / "faces")
        yield Engine(line.rpartition(" ")[2])
        process.terminate()
        process.wait(30)


@dataclass(frozen=True)
class App:
    """The application in this process, over a fresh database and a face engine."""

    client: "TestClient[web.Request, web.Application]"
    resources: Resources
    queue: WorkQueue
    admin: dict[str, str]

    async def drain(self, *, rounds: int = 1000) -> None:
        """Run all jobs that wait, and those that they ask for, until none is left."""
        for _ in range(rounds):
            async with db.acquire(self.resources.pool) as conn:
                await conn.execute("update job set run_at = now() where state = 'queued'")
            if not await self.queue.run_due():
                return
        raise AssertionError("the queue does not become empty")


@functools.cache
def _admin_password_hash() -> str:
    return CHEAP.hash(ADMIN_PASSWORD)


async def _admin_session(pool: Pool) -> str:
    """Add the admin, and return the token of a session of theirs."""
    async with db.transaction(pool) as conn:
        user_id = await auth.create_account(
            conn,
            name="Admin",
            email=ADMIN_EMAIL,
            password_hash=_admin_password_hash(),
            role=Role.ADMIN,
        )
        return (await auth.open_session(conn, user_id)).token


@asynccontextmanager
async def application(
    aiohttp_client: AiohttpClient,
    settings: Settings,
    database: str,
    *,
    endpoint_url: str,
    access_key_id: str = Engine.access_key_id,
    secret_access_key: str = Engine.secret_access_key,
    settle: float = 0.0,
    expansion: QueryExpansion | None = None,
    embedded: bool = False,
    run_queue: bool = False,
) -> AsyncIterator[App]:
    """Open the application against any endpoint that speaks Rekognition's protocol."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(db.open_pool(database, min_size=1, max_size=20))
        cache = await stack.enter_async_context(open_cache(settings.cache_url, settings.cache_ttl))
        faces = await stack.enter_async_context(
            rekognition.open_client(
                limit=settings.aws_concurrent_requests,
                endpoint_url=endpoint_url,
                region=Engine.region,
                access_key_id=access_key_id,
                secret_access_key=secret_access_key,
                embedded=embedded,
                session=shared_session(),
            )
        )
        replica_id = await stack.enter_async_context(worker_registry.register_replica(pool))
        resources = assemble(
            settings,
            pool,
            faces,
            cache,
            shared_lanes(),
            lost=asyncio.get_running_loop().create_future(),
            settle=settle,
            expansion=expansion,
            replica_id=replica_id,
        )
        work = resources.queue
        assert isinstance(work, WorkQueue)
        async with db.acquire(pool) as conn:
            await events.set_default_thresholds(conn, settings)
        token = await _admin_session(pool)
        made = server.make_app(resources, "all")
        share_compiled_templates(made)
        client = await aiohttp_client(made)
        background = None
        if run_queue:
            background = asyncio.create_task(server.run_together(work.loops()))
        try:
            yield App(client, resources, work, {"Authorization": f"Bearer {token}"})
        finally:
            if background is not None:
                await work.stop()
                background.cancel()
                await asyncio.wait([background])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings for a test: the defaults, in a folder of its own."""
    return Settings(findme_data_dir=tmp_path)


@pytest.fixture
async def app(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, engine: Engine
) -> AsyncIterator[App]:
    """The application over the real face service; its jobs run in `drain()`."""
    expansion = QueryExpansion(
        anchor=settings.face_query_expansion_anchor, match=settings.face_query_expansion_threshold
    )
    async with application(
        aiohttp_client,
        settings,
        database,
        endpoint_url=engine.url,
        expansion=expansion,
        embedded=True,
    ) as opened:
        yield opened


@pytest.fixture(scope="session")
def service(scratch: Path) -> Iterator[Service]:
    """A real `findme serve` for the run, all embedded."""
    with running_service(scratch / "service") as started:
        yield started
