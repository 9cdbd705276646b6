"""What is done to the processes: each fault begins, lasts for a while, and ends."""

import asyncio
import os
import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import asyncpg
import psutil

from tests.chaos.clients import Clients
from tests.chaos.wires import Trouble
from tests.chaos.worlds import World

#: Seconds that the machine's clock jumps.
JUMP_SECONDS = 3600.0


class Fault(ABC):
    """Something that goes wrong."""

    #: Whether processes are killed, as opposed to what stands between them.
    kills: ClassVar[bool] = False

    def possible(self, world: World) -> bool:
        """Say whether the layout has what the fault breaks."""
        return True

    @abstractmethod
    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        """Break it."""

    async def end(self, world: World) -> None:  # noqa: B027 - most faults mend themselves
        """Mend what does not mend itself."""


class _Kill(Fault):
    """Processes end in the middle of what they do; others start them again."""

    kills = True


class KillService(_Kill):
    """SIGKILL of the service; its children end by themselves."""

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        service = await world.running()
        world.family()
        with suppress(ProcessLookupError):
            os.kill(service.pid, signal.SIGKILL)


class StopService(_Kill):
    """SIGTERM of the service: it puts back what it does not finish, and its exit code is 0."""

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        service = await world.running()
        ended = len(world.exits)
        os.kill(service.pid, signal.SIGTERM)
        await world.has_ended(ended)
        if world.exits[-1] != 0:
            clients.wrong.append(f"after SIGTERM, the exit code was {world.exits[-1]}")


class KillDatabase(_Kill):
    """SIGQUIT of PostgreSQL, as `pg_ctl stop -m immediate` sends it."""

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        await world.running()
        ended = len(world.exits)
        await world.kill_database()
        if world.database is None:
            # an installation on one machine ends with its database, and says so
            await world.has_ended(ended)
            log = (world.home / "var.log").read_text(encoding="utf-8")
            if world.exits[-1] != 1 or "The embedded PostgreSQL has ended" not in log:
                clients.wrong.append(f"without its database: exit code {world.exits[-1]}")


class KillFaceService(_Kill):
    """SIGKILL of the face service."""

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        await world.running()
        pids = [world.engine.pid] if world.engine else _pids(world.find("findme.engine --data"))
        _kill(pids, signal.SIGKILL)


@dataclass
class StrikePictureChild(_Kill):
    """A child that reads pictures is killed, or hears nothing any more."""

    sign: signal.Signals

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        await world.running()
        children = sorted(_pids(world.find("findme.pixels.child")))
        if children:
            _kill([chance.choice(children)], self.sign)


def _pids(processes: list[psutil.Process]) -> list[int]:
    return [process.pid for process in processes]


def _kill(pids: list[int], sign: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, sign)


class _Between(Fault):
    """What stands between the processes fails."""

    def possible(self, world: World) -> bool:
        return world.database is not None

    async def end(self, world: World) -> None:
        for each in (world.clients, world.database, world.gate):
            if each is not None:
                each.mend()


class CutClients(_Between):
    """All connections of the clients break, and no other one is taken for a while."""

    def possible(self, world: World) -> bool:
        return True

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        world.clients.cut()


class CutDatabase(_Between):
    """All connections to the database break."""

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        assert world.database is not None
        world.database.cut()


class StallDatabase(_Between):
    """Nothing arrives at the database any more, and nothing from it."""

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        assert world.database is not None
        world.database.stall()


@dataclass
class EngineTrouble(_Between):
    """The face engine does to a part of the calls what it should not."""

    troubles: tuple[Trouble, ...]
    #: The share of calls that it is done to.
    share: float = 1.0

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        assert world.gate is not None
        answers = random.Random(chance.random())

        def trouble() -> Trouble | None:
            return answers.choice(self.troubles) if answers.random() < self.share else None

        world.gate.begin(trouble)


class ForgetCollection(_Between):
    """The face engine loses the event's collection."""

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        conn = await world.connect()
        name = await conn.fetchval(
            "select collection_id from event where id = $1", int(clients.event["id"])
        )
        await conn.close()
        await world.forget_collection(name)


@dataclass
class ClockJump(_Between):
    """The clock of the database's machine jumps.

    Nobody sets this machine's clock: every time that the database has stored moves the other way.
    """

    seconds: float

    def possible(self, world: World) -> bool:
        return True

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        conn = await world.connect()
        columns = await conn.fetch("""
            select table_name, string_agg(format(
                       '%1$I = %1$I - make_interval(secs => $1)', column_name), ', ') as moved
              from information_schema.columns join information_schema.tables
                   using (table_schema, table_name)
             where table_schema = 'public' and table_type = 'BASE TABLE'
               and data_type = 'timestamp with time zone' and is_generated = 'NEVER'
             group by table_name order by table_name""")
        moved = False
        while not moved:
            with suppress(asyncpg.TransactionRollbackError):  # a deadlock with the service
                async with conn.transaction():
                    await conn.execute("set local session_replication_role = replica")
                    for row in columns:
                        await conn.execute(
                            f"update {row['table_name']} set {row['moved']}", self.seconds
                        )
                moved = True
        await conn.close()


class FullDisk(_Between):
    """The disk has no byte left; only on a disk of its own, which `make chaos` mounts as root."""

    def possible(self, world: World) -> bool:
        return os.path.ismount(world.home)

    async def begin(self, world: World, clients: Clients, chance: random.Random) -> None:
        def fill() -> None:
            with (world.home / "filler").open("wb") as file:
                size = 0
                for step in (2**24, 2**20, 2**16, 2**12):
                    with suppress(OSError):
                        while True:
                            os.posix_fallocate(file.fileno(), size, step)
                            size += step

        await asyncio.to_thread(fill)

    async def end(self, world: World) -> None:
        (world.home / "filler").unlink(missing_ok=True)


STORM = (Trouble.THROTTLE, Trouble.SLOW_DOWN)
ERRORS = (Trouble.ERROR, Trouble.UNAVAILABLE)

KINDS: dict[str, Callable[[], Fault]] = {
    "SIGKILL of the service": KillService,
    "SIGTERM of the service": StopService,
    "immediate end of PostgreSQL": KillDatabase,
    "SIGKILL of the face service": KillFaceService,
    "SIGKILL of a picture child": lambda: StrikePictureChild(signal.SIGKILL),
    "SIGSTOP of a picture child": lambda: StrikePictureChild(signal.SIGSTOP),
    "clients cut off": CutClients,
    "database cut off": CutDatabase,
    "database silent": StallDatabase,
    "throttle storm": lambda: EngineTrouble(STORM, 0.8),
    "5xx of the engine": lambda: EngineTrouble(ERRORS, 0.8),
    "answers of the engine lost": lambda: EngineTrouble((Trouble.LOST,), 0.5),
    "engine cut off": lambda: EngineTrouble((Trouble.CUT,)),
    "engine silent": lambda: EngineTrouble((Trouble.STALL,)),
    "collection forgotten": ForgetCollection,
    "full disk": FullDisk,
    "clock an hour ahead": lambda: ClockJump(JUMP_SECONDS),
    "clock an hour back": lambda: ClockJump(-JUMP_SECONDS),
}
