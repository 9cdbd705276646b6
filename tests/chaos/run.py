"""Plays the rounds of a seed: work, a fault in the middle of it, rest, and the invariants."""

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from findme.db import Connection
from tests.chaos import invariants
from tests.chaos.clients import Clients
from tests.chaos.faults import KINDS, Fault
from tests.chaos.invariants import Matches
from tests.chaos.worlds import LAYOUTS, World
from tests.support.pictures import drawn, labelled

#: Pictures that are sent, and people who come and go: a small engine's work of some seconds.
PICTURES, PEOPLE = 6, 3
#: Largest of the labelled photos that are used, in bytes.
LARGEST = 300_000
#: Photos of a round, and the chance that somebody joins or leaves in it, or a photo is deleted.
PHOTOS, COMES, GOES, DELETED = (1, 3), 0.3, 0.25, 0.25
#: Seconds until a fault begins, and that it lasts if it does not end by itself.
BEGINS, LASTS = (0.0, 1.2), (0.5, 4.0)
#: Seconds within which all work is done once a fault is over.
REST_SECONDS = 150.0


@dataclass(frozen=True)
class Round:
    """One fault in the middle of some work."""

    number: int
    fault: str
    begins: float
    lasts: float
    #: Decides what is done meanwhile.
    seed: str


@dataclass
class Report:
    """How the rounds of a world went."""

    layout: str
    seed: int
    kills: int = 0
    faults: int = 0
    photos: int = 0
    #: What did not hold, with the round and its fault.
    broken: list[str] = field(default_factory=list)
    #: Fault -> the seconds from its end (of a kill: from the kill) until a new photo was indexed.
    back: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0


def plan(seed: int, layout: str, faults: Sequence[str], *, first: int = 1) -> list[Round]:
    """Return a round for each fault; the same arguments give the same rounds."""
    rounds = []
    for number, fault in enumerate(faults, first):
        chance = random.Random(f"{seed}/{layout}/{number}")
        begins, lasts = chance.uniform(*BEGINS), chance.uniform(*LASTS)
        rounds.append(Round(number, fault, begins, lasts, f"{seed}/{layout}/{number}/work"))
    return rounds


def pictures() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return some pictures by name, with nobody on one of them, and selfies by person."""
    known = labelled()
    small = {path: who for path, who in known.people.items() if path.stat().st_size <= LARGEST}
    names = sorted({name for who in list(small.values())[:PICTURES] for name in who})[:PEOPLE]
    chosen = [path for path, who in small.items() if who & set(names)][: PICTURES - 1]
    found = {path.stem: path.read_bytes() for path in chosen}
    return found | {"nobody": drawn(1)}, {name: known.selfies[name].read_bytes() for name in names}


@asynccontextmanager
async def open_clients(world: World) -> AsyncIterator[Clients]:
    """Open an event in a world, with the pictures and the people of `pictures`."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        yield await Clients.open(world, http, *pictures())


async def find_truth(world: World) -> Matches:
    """Return what a run without faults finds: every person and every picture in an event."""
    async with open_clients(world) as clients:
        for person in clients.selfies:
            await clients.join(person)
        for picture in clients.pictures:
            await clients.upload(picture, 0, named=False)
        conn = await world.connect()
        try:
            assert await rests(conn)
            found = await invariants.read_matches(conn, clients.event["id"])
        finally:
            await conn.close()
        return {
            (person, filename.partition("~")[0]): similarities
            for (person, filename), similarities in found.items()
        }


async def rests(conn: Connection, seconds: float = REST_SECONDS) -> bool:
    """Wait until no job waits or runs; False if that takes too long."""
    deadline = time.monotonic() + seconds
    while await conn.fetchval(
        "select exists (select from job where state in ('queued', 'running'))"
    ):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True


async def play(
    layout: str, home: Path, rounds: Sequence[Round], *, seed: int, say: bool = True
) -> Report:
    """Play rounds in a new world under *home*; it ends with the first round that breaks something.

    Each round is announced on standard output, so that a failure says how to repeat it.
    """
    begun = time.monotonic()
    report = Report(layout, seed)
    async with LAYOUTS[layout](home) as world:
        await world.running()
        truth = await find_truth(world)
        assert truth, "nobody is found on the pictures"
        async with open_clients(world) as clients:
            for person in clients.selfies:
                await clients.join(person)
            for each in rounds:
                fault = KINDS[each.fault]()
                if not fault.possible(world):
                    continue
                if say:
                    print(f"[chaos] {layout} --seed {seed} round {each.number}: {each.fault}")
                await _play(each, fault, clients, truth, report)
                if report.broken:
                    break
            report.photos = len(clients.sent) + len(clients.deleted)
        if report.broken:
            kept = Path(tempfile.gettempdir()) / f"findme-chaos-{layout}-{seed}.log"
            shutil.copy(home / "var.log", kept)
            report.broken.append(f"the service's log: {kept}")
    report.seconds = time.monotonic() - begun
    return report


async def _play(
    each: Round, fault: Fault, clients: Clients, truth: Matches, report: Report
) -> None:
    world, chance = clients.world, random.Random(each.seed)
    named = f"round {each.number} ({each.fault})"
    report.kills += fault.kills
    report.faults += 1
    async with asyncio.TaskGroup() as group:
        for work in _work(each, chance, clients):
            group.create_task(work)
        await asyncio.sleep(each.begins)
        struck = time.time()
        await fault.begin(world, clients, chance)
        if not fault.kills:
            await asyncio.sleep(each.lasts)
            await fault.end(world)
            struck = time.time()
        # the canary: a photo that is sent once it is over
        group.create_task(
            clients.upload(
                chance.choice(sorted(clients.pictures)), 10**6 + each.number, named=False
            )
        )
    await world.running()
    conn = await world.connect()
    try:
        if not await rests(conn):
            left = await conn.fetch(
                """
                select concat_ws(' ', kind, state, attempts, parked, error, run_at - now()) as what
                  from job where state in ('queued', 'running')"""
            )
            report.broken.append(f"{named}: still at work: {[row['what'] for row in left]}")
        done = await conn.fetchval(
            """
            select extract(epoch from min(finished_at)) from job
             where kind = 'index_photo' and extract(epoch from finished_at) > $1::float8""",
            struck,
        )
        if done is not None and "clock" not in each.fault:
            report.back.setdefault(each.fault, []).append(float(done) - struck)
        for holds in invariants.all_of_them(truth):
            report.broken += [f"{named}: {what}" for what in await holds(conn, clients)]
    finally:
        await conn.close()


def _work(
    each: Round, chance: random.Random, clients: Clients
) -> list[Coroutine[None, None, None]]:
    """Return what is done in a round; it depends on the round and on who and what is there."""
    names = sorted(clients.pictures)
    work = [
        clients.upload(chance.choice(names), 10 * each.number + number, named=chance.random() < 0.4)
        for number in range(chance.randint(*PHOTOS))
    ]
    away = sorted(clients.selfies.keys() - clients.present.keys())
    if away and chance.random() < COMES:
        work.append(clients.join(chance.choice(away)))
    if len(clients.present) > 1 and chance.random() < GOES:
        work.append(clients.leave(chance.choice(sorted(clients.present))))
    if clients.sent and chance.random() < DELETED:
        work.append(clients.delete(chance.choice(sorted(clients.sent))))
    return work
