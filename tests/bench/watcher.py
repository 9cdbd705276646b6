"""The watcher: an evening on which everything breaks, a second pass, its rate beside curl's."""

import asyncio
import hashlib
import json
import signal
import tempfile
import time
from pathlib import Path

import asyncpg

from tests.bench.upload import picture, variant
from tests.support.pictures import drawn
from tests.support.service import Service, running_service
from tests.support.watcher_chaos import Plan, run_plan
from tests.support.watching import Desk, Watch, age, desk_of, line_to

Rows = list[tuple[str, str]]

CHAOS = Plan(
    files=300, size=1_500_000, watcher_kills=20, server_kills=5, cuts=5, limit_kbps=100_000
)
KNOWN = 5000
PHOTOS = 100
AT_A_TIME = 4
ROUNDS = 2


async def measure() -> Rows:
    """Return the figures."""
    rows: Rows = []
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        rows += await _chaos(folder / "chaos")
        with running_service(folder / "data", settings={"PHOTO_QUEUE_WORKERS": "1"}) as service:
            rows += await _second_pass(service, folder)
            rows += await _rate(service, folder)
    return rows


async def _chaos(home: Path) -> Rows:
    home.mkdir()
    begun = time.perf_counter()
    outcome = await run_plan(CHAOS, home)
    once = set(outcome.known) == outcome.good and len(outcome.good) == outcome.photos
    told = set(outcome.refused) == outcome.corrupt and not outcome.missing
    return [
        (f"chaos: {CHAOS.files} files", f"{time.perf_counter() - begun:.0f} s"),
        (
            "chaos: kills of the watcher, of the server, cuts",
            f"{CHAOS.watcher_kills}, {CHAOS.server_kills}, {CHAOS.cuts}",
        ),
        ("chaos: each good picture there exactly once", "yes" if once else "NO"),
        (
            f"chaos: the {len(outcome.corrupt)} corrupt files told of, nothing missing",
            "yes" if told else "NO",
        ),
        ("chaos: most often sent byte", f"{outcome.most_often} times"),
        (
            "chaos: bytes sent for those of the pictures",
            f"{outcome.body_bytes / outcome.good_bytes:.3f}",
        ),
    ]


async def _second_pass(service: Service, home: Path) -> Rows:
    folder = home / "Known"
    folder.mkdir()
    digests = []
    jpeg = drawn(1)
    for number in range(KNOWN):
        data = variant(jpeg, number)
        (folder / f"{number}.jpg").write_bytes(data)
        digests.append(hashlib.sha256(data).digest())
    rows: Rows = []
    port = int(service.url.rpartition(":")[2])
    async with desk_of(service) as desk, line_to(port) as line:
        conn = await asyncpg.connect(
            f"postgresql://postgres@/postgres?host={service.data_dir / 'postgres-18'}"
        )
        # as if they had been sent yesterday: indexing them is another bench
        await conn.execute(
            """
            insert into photo (event_id, digest, filename, width, height, state)
            select $1, digest, 'known.jpg', 640, 480, 'indexed'
              from unnest($2::bytea[]) as digest""",
            int(desk.event_id),
            digests,
        )
        await conn.close()
        watch = Watch(folder, line.url, desk.token, home / "known.sqlite3")
        for told in ("without the journal", "with the journal"):
            begun = time.perf_counter()
            code, events = await watch.once()
            took = time.perf_counter() - begun
            assert code == 0
            assert events[-1]["there"] == KNOWN
            rows.append(
                (
                    f"second pass over {KNOWN} known files, {told}",
                    f"{took:.1f} s, {line.body_bytes()} bytes of pictures",
                )
            )
    return rows


async def _rate(service: Service, home: Path) -> Rows:
    """Let curl and the watcher take turns, each with pictures that the event has not got."""
    folder = home / "Rate"
    folder.mkdir()
    jpeg = picture()
    for number in range(PHOTOS):
        path = folder / f"{number}.jpg"
        path.write_bytes(variant(jpeg, number))
        age(path, 60)
    curl: list[float] = []
    whole: list[float] = []
    for number in range(ROUNDS + 1):
        # no waiting for the queue in between: from the first, warming round on there is always
        # one worker busy with what came before
        async with desk_of(service) as desk:
            took = await _curl(desk, folder)
            curl += [took] if number else []
        async with desk_of(service) as desk:
            watch = Watch(folder, desk.url, desk.token, home / f"rate{number}.sqlite3")
            took = await _watched(watch)
            whole += [took] if number else []
    megabytes = PHOTOS * len(jpeg) / 1e6
    return [
        (
            f"{PHOTOS} x {len(jpeg) / 1e6:.1f} MB: curl, {AT_A_TIME} raw uploads at a time",
            " ".join(f"{megabytes / seconds:.0f}" for seconds in curl) + " MB/s",
        ),
        (
            f"{PHOTOS} x {len(jpeg) / 1e6:.1f} MB: findme watch --once, its start included",
            " ".join(f"{megabytes / seconds:.0f}" for seconds in whole) + " MB/s",
        ),
        ("rate of the watcher to that of curl", f"{sum(curl) / sum(whole):.2f}"),
    ]


async def _watched(watch: Watch) -> float:
    """Return the seconds from the start until the last picture is sent.

    What comes after, waiting until the server has looked at them, is no transfer: curl leaves it.
    """
    begun = time.perf_counter()
    process = watch.start("--once", "--parallel", str(AT_A_TIME))
    assert process.stdout is not None
    sent = 0
    while sent < PHOTOS:
        line = await asyncio.to_thread(process.stdout.readline)
        assert line, f"ended after {sent} photos"
        sent += json.loads(line)["event"] == "sent"
    took = time.perf_counter() - begun
    process.send_signal(signal.SIGINT)
    await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    return took


async def _curl(desk: Desk, folder: Path) -> float:
    """Return the seconds that curl takes."""
    words = ["curl", "--silent", "--show-error", "--fail", "--parallel"]
    words += ["--parallel-immediate", "--parallel-max", str(AT_A_TIME)]
    for number, path in enumerate(sorted(folder.iterdir())):
        words += ["--next"] if number else []
        words += ["--header", f"Authorization: Bearer {desk.token}", "--output", "/dev/null"]
        words += ["--header", "Content-Type: image/jpeg", "--data-binary", f"@{path}"]
        words += [f"{desk.url}/api/events/{desk.event_id}/photos?filename={path.name}"]
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*words)
    assert await process.wait() == 0
    took = time.perf_counter() - begun
    assert len(await desk.photos()) == PHOTOS
    return took
