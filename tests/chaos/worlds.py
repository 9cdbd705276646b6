"""The processes: a service that is started again whenever it has ended, and what it stands on.

`whole` is an installation on one machine: the service has a PostgreSQL and a face service of its
own. `apart` is several machines: the database, the face service and the clients are each behind a
wire.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import psutil

from findme.db import Connection
from findme.embedded.face_service import EngineProcess, open_engine
from findme.embedded.postgres import Postgres, open_postgres
from findme.embedded.postgres_home import MAJOR
from findme.recognition.aws_session import make_session
from tests.chaos.wires import Gate, Wire, open_gate, open_wire
from tests.support.scripted_guests import until
from tests.support.service import STOP_SECONDS, Service, running_service
from tests.support.watching import free_port

#: Sweeps follow soon, and what is found depends on the pair of faces alone.
SETTINGS = {
    "FACE_IDLE_SECONDS": "0.2",
    "FACE_FLUSH_SECONDS": "2",
    "FACE_QUERY_EXPANSION": "off",
}
#: Seconds until the service is started again after it has ended, or not started.
AGAIN_SECONDS = 0.2


@dataclass
class World:
    """The running processes; *home* holds all of their files."""

    home: Path
    #: Where the service listens, the same after each start.
    service_port: int
    settings: Mapping[str, str]
    clients: Wire
    #: The DSN that no fault stands before.
    dsn: str
    #: The data directory of the face service.
    faces_dir: Path
    service: Service | None = None
    #: Exit codes of the services that have ended.
    exits: list[int] = field(default_factory=list)
    #: Starts that failed.
    failed_starts: int = 0
    #: Between the service and what it stands on; None if they are one installation.
    database: Wire | None = None
    gate: Gate | None = None
    engine: EngineProcess | None = None
    server: Postgres | None = None
    #: Every process that was ever seen below the service.
    seen: set[psutil.Process] = field(default_factory=set)
    _up: asyncio.Event = field(default_factory=asyncio.Event)
    _ending: bool = False
    _server_stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def data_dir(self) -> Path:
        """The service's data directory."""
        return self.home / "var"

    @property
    def url(self) -> str:
        """The service's address for clients."""
        return f"http://127.0.0.1:{self.clients.port}"

    async def running(self) -> Service:
        """Return the service as soon as it answers."""
        await self._up.wait()
        assert self.service is not None
        return self.service

    async def has_ended(self, before: int) -> None:
        """Return as soon as more services than *before* have ended."""

        async def ended() -> bool:
            return len(self.exits) > before

        await until(ended, seconds=STOP_SECONDS)

    def family(self) -> list[psutil.Process]:
        """Return the processes below the service, and remember them."""
        if self.service is None:
            return []
        try:
            found = psutil.Process(self.service.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self.seen |= set(found)
        return found

    def find(self, word: str) -> list[psutil.Process]:
        """Return the processes below the service that have a word in their command."""
        return [each for each in self.family() if word in " ".join(command_of(each))]

    async def supervise(self) -> None:
        """Start the service again and again, until `end`."""
        while not self._ending:
            started = running_service(
                self.data_dir, port=self.service_port, settings={**SETTINGS, **self.settings}
            )
            try:
                self.service = await asyncio.to_thread(started.__enter__)
            except (AssertionError, OSError):
                self.failed_starts += 1
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            self.family()
            self._up.set()
            self.exits.append(await asyncio.to_thread(self.service.process.wait))
            self._up.clear()
            await asyncio.to_thread(started.__exit__, None, None, None)

    async def end(self, supervisor: asyncio.Task[None]) -> None:
        """End the service and its supervisor."""
        self._ending = True
        while not supervisor.done():
            if self.service is not None and self.service.process.poll() is None:
                self.service.process.terminate()
            await asyncio.wait({supervisor}, timeout=5)
        supervisor.result()

    async def connect(self) -> Connection:
        """Connect to the database past all faults, as soon as it answers."""
        while True:
            try:
                return await asyncpg.connect(self.dsn, timeout=10)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await asyncio.sleep(0.1)

    async def kill_database(self) -> None:
        """End PostgreSQL as `pg_ctl stop -m immediate` does: it recovers at its next start."""
        if self.server is None:
            for process in self.find("postgres"):
                if "-D" in command_of(process):
                    process.send_signal(signal.SIGQUIT)
            return
        os.kill(self.server.pid, signal.SIGQUIT)
        await self.server.exited
        await self._server_stack.aclose()
        await self.start_server()

    async def forget_collection(self, name: str) -> None:
        """Delete a collection at the engine that stands apart, behind the service's back."""
        assert self.engine is not None
        async with make_session().create_client(
            "rekognition",
            endpoint_url=self.engine.endpoint_url,
            region_name=self.engine.region,
            aws_access_key_id=self.engine.access_key_id,
            aws_secret_access_key=self.engine.secret_access_key,
        ) as client:
            with suppress(client.exceptions.ResourceNotFoundException):
                await client.delete_collection(CollectionId=name)

    async def start_server(self) -> None:
        """Start the database that stands apart."""
        opened = open_postgres(self.home / "database")
        self.server = await self._server_stack.enter_async_context(opened)

    async def stop_server(self) -> None:
        """End the database that stands apart."""
        await self._server_stack.aclose()


def command_of(process: psutil.Process) -> list[str]:
    """Return the command of a process; nothing if it has just ended."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


@asynccontextmanager
async def open_whole(home: Path) -> AsyncIterator[World]:
    """Run an installation on one machine; PostgreSQL's user can reach *home*."""
    port = free_port()
    async with open_wire(lambda: asyncio.open_connection("127.0.0.1", port)) as clients:
        data = home / "var" / f"postgres-{MAJOR}"
        world = World(
            home,
            port,
            settings={},
            clients=clients,
            dsn=f"postgresql://postgres@/postgres?host={quote(str(data))}&port=5432",
            faces_dir=home / "var" / "faces",
        )
        async with _supervised(world):
            yield world


@asynccontextmanager
async def open_apart(home: Path) -> AsyncIterator[World]:
    """Run the service between wires to its database, its face service and its clients."""
    port = free_port()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(home / "engine"))
        gate = await stack.enter_async_context(open_gate(engine.endpoint_url))
        clients = await stack.enter_async_context(
            open_wire(lambda: asyncio.open_connection("127.0.0.1", port))
        )
        world = World(
            home, port, settings={}, clients=clients, dsn="", faces_dir=home / "engine" / "faces"
        )
        await world.start_server()
        stack.push_async_callback(world.stop_server)
        assert world.server is not None
        world.dsn = world.server.dsn
        socket = f"{parse_qs(urlsplit(world.dsn).query)['host'][0]}/.s.PGSQL.5432"
        database = await stack.enter_async_context(
            open_wire(lambda: asyncio.open_unix_connection(socket))
        )
        world.database, world.gate, world.engine = database, gate, engine
        world.settings = {
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{database.port}/postgres",
            "DB_POOL_SIZE": "4",
            "FACE_ENGINE": "aws",
            "AWS_REGION": engine.region,
            "AWS_ACCESS_KEY_ID": engine.access_key_id,
            "AWS_SECRET_ACCESS_KEY": engine.secret_access_key,
            "AWS_ENDPOINT_URL_REKOGNITION": f"http://127.0.0.1:{gate.port}",
        }
        async with _supervised(world):
            yield world


@asynccontextmanager
async def _supervised(world: World) -> AsyncIterator[None]:
    supervisor = asyncio.create_task(world.supervise(), name="supervisor")
    try:
        yield
    finally:
        for wire in (world.clients, world.database, world.gate):
            if wire is not None:
                wire.mend()
        with suppress(asyncio.CancelledError):
            await world.end(supervisor)


LAYOUTS = {"whole": open_whole, "apart": open_apart}
