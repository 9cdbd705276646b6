"""Four hostile selfies at once, from each kind of file that costs a decoder much, and one honest.

It says what the honest guest waits for, what `/healthz` takes, and what memory it costs.
"""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from tests.support.helpers import selfie_form, selfie_of
from tests.support.hostile_pictures import BY_SIZE, BY_STRUCTURE
from tests.support.service import Service, running_service
from tests.support.watching import Desk, desk_of

AT_ONCE = 4
#: Seconds from the hostile selfies to the honest one, and between two looks.
LATER, LOOKS = 0.2, 0.05
Rows = list[tuple[str, str]]


async def measure() -> Rows:
    """Run the service and return the figures."""
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_service(Path(folder) / "data") as service:
            async with desk_of(service) as desk:
                return await _measure(service, desk)


async def _measure(service: Service, desk: Desk) -> Rows:
    event = await desk.call("GET", f"/api/admin/events/{desk.event_id}")
    path = f"{desk.url}/api/events/{event['code']}/join"
    names = itertools.count()
    # the first join starts what the later ones use
    await _join(desk, path, selfie_of(), next(names))
    idle = _megabytes(service)
    honest: list[float] = []
    hostile: list[float] = []
    pings: list[float] = []
    memory = [idle]
    looking = asyncio.create_task(_look(service, desk, pings, memory))
    makers = [*BY_SIZE.values(), *BY_STRUCTURE.values()]
    statuses: Counter[int] = Counter()
    for make in makers:
        data = make()
        group = [asyncio.create_task(_join(desk, path, data, next(names))) for _ in range(AT_ONCE)]
        await asyncio.sleep(LATER)
        status, took = await _join(desk, path, selfie_of(), next(names))
        assert status == 201, status
        honest.append(took)
        for status, took in await asyncio.gather(*group):
            statuses[status] += 1
            hostile.append(took)
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
    return [
        (f"kinds of hostile selfies, {AT_ONCE} at once", str(len(makers))),
        ("their answers, the latest after", f"{dict(statuses)}, {max(hostile):.1f} s"),
        ("an honest join meanwhile, at most", f"{max(honest):.2f} s"),
        ("/healthz meanwhile, at most", f"{1000 * max(pings):.0f} ms"),
        ("memory of our processes over idle, at most", f"{max(memory) - idle:.0f} MB"),
    ]


async def _join(desk: Desk, path: str, selfie: bytes, number: int) -> tuple[int, float]:
    """Return the status and the seconds of a join by a new guest."""
    fields = {
        "name": f"Guest {number}",
        "email": f"{number}@example.org",
        "password": "a long password",
        "consent": "yes",
    }
    begun = time.perf_counter()
    async with desk.http.post(path, data=selfie_form(selfie, **fields)) as answer:
        await answer.read()
        return answer.status, time.perf_counter() - begun


async def _look(service: Service, desk: Desk, pings: list[float], memory: list[float]) -> None:
    while True:
        begun = time.perf_counter()
        async with desk.http.get(f"{desk.url}/healthz") as answer:
            await answer.read()
        pings.append(time.perf_counter() - begun)
        memory.append(_megabytes(service))
        await asyncio.sleep(LOOKS)


def _megabytes(service: Service) -> float:
    """Return the resident memory of the server, the face service and their children, in MB."""
    server = psutil.Process(service.pid)
    total = 0
    for process in [server, *server.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            found: dict[str, Any] = process.as_dict(["name", "memory_info"])
            if "python" in found["name"]:
                total += found["memory_info"].rss
    return total / 1024**2
