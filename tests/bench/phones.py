"""300 phones with an open stream while 100 photos a minute arrive: how soon each is told.

FINDME_BENCH_SECONDS says how long photos arrive (60 if left out). Guests join by real selfies,
several of them with the face of the same person; photos are those of the labelled set, with other
bytes each time. Measured is the time from a match's transaction (its `found_at`, the database's
clock on the same machine) to its message on the guest's stream.
"""

import asyncio
import io
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import psutil

from tests.bench.archive import cluster
from tests.bench.upload import variant
from tests.support.pictures import Labelled, labelled
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, Service, running_service

PHONES = int(os.environ.get("FINDME_BENCH_PHONES", "300"))
SECONDS = float(os.environ.get("FINDME_BENCH_SECONDS", "60"))
PHOTOS_A_MINUTE = 100
#: Seconds that a guest may wait from the match to the message.
PROMISE = 2.0
Rows = list[tuple[str, str]]


@dataclass
class Phone:
    """One guest's open page: when each of their photos was told of."""

    account_id: int
    headers: dict[str, str]
    told: dict[int, float] = field(default_factory=dict)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, http: aiohttp.ClientSession, event_id: str) -> None:
        """Read the stream until cancelled."""
        url = f"/api/events/{event_id}/stream"
        timeout = aiohttp.ClientTimeout(total=None)
        async with http.get(url, headers=self.headers, timeout=timeout) as answer:
            assert answer.status == 200, await answer.text()
            self.opened.set()
            kind = b""
            async for line in answer.content:
                if line.startswith(b"event: "):
                    kind = line[7:].strip()
                elif line.startswith(b"data: ") and kind == b"photo":
                    photo = orjson.loads(line[6:])
                    if photo["mine"]:
                        self.told.setdefault(int(photo["id"]), time.time())


async def measure() -> Rows:
    """Run the service and return the figures."""
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with cluster(folder / "cluster") as dsn:
            settings = {"DATABASE_URL": dsn, "FACE_ENGINE": "embedded"}
            with running_service(folder / "data", settings=settings) as service:
                return await _measure(service, dsn)


async def _measure(service: Service, dsn: str) -> Rows:
    photos = labelled()
    connector = aiohttp.TCPConnector(limit=0)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(service.url, cookie_jar=jar, connector=connector) as http:
        login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        answer = await http.post("/api/auth/login", json=login)
        admin = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        wanted = {"name": "Bench", "accounts": "optional"}
        answer = await http.post("/api/admin/events", json=wanted, headers=admin)
        event: dict[str, Any] = await answer.json()
        phones = await _join_all(http, event["code"], photos)
        streams = [asyncio.create_task(phone.listen(http, event["id"])) for phone in phones]
        await asyncio.gather(*(phone.opened.wait() for phone in phones))
        server = psutil.Process(service.pid)
        begun, cpu = time.perf_counter(), sum(server.cpu_times()[:2])
        sent = await _upload(http, event["id"], admin, photos)
        rss = server.memory_info().rss
        took = time.perf_counter() - begun
        cores = (sum(server.cpu_times()[:2]) - cpu) / took
        blocked = await _until_idle(http, admin)
        delays, missing = await _delays(dsn, phones)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
    delays.sort()
    middle, p95 = statistics.median(delays), delays[int(0.95 * len(delays))]
    return [
        (f"{len(phones)} phones, {sent} photos in {took:.0f} s", f"{len(delays)} messages"),
        ("match to message: median, p95, most", f"{middle:.2f}, {p95:.2f}, {delays[-1]:.2f} s"),
        (f"later than {PROMISE:.0f} s, never told", f"{_late(delays)}, {missing}"),
        ("event loop blocked at most", f"{blocked} ms"),
        ("server meanwhile", f"{cores:.0%} of a core, {rss / 1024**2:.0f} MB"),
    ]


def _late(delays: list[float]) -> int:
    return sum(delay > PROMISE for delay in delays)


async def _join_all(http: aiohttp.ClientSession, code: str, photos: Labelled) -> list[Phone]:
    phones: list[Phone] = []
    selfies = list(photos.selfies.values())
    numbers = iter(range(PHONES))

    async def join() -> None:
        for number in numbers:
            form = aiohttp.FormData({"name": f"Guest {number}", "consent": "yes"})
            selfie = selfies[number % len(selfies)].read_bytes()
            form.add_field("selfie", io.BytesIO(selfie), filename="selfie.jpg")
            answer = await http.post(f"/api/events/{code}/join", data=form)
            assert answer.status == 201, await answer.text()
            joined = await answer.json()
            headers = {"Authorization": f"Bearer {joined['token']}"}
            phones.append(Phone(int(joined["user"]["id"]), headers))

    await asyncio.gather(*(join() for _ in range(4)))
    return phones


async def _upload(
    http: aiohttp.ClientSession, event_id: str, admin: dict[str, str], photos: Labelled
) -> int:
    """Send photos at an even pace; return how many."""
    pictures = [path.read_bytes() for path, people in photos.people.items() if people]
    pictures = [picture for picture in pictures if picture[:2] == b"\xff\xd8"]
    begun = time.perf_counter()
    sent = 0
    while time.perf_counter() - begun < SECONDS:
        async with http.post(
            f"/api/events/{event_id}/photos",
            params={"filename": f"{sent}.jpg"},
            data=io.BytesIO(variant(pictures[sent % len(pictures)], sent)),
            headers={**admin, "Content-Type": "image/jpeg"},
        ) as answer:
            assert answer.status == 202, await answer.text()
        sent += 1
        await asyncio.sleep(max(0.0, begun + sent * 60 / PHOTOS_A_MINUTE - time.perf_counter()))
    return sent


async def _until_idle(http: aiohttp.ClientSession, admin: dict[str, str]) -> float:
    """Wait until all is searched and told; return the loop's longest stall in ms till then."""
    while True:
        async with http.get("/api/admin/queue/stats", headers=admin) as answer:
            stats = await answer.json()
        queue = stats["queue"]
        if queue["current_queue_size"] == 0 and queue["workers_active"] == 0:
            break
        await asyncio.sleep(0.5)
    await asyncio.sleep(2 * PROMISE)
    return float(stats["process"]["loop_blocked_ms"])


async def _delays(dsn: str, phones: list[Phone]) -> tuple[list[float], int]:
    """Return the seconds from each guest's sure match to its message, and how many never came."""
    conn = await asyncpg.connect(dsn)
    try:
        rows = await conn.fetch(
            """
            select guest.account_id, photo_id, min(found_at) as found_at
              from match join guest on guest.id = match.guest_id
             where similarity >= 90 group by guest.account_id, photo_id"""
        )
    finally:
        await conn.close()
    found: dict[int, dict[int, datetime]] = {}
    for row in rows:
        found.setdefault(row["account_id"], {})[row["photo_id"]] = row["found_at"]
    delays, missing = [], 0
    for phone in phones:
        for photo_id, at in found.get(phone.account_id, {}).items():
            if photo_id in phone.told:
                delays.append(phone.told[photo_id] - at.timestamp())
            else:
                missing += 1
    return delays, missing
