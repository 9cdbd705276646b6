"""A press pool at once: 1,000 photos of 20 MB on 50 connections, while 300 guests list theirs.

Then the same again until the service is told to stop in the middle of it.
"""

import asyncio
import contextlib
import io
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg

from findme import db
from findme.embedded.postgres import join_postgres
from tests.bench.upload import variant
from tests.support.helpers import member
from tests.support.pictures import drawn
from tests.support.scripted_guests import until
from tests.support.service import Service, running_service
from tests.support.watching import Desk, desk_of, noisy

PHOTOS, CONNECTIONS, GUESTS = 1000, 50, 300
SIZE = 20_000_000
#: Seconds between two lists of a guest.
EVERY = 5.0
#: Photos that are accepted before the service is told to stop.
BEFORE_THE_STOP = CONNECTIONS
Rows = list[tuple[str, str]]


@dataclass
class Figures:
    """What was seen."""

    statuses: Counter[int] = field(default_factory=Counter)
    accepted: set[str] = field(default_factory=set)
    lists: list[float] = field(default_factory=list)
    listed: Counter[int] = field(default_factory=Counter)


async def measure() -> Rows:
    """Run the service and return the figures."""
    jpeg = noisy(drawn(1, 1200, 900), SIZE, 1)
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_service(Path(folder) / "data") as service:
            rows = await _load(service, jpeg)
            rows += await _stop(service, jpeg)
        return rows


async def _load(service: Service, jpeg: bytes) -> Rows:
    figures = Figures()
    async with desk_of(service) as desk:
        async with (
            join_postgres(service.data_dir) as dsn,
            db.open_pool(dsn, min_size=1, max_size=2) as pool,
        ):
            event = {"id": desk.event_id}
            made = [await member(pool, event, f"{number}@example.org") for number in range(GUESTS)]
            guests = [guest.headers for guest in made]
        listing = asyncio.gather(*(_list(desk, guest, figures) for guest in guests))
        begun = time.perf_counter()
        await _upload(desk, jpeg, figures, 0, PHOTOS)
        took = time.perf_counter() - begun
        listing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listing
    times = sorted(figures.lists)
    status = Path(f"/proc/{service.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
    return [
        (
            f"{PHOTOS} x {len(jpeg) / 1e6:.0f} MB on {CONNECTIONS} connections",
            f"{took:.0f} s, {PHOTOS * len(jpeg) / 1e6 / took:.0f} MB/s",
        ),
        ("answers to the uploads", str(dict(figures.statuses))),
        (f"answers to the lists of {GUESTS} guests", str(dict(figures.listed))),
        (
            "lists meanwhile, median / p99 / longest",
            " / ".join(
                f"{1000 * times[min(len(times) - 1, int(share * len(times)))]:.0f} ms"
                for share in (0.5, 0.99, 1.0)
            ),
        ),
        ("memory of the server at most", f"{peak / 1024:.0f} MB"),
    ]


async def _stop(service: Service, jpeg: bytes) -> Rows:
    figures = Figures()
    async with desk_of(service) as desk:
        event_id = int(desk.event_id)
        sending = asyncio.create_task(_upload(desk, jpeg, figures, 10**6, PHOTOS))

        async def enough() -> bool:
            return len(figures.accepted) >= min(BEFORE_THE_STOP, PHOTOS // 4)

        await until(enough, seconds=600)
        begun = time.perf_counter()
        code = await asyncio.to_thread(service.terminate)
        took = time.perf_counter() - begun
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
    async with join_postgres(service.data_dir) as dsn:
        conn = await asyncpg.connect(dsn)
        there = await conn.fetch(
            """
            select photo.id from photo join image on photo_id = photo.id and size = 'original'
             where photo.event_id = $1 and size_bytes = (
                   select sum(octet_length(bytes)) from image_chunk where image_id = image.id)""",
            event_id,
        )
        await conn.close()
    lost = figures.accepted - {str(row["id"]) for row in there}
    return [
        ("SIGTERM in the middle of it: ended after, exit code", f"{took:.1f} s, {code}"),
        ("accepted before it, lost", f"{len(figures.accepted)}, {len(lost)}"),
    ]


async def _list(desk: Desk, guest: dict[str, str], figures: Figures) -> None:
    await asyncio.sleep(EVERY * hash(guest["Authorization"]) % 1000 / 1000)
    while True:
        begun = time.perf_counter()
        async with desk.http.get(
            f"{desk.url}/api/all-photos", params={"event": desk.event_id}, headers=guest
        ) as answer:
            await answer.read()
            figures.listed[answer.status] += 1
        figures.lists.append(time.perf_counter() - begun)
        await asyncio.sleep(EVERY)


async def _upload(desk: Desk, jpeg: bytes, figures: Figures, first: int, count: int) -> None:
    numbers = iter(range(first, first + count))
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def send() -> None:
            for number in numbers:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.post(
                        f"{desk.url}/api/events/{desk.event_id}/photos",
                        params={"filename": f"{number}.jpg"},
                        data=io.BytesIO(variant(jpeg, number)),
                        headers={**desk.admin, "Content-Type": "image/jpeg"},
                        timeout=aiohttp.ClientTimeout(total=600),
                    ) as answer:
                        figures.statuses[answer.status] += 1
                        if answer.status == 202:
                            body = await answer.json()
                            figures.accepted.add(body["results"][0]["photo_id"])

        await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
