"""The rows of lists, pages and pictures: FindMe's service beside its peers, over one database."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from benchmarks import load, world
from benchmarks.harness import Row
from benchmarks.world import World
from tests.bench.archive import cluster
from tests.support.service import running_service

#: Seconds of one run of the load.
SECONDS = 3.0


@dataclass(frozen=True)
class Peer:
    """A running server."""

    url: str
    process: psutil.Process


@contextmanager
def findme(dsn: str, folder: Path, **settings: str) -> Iterator[Peer]:
    """Run the service, all roles in one process, on its core."""
    chosen = {"DATABASE_URL": dsn, "FACE_ENGINE": "embedded", "DB_POOL_SIZE": "20", **settings}
    with running_service(folder, settings=chosen) as service:
        process = psutil.Process(service.pid)
        load.pin(process)
        yield Peer(service.url, process)


@contextmanager
def peer(name: str, **environment: str) -> Iterator[Peer]:
    """Run a peer on the same core."""
    with subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.peers.{name}"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip().removeprefix("ready: ")
        assert url, f"{name} did not start"
        watched = psutil.Process(process.pid)
        load.pin(watched)
        try:
            yield Peer(url, watched)
        finally:
            process.terminate()


AUTHORIZED = (f"Authorization: Bearer {world.TOKEN}", "Accept-Encoding: gzip")


def _ask(server: Peer, path: str, field: str) -> Callable[[], float]:
    """Return one run of the load on *path*, which gives a field of its sample."""

    def run() -> float:
        sample = load.run(server.url + path, server.process, seconds=SECONDS, headers=AUTHORIZED)
        return float(getattr(sample, field))

    return run


@contextmanager
def rows() -> Iterator[list[Row]]:
    """Start all servers and give the rows that compare them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="findme-bench-")))
        folder.chmod(0o755)
        dsn = stack.enter_context(cluster(folder / "cluster"))
        filled = asyncio.run(world.fill(dsn))
        ours = stack.enter_context(findme(dsn, folder / "kept"))
        anew = stack.enter_context(findme(dsn, folder / "anew", CACHE_TTL="0"))
        body = folder / "body.gz"
        body.write_bytes(_packed_list(ours, filled))
        bare = stack.enter_context(peer("bare", BENCH_BODY=str(body)))
        json_agg = stack.enter_context(peer("json_agg", BENCH_DSN=dsn))
        fastapi = stack.enter_context(peer("fastapi_list", BENCH_DSN=dsn))
        pictures = stack.enter_context(peer("pictures", BENCH_DSN=dsn))
        yield [
            *_lists(filled, ours, anew, bare, json_agg, fastapi),
            *_pages(filled, ours, fastapi),
            *_pictures(filled, ours, pictures),
        ]


def _packed_list(server: Peer, filled: World) -> bytes:
    """Return the compressed list of a hundred as FindMe sends it."""
    answer = requests.get(
        f"{server.url}/api/all-photos?event={filled.event_id}",
        headers=dict(line.split(": ", 1) for line in AUTHORIZED),
        stream=True,
        timeout=30,
    )
    answer.raise_for_status()
    packed: bytes = answer.raw.read(decode_content=False)
    return packed


def _lists(
    filled: World, ours: Peer, anew: Peer, bare: Peer, json_agg: Peer, fastapi: Peer
) -> Iterator[Row]:
    paths = {
        "all": f"/api/all-photos?event={filled.event_id}",
        "mine": f"/api/my-photos?event={filled.event_id}",
        "favourites": f"/api/my-photos?event={filled.event_id}&shelf=favourites",
    }
    speed = "per_second"
    yield Row(
        "list of 100, hit",
        "bare aiohttp, same bytes",
        "requests/s",
        _ask(ours, paths["all"], speed),
        _ask(bare, "/list", speed),
        0.40,
    )
    for name, path in paths.items():
        theirs = f"/list/{name}?event={filled.event_id}"
        for against, server, goal in (
            ("FastAPI + SQLAlchemy", fastapi, 3.5),
            ("aiohttp + json_agg", json_agg, 0.45),
        ):
            yield Row(
                f"list of 100, miss ({name})",
                against,
                "requests/s",
                _ask(anew, path, speed),
                _ask(server, theirs, speed),
                goal,
            )


def _pages(filled: World, ours: Peer, fastapi: Peer) -> Iterator[Row]:
    yield Row(
        "gallery page, 60 photos, drawn before",
        "FastAPI's list of 100",
        "us of CPU",
        _ask(ours, f"/gallery?event={filled.event_id}&tab=all", "cpu_us"),
        _ask(fastapi, f"/list/all?event={filled.event_id}", "cpu_us"),
        0.12,
        more_is_better=False,
    )


def _pictures(filled: World, ours: Peer, pictures: Peer) -> Iterator[Row]:
    for size, length in world.BYTES.items():
        path = f"/api/photo/{filled.photo_id}?size={size}"
        image = filled.images[size]
        field = "bytes_per_second" if size == "original" else "per_second"
        unit = "bytes/s" if size == "original" else "requests/s"
        yield Row(
            size,
            "bare chunk handler",
            unit,
            _ask(ours, path, field),
            _ask(pictures, f"/chunks/{image}?bytes={length}", field),
            1.0,
        )
        if size == "original":
            yield Row(
                size,
                "one bytea",
                unit,
                _ask(ours, path, field),
                _ask(pictures, f"/whole/{image}", field),
                0.75,
            )
