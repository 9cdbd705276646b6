"""``python -m tests.bench.engine``: photos a second, milliseconds a face, and a search, as a table.

Every photo of the labelled folder goes through IndexFaces over HTTP, ten at once, as FindMe does.
"""

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import numpy as np

from findme.engine import calibrate
from findme.engine.faces import Analyst
from findme.engine.network import DIMENSIONS
from findme.engine.vectors import VectorTable
from tests.integration.engine_service import connected, labelled_folder, portraits, serving

AT_ONCE = 10
SEARCHED = 40_000


async def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = labelled_folder() or portraits(Path(scratch, "photos"))
        names = list(calibrate.read_truth(folder)["photos"])
        photos = [(folder / name).read_bytes() for name in names]
        data_dir = Path(scratch, "faces")
        rows = [*alone(Analyst.load(data_dir / "models"), photos)]
        rows += await over_http(data_dir, photos)
    rows.append(("search among 40,000 vectors, ms", f"{search():.1f}"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append(("peak memory with client and photos, MB", f"{peak:.0f}"))
    sys.stdout.write("| measure | value |\n|---|---|\n")
    for name, value in rows:
        sys.stdout.write(f"| {name} | {value} |\n")


def alone(analyst: Analyst, photos: list[bytes]) -> list[tuple[str, str]]:
    """One photo after the other, without HTTP, in CPU time."""
    faces = 0
    cpu = time.process_time()
    for data in photos:
        faces += len(analyst.faces(data))
    cpu = time.process_time() - cpu
    return [
        ("photos, faces on them", f"{len(photos)}, {faces}"),
        ("CPU a photo, ms", f"{1000 * cpu / len(photos):.0f}"),
        ("CPU a face, all included, ms", f"{1000 * cpu / max(1, faces):.0f}"),
    ]


async def over_http(data_dir: Path, photos: list[bytes]) -> list[tuple[str, str]]:
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
        ("health meanwhile, median and 99 %, ms", f"{statistics.median(answered):.1f}, {high:.1f}"),
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


def search() -> float:
    """Milliseconds of one exact search."""
    vectors = np.random.default_rng(1).normal(0, DIMENSIONS**-0.5, (SEARCHED, DIMENSIONS))
    table = VectorTable()
    for number, vector in enumerate(vectors.astype(np.float32)):
        table.add(number, vector)
    query = vectors[0].astype(np.float32)
    begun = time.perf_counter()
    for _ in range(50):
        table.within(query, 0.565)
    return (time.perf_counter() - begun) / 50 * 1000


if __name__ == "__main__":
    asyncio.run(main())
