"""100 photos of 5 MB over loopback, with guests' lists asked for while they are worked off."""

import asyncio
import io
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
import numpy as np
import psutil
from PIL import Image
from skimage import data

from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, Service, running_service

PHOTOS = 100
AT_A_TIME = 4
Rows = list[tuple[str, str]]


def picture() -> bytes:
    """Return a 24-megapixel JPEG of about 5 MB with one face."""
    portrait = Image.fromarray(data.astronaut()).resize((4000, 4000))  # type: ignore[no-untyped-call]
    whole = Image.new("RGB", (6000, 4000), "#8b7f79")
    whole.paste(portrait, (1000, 0))
    noise = np.random.default_rng(1).normal(0, 9, (4000, 6000, 1))
    grainy = np.clip(np.asarray(whole) + noise, 0, 255).astype(np.uint8)
    for quality in range(95, 20, -3):
        out = io.BytesIO()
        Image.fromarray(grainy).save(out, "JPEG", quality=quality)
        if out.tell() <= 5_300_000:
            break
    return out.getvalue()


def variant(jpeg: bytes, number: int) -> bytes:
    """Return the same picture with other bytes: a comment right after the start marker."""
    comment = f"photo {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


async def measure() -> Rows:
    """Run the service and return the figures."""
    jpeg = picture()
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_service(Path(folder) / "data") as service:
            return await _measure(service, jpeg)


async def _measure(service: Service, jpeg: bytes) -> Rows:
    async with aiohttp.ClientSession(service.url, cookie_jar=aiohttp.DummyCookieJar()) as http:
        answer = await http.post(
            "/api/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        )
        admin = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        event = await (
            await http.post("/api/admin/events", json={"name": "Bench"}, headers=admin)
        ).json()
        guest = await _join(http, event["code"])
        peak = _Peak(service.pid)
        lists: list[float] = []
        watching = asyncio.create_task(_watch(http, event["id"], guest, lists, peak))
        begun = time.perf_counter()
        times = await _upload(http, event["id"], admin, jpeg)
        accepted = time.perf_counter() - begun
        stats = await _drained(http, admin)
        drained = time.perf_counter() - begun
        watching.cancel()
        found = await http.get(
            "/api/my-photos", params={"event": event["id"], "limit": "1000"}, headers=guest
        )
        lists.sort()
        return [
            ("size of a photo", f"{len(jpeg) / 1e6:.1f} MB"),
            (f"{PHOTOS} photos accepted, {AT_A_TIME} at a time", f"{accepted:.1f} s"),
            ("one photo answered, median / longest", f"{_ms(times, 0.5)} / {_ms(times, 1)}"),
            ("all indexed and matched after", f"{drained:.1f} s"),
            ("photos found for the guest", found.headers["X-Total-Count"]),
            ("my-photos meanwhile, median / p99", f"{_ms(lists, 0.5)} / {_ms(lists, 0.99)}"),
            ("event loop blocked at most", f"{stats['process']['loop_blocked_ms']} ms"),
            ("memory of the server at most", f"{peak.megabytes:.0f} MB"),
        ]


class _Peak:
    """The most memory that a process was seen with."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.megabytes = 0.0

    def look(self) -> None:
        self.megabytes = max(self.megabytes, self._process.memory_info().rss / 1024**2)


async def _join(http: aiohttp.ClientSession, code: str) -> dict[str, str]:
    selfie = io.BytesIO()
    Image.fromarray(data.astronaut()).save(selfie, "JPEG")  # type: ignore[no-untyped-call]
    form = aiohttp.FormData()
    fields = {"name": "Eileen", "email": "eileen@example.org", "password": "a long password"}
    for name, value in {**fields, "consent": "yes"}.items():
        form.add_field(name, value)
    form.add_field("selfie", io.BytesIO(selfie.getvalue()), filename="selfie.jpg")
    answer = await http.post(f"/api/events/{code}/join", data=form)
    return {"Authorization": f"Bearer {(await answer.json())['token']}"}


async def _upload(
    http: aiohttp.ClientSession, event_id: str, headers: dict[str, str], jpeg: bytes
) -> list[float]:
    times: list[float] = []
    numbers = iter(range(PHOTOS))

    async def send() -> None:
        for number in numbers:
            body = io.BytesIO(variant(jpeg, number))
            begun = time.perf_counter()
            async with http.post(
                f"/api/events/{event_id}/photos",
                params={"filename": f"photo{number}.jpg"},
                data=body,
                headers={**headers, "Content-Type": "image/jpeg"},
            ) as answer:
                assert answer.status == 202, await answer.text()
            times.append(time.perf_counter() - begun)

    await asyncio.gather(*(send() for _ in range(AT_A_TIME)))
    return sorted(times)


async def _watch(
    http: aiohttp.ClientSession,
    event_id: str,
    headers: dict[str, str],
    times: list[float],
    peak: _Peak,
) -> None:
    while True:
        begun = time.perf_counter()
        async with http.get("/api/my-photos", params={"event": event_id}, headers=headers) as got:
            assert got.status == 200
            await got.read()
        times.append(time.perf_counter() - begun)
        peak.look()
        await asyncio.sleep(0.05)


async def _drained(
    http: aiohttp.ClientSession, headers: dict[str, str]
) -> dict[str, dict[str, float]]:
    while True:
        async with http.get("/api/admin/queue/stats", headers=headers) as answer:
            stats: dict[str, dict[str, float]] = await answer.json()
        if stats["queue"]["current_queue_size"] == 0:
            return stats
        await asyncio.sleep(0.5)


def _ms(times: list[float], share: float) -> str:
    return f"{1000 * statistics.quantiles(times, n=1000)[min(998, round(share * 1000) - 1)]:.0f} ms"
