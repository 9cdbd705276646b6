"""The face service by itself: photos a second, processor time, health meanwhile, memory.

Every labelled photo goes through IndexFaces over HTTP, ten at once, as FindMe does.
"""

import asyncio
import resource
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp

from findme.engine.faces import Analyst
from tests.support.engine_service import connected, serving
from tests.support.pictures import labelled

AT_ONCE = 10
Rows = list[tuple[str, str]]


async def measure() -> Rows:
    """Return the figures."""
    photos = [path.read_bytes() for path in labelled().faces]
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as scratch:
        data_dir = Path(scratch, "faces")
        rows = await asyncio.to_thread(alone, Analyst.load(data_dir / "models"), photos)
        rows += await over_http(data_dir, photos)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*rows, ("peak memory with client and photos", f"{peak:.0f} MB")]


def alone(analyst: Analyst, photos: list[bytes]) -> Rows:
    """One photo after the other, without HTTP, in CPU time."""
    faces = 0
    cpu = time.process_time()
    for data in photos:
        faces += len(analyst.faces(data))
    cpu = time.process_time() - cpu
    return [
        ("photos, faces on them", f"{len(photos)}, {faces}"),
        ("CPU a photo", f"{1000 * cpu / len(photos):.0f} ms"),
        ("CPU a face, all included", f"{1000 * cpu / max(1, faces):.0f} ms"),
    ]


async def over_http(data_dir: Path, photos: list[bytes]) -> Rows:
    """All photos, ten at once; meanwhile the health of the same event loop is asked for."""
    async with serving(data_dir) as url, connected(url) as client:
        await client.create_collection(CollectionId="bench")
        slots = asyncio.Semaphore(AT_ONCE)

        async def index(data: bytes) -> None:
            async with slots:
                await client.index_faces(CollectionId="bench", Image={"Bytes": data})

        begun = time.perf_counter()
        indexing = asyncio.gather(*(index(data) for data in photos))
        answered = await health_times(url, indexing)
        took = time.perf_counter() - begun
    high = statistics.quantiles(answered, n=100)[98]
    return [
        ("photos a second over HTTP, ten at once", f"{len(photos) / took:.1f}"),
        ("health meanwhile, median / p99", f"{statistics.median(answered):.1f} / {high:.1f} ms"),
    ]


async def health_times(url: str, until: "asyncio.Future[list[None]]") -> list[float]:
    """Milliseconds of one health request after the other until the work is done."""
    times: list[float] = []
    async with aiohttp.ClientSession() as session:
        while not until.done() or len(times) < 2:
            begun = time.perf_counter()
            async with session.get(f"{url}/healthz") as response:
                await response.read()
            times.append(1000 * (time.perf_counter() - begun))
            await asyncio.sleep(0.005)
    await until
    return times
