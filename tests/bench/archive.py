"""A ZIP of many photos of 5 MB: first byte, speed, and how much the server's memory grows.

FINDME_BENCH_PHOTOS says how many photos (200 if left out; 1,000 need 6 GB of disk). The pictures
are generated in the database; what is measured is reading, packing and sending them.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psutil

from findme import db
from findme.media.cleaning import plan as plans
from findme.media.cleaning.plan import Piece, Span
from findme.media.storage import CHUNK
from tests.support.helpers import add_match, add_photos, member
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, Service, running_service

PHOTOS = int(os.environ.get("FINDME_BENCH_PHOTOS", "200"))
CHUNKS_OF_A_PHOTO = 20
#: Bytes a second of a phone in a crowded room.
SLOW = 2 * 1024**2
SLOW_SECONDS = 5.0
Rows = list[tuple[str, str]]


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A PostgreSQL whose DSN is known here as well as to the service."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.cluster", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(60)


async def measure() -> Rows:
    """Run the service and return the figures."""
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with cluster(folder / "cluster") as dsn:
            settings = {"DATABASE_URL": dsn, "FACE_ENGINE": "embedded", "DB_POOL_SIZE": "5"}
            with running_service(folder / "data", settings=settings) as service:
                return await _measure(service, dsn, folder / "photos.zip")


async def _measure(service: Service, dsn: str, path: Path) -> Rows:
    async with aiohttp.ClientSession(service.url, cookie_jar=aiohttp.DummyCookieJar()) as http:
        login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        answer = await http.post("/api/auth/login", json=login)
        admin = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        answer = await http.post("/api/admin/events", json={"name": "Bench"}, headers=admin)
        event = await answer.json()
        headers = await _guest_with_photos(dsn, event)
        url = f"/api/my-photos.zip?event={event['id']}"
        server = psutil.Process(service.pid)
        # a first request brings in what every later one shares
        await (await http.head(url, headers=headers)).read()
        before = peak = server.memory_info().rss
        cpu = sum(server.cpu_times()[:2])
        begun = time.perf_counter()
        async with http.get(url, headers=headers, timeout=aiohttp.ClientTimeout()) as got:
            first, size = 0.0, 0
            with path.open("wb") as file:
                async for piece in got.content.iter_any():
                    first = first or time.perf_counter() - begun
                    size += len(piece)
                    file.write(piece)
                    peak = max(peak, server.memory_info().rss)
        took = time.perf_counter() - begun
        cpu = sum(server.cpu_times()[:2]) - cpu
        assert size == got.content_length
        peak_slow = await _slowly(http, url, headers, server)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == PHOTOS
        assert archive.testzip() is None
    return [
        (f"ZIP of {PHOTOS} photos of 5 MB", f"{size / 1e6:,.0f} MB"),
        ("first byte after", f"{1000 * first:.0f} ms"),
        ("sent with", f"{size / 1e6 / took:.0f} MB/s, {cpu / took:.0%} of a core"),
        ("server memory grew by at most", f"{(peak - before) / 1024**2:.1f} MB"),
        ("20 slow phones at once: at most", f"{(peak_slow - before) / 1024**2:.1f} MB"),
    ]


async def _guest_with_photos(dsn: str, event: dict[str, str]) -> dict[str, str]:
    async with db.open_pool(dsn, min_size=1, max_size=2) as pool:
        guest = await member(pool, event)
        # as of a JPEG: a new head, then tables, profile and scans
        pieces: list[Piece] = [
            bytes(200),
            Span(40_000, 41_000),
            Span(60_000, CHUNK * CHUNKS_OF_A_PHOTO),
        ]
        async with db.transaction(pool) as conn:
            for photo in await add_photos(conn, event, PHOTOS):
                await add_match(conn, guest.guest_id, photo, 99)
                await conn.execute(
                    """
                    with made as (
                        insert into image (photo_id, size, media_type, size_bytes, digest,
                                           clean_plan, clean_bytes, clean_digest)
                        values ($1, 'original', 'image/jpeg', $2::bigint * $3, 'bench',
                                $5, $6, 'bench')
                        returning id)
                    insert into image_chunk (image_id, number, bytes)
                    select id, number, $4 from made, generate_series(0, $3 - 1) as number""",
                    photo,
                    CHUNK,
                    CHUNKS_OF_A_PHOTO,
                    os.urandom(CHUNK),
                    plans.to_bytes(pieces),
                    plans.length_of(pieces),
                )
    return guest.headers


async def _slowly(
    http: aiohttp.ClientSession, url: str, headers: dict[str, str], server: psutil.Process
) -> int:
    """Let 20 phones read slowly for a while; return the most memory that the server had."""
    peak = 0
    until = time.perf_counter() + SLOW_SECONDS

    async def phone() -> None:
        nonlocal peak
        async with http.get(url, headers=headers, timeout=aiohttp.ClientTimeout()) as got:
            while time.perf_counter() < until:
                await got.content.readany()
                await asyncio.sleep(64 * 1024 / SLOW)
                peak = max(peak, server.memory_info().rss)
            got.close()

    await asyncio.gather(*(phone() for _ in range(20)))
    return peak


if __name__ == "__main__":
    for label, value in asyncio.run(measure()):
        print(f"{label:<36} {value}")
