"""An evening on which everything breaks: watcher, service and network, again and again."""

import asyncio
import hashlib
import json
import random
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.pictures import drawn, labelled
from tests.support.scripted_guests import until
from tests.support.service import running_service
from tests.support.watching import Desk, Line, Watch, desk_of, free_port, line_to, noisy

#: Files that no server can take.
CORRUPT = 10


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is sent, and how often what is broken on the way."""

    files: int
    size: int
    watcher_kills: int
    server_kills: int
    cuts: int
    seed: int = 1
    #: Kilobits a second, so that there is a middle to break.
    limit_kbps: int = 80_000

    @property
    def blows(self) -> list[str]:
        """What happens, in a random order."""
        every = ["watcher"] * self.watcher_kills + ["server"] * self.server_kills
        every += ["cut"] * self.cuts
        random.Random(self.seed).shuffle(every)
        return every


@dataclass(frozen=True)
class Outcome:
    """How it went."""

    #: Hashes of the good pictures, and what the server says of them.
    good: set[str]
    known: dict[str, str]
    photos: int
    refused: dict[str, str]
    missing: dict[str, str]
    corrupt: set[str]
    #: How often the byte was sent that was sent most often.
    most_often: int
    body_bytes: int
    good_bytes: int


def contents(plan: Plan) -> dict[str, bytes]:
    """Return pictures by name: labelled photographs where there are, made different and larger."""
    real = [path.read_bytes() for path in list(labelled().people)[:30]]
    small = [jpeg for jpeg in real if jpeg.startswith(b"\xff\xd8") and len(jpeg) < plan.size]
    noise = random.Random(plan.seed)
    return {
        f"IMG_{number:04}.jpg": noisy(
            (small or [drawn(1)])[number % max(1, len(small))],
            noise.randint(plan.size // 2, plan.size * 3 // 2),
            number,
        )
        for number in range(plan.files)
    }


def corrupt(pictures: Sequence[bytes]) -> dict[str, bytes]:
    """Return ten files that are no pictures, or not any more."""
    made = {f"bad_{n}.jpg": data[: len(data) * 2 // 3] for n, data in enumerate(pictures[:4])}
    made |= {f"bad_{n}.png": b"\x89PNG\r\n\x1a\n" + bytes(300 * n) for n in (4, 5)}
    made |= {"bad_6.jpg": b"", "bad_7.webp": b"RIFF\xff\xff\xff\x00WEBP", "bad_8.jpg": b"text"}
    # what only the server finds out
    return made | {"bad_9.jpg": b"\xff\xd8\xff\xe0" + bytes(200) + b"\xff\xd9"}


async def fill(folder: Path, pictures: dict[str, bytes], line: Line, plan: Plan) -> None:
    """Write the files: a third before the start, the others as the evening goes on.

    Each is half-written for as long as it takes until the next one begins. Enough of them are
    kept back for there to be a middle for every blow.
    """
    names, total = list(pictures), sum(len(data) for data in pictures.values())
    early = len(names) // 3
    half: tuple[Path, bytes] | None = None
    for number, name in enumerate(names[early:]):
        share = number / (len(names) - early)

        async def far_enough(share: float = share) -> bool:
            struck = line.blows / len(plan.blows) + 0.15
            return line.body_bytes() >= share * total * 0.8 and share <= struck

        await until(far_enough, seconds=300)
        if half is not None:
            _append(*half)
        data = pictures[name]
        half = (folder / "later" / name, data[len(data) // 2 :])
        half[0].write_bytes(data[: len(data) // 2])
    if half is not None:
        _append(*half)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


async def break_things(
    plan: Plan, home: Path, port: int, watch: Watch, line: Line, services: list[Any], total: int
) -> None:
    """Kill and cut at random points of the transfer."""
    chance = random.Random(plan.seed + 1)
    blows = plan.blows
    for number, blow in enumerate(blows):
        # the last one while a good part is still to come
        share = 0.8 * total * (number + chance.uniform(0.2, 1.0)) / len(blows)

        async def far_enough(share: float = share) -> bool:
            return line.body_bytes() >= share

        await until(far_enough, seconds=300)
        if blow == "watcher":
            await asyncio.to_thread(watch.kill)
            watch.start("--limit-kbps", str(plan.limit_kbps))
        elif blow == "cut":
            cuts = line.cuts
            line.cut_after = chance.randint(1, plan.size)

            async def is_cut(before: int = cuts) -> bool:
                return line.cuts > before

            await until(is_cut, seconds=120)
        else:
            service = services.pop()
            await asyncio.to_thread(service[1].kill)
            services.append(await asyncio.to_thread(started, home, port))
        line.blows += 1


def started(home: Path, port: int) -> Any:
    """Start the service, to be ended by the caller."""
    manager = running_service(home / "var", port=port)
    return manager, manager.__enter__()


async def run_plan(plan: Plan, home: Path) -> Outcome:
    """Let it happen; *home* is a folder that PostgreSQL's user can reach."""
    pictures = contents(plan)
    bad = corrupt(list(pictures.values()))
    folder = home / "Event"
    (folder / "later").mkdir(parents=True)
    names = list(pictures)
    for name in names[: len(names) // 3]:
        (folder / name).write_bytes(pictures[name])
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    for name in names[: plan.files // 20]:
        shutil.copy(folder / name, folder / "later" / f"copy of {name}")
    total = sum(len(data) for data in pictures.values())
    port = free_port()
    services = [await asyncio.to_thread(started, home, port)]
    try:
        async with line_to(port) as line, desk_of(services[0][1]) as desk:
            watch = Watch(folder, line.url, desk.token, home / "journal.sqlite3")
            watch.start("--limit-kbps", str(plan.limit_kbps))
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fill(folder, pictures, line, plan))
                    group.create_task(break_things(plan, home, port, watch, line, services, total))
                await _all_there(desk, pictures)
                await _stop(watch)
            except BaseException:
                watch.kill()
                raise
            return await _outcome(desk, line, watch, pictures, bad)
    finally:
        for manager, _ in services:
            await asyncio.to_thread(manager.__exit__, None, None, None)


async def _known(desk: Desk, pictures: dict[str, bytes]) -> dict[str, str]:
    asked = sorted({hashlib.sha256(data).hexdigest() for data in pictures.values()})
    body = await desk.call(
        "POST", f"/api/events/{desk.event_id}/photos/known", json={"hashes": asked}
    )
    return dict(body["known"])


async def _all_there(desk: Desk, pictures: dict[str, bytes]) -> None:
    async def there() -> bool:
        return len(await _known(desk, pictures)) == len(pictures)

    await until(there, seconds=300)


async def _stop(watch: Watch) -> None:
    """SIGINT; it ends in good order."""
    assert watch.process is not None
    watch.process.send_signal(signal.SIGINT)
    out, _ = await asyncio.to_thread(watch.process.communicate, timeout=60)
    assert json.loads(out.splitlines()[-1])["event"] == "summary"
    assert watch.process.returncode == 0


async def _outcome(
    desk: Desk, line: Line, watch: Watch, pictures: dict[str, bytes], bad: dict[str, bytes]
) -> Outcome:
    code, events = await watch.once(seconds=600)
    assert code == 1
    assert (events[-1]["damaged"], events[-1]["unchecked"]) == ({}, 0)
    return Outcome(
        good={hashlib.sha256(data).hexdigest() for data in pictures.values()},
        known=await _known(desk, pictures),
        photos=len(await desk.photos()),
        refused=events[-1]["refused"],
        missing=events[-1]["missing"],
        corrupt=set(bad),
        most_often=line.most_often(),
        body_bytes=line.body_bytes(),
        good_bytes=sum(len(data) for data in pictures.values()),
    )
