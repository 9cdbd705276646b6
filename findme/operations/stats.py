"""The numbers of the operator's screen."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

import psutil
from msgspec import Meta, Struct

from findme import db
from findme.cache import PHOTOS, USERS, Cache
from findme.db import Pool
from findme.operations import open_files
from findme.rekognition import Rekognition
from findme.workers import Workers


@dataclass(slots=True)
class Sources:
    """The sources of the numbers."""

    pool: Pool
    cache: Cache
    faces: Rekognition
    queue: Workers
    watch: "LoopWatch"
    #: PHOTO_QUEUE_WORKERS; an admin's number replaces it.
    workers: int
    started: float = field(default_factory=time.monotonic)
    process: psutil.Process = field(default_factory=psutil.Process)
    clock: Callable[[], float] = time.monotonic


#: The numbers of events, guests, photos and faces, and seconds by share of photos.
Totals: TypeAlias = dict[str, dict[str, float]]


def _about(text: str) -> Meta:
    return Meta(description=text)


class QueueStats(Struct, frozen=True):
    """The durable queue, over all processes."""

    total_enqueued: Annotated[int, _about("Jobs of all kinds, ever.")]
    total_processed: int
    total_failed: int
    current_queue_size: Annotated[int, _about("Queued or running.")]
    workers_active: Annotated[int, _about("Jobs that run, on all replicas.")]
    workers: Annotated[int, _about("Jobs at a time, in each process.")]
    paused: Annotated[bool, _about("No job is started.")]
    oldest_waiting_s: Annotated[float, _about("Seconds.")]
    per_minute: Annotated[int, _about("Photos done in the last minute.")]
    waiting_for_engine: Annotated[int, _about("Jobs that found no face engine.")]
    engine_answers: bool


class CacheRegion(Struct, frozen=True):
    """One region of the cache, as this process used it."""

    size: Annotated[int, _about("Keys.")]
    hits: int
    misses: int
    hit_rate: Annotated[str, _about("As 82.14%.")]


class CacheStats(Struct, frozen=True):
    """The cache, by region."""

    user_photos_cache: CacheRegion
    user_cache: CacheRegion


class EngineStats(Struct, frozen=True):
    """The calls of the face engine that this process made."""

    in_flight: int
    limit: Annotated[int, _about("AWS_CONCURRENT_REQUESTS.")]
    calls: Annotated[dict[str, int], _about("By operation, since the start.")]
    throttled: Annotated[int, _about("Attempts; a call may have several.")]
    errors: int
    estimated_usd: Annotated[float, _about("What AWS would charge for these calls.")]
    rate: Annotated[dict[str, float | None], _about("Calls a second by operation; null: no limit.")]
    paused: Annotated[Literal["budget"] | None, _about("Why paid calls wait.")]
    paid: Annotated[bool, _about("Whether calls cost money, as those of AWS do.")]
    month_usd: Annotated[float, _about("What the calls of this month (UTC) have cost so far.")]
    budget_usd: Annotated[float | None, _about("REKOGNITION_MONTHLY_BUDGET_USD.")]


class PoolStats(Struct, frozen=True):
    """This process's connections to the database."""

    size: Annotated[int, _about("Connections of the pool.")]
    idle: int
    waiting: Annotated[int, _about("Callers that wait for one.")]


class ProcessStats(Struct, frozen=True):
    """This process, and how many work beside it."""

    rss_mb: Annotated[float, _about("Memory of the server process.")]
    uptime_s: float
    replicas: Annotated[int, _about("Services that work on this database.")]
    loop_blocked_ms: Annotated[float, _about("The longest stall of the last minute.")]
    open_files: Annotated[int, _about("Files and connections that are open.")]
    max_open_files: Annotated[int, _about("How many may be.")]


class Stats(Struct, frozen=True):
    """The service in numbers."""

    queue: QueueStats
    cache: CacheStats
    rekognition: EngineStats
    database: PoolStats
    process: ProcessStats


class LoopWatch:
    """Notices how long the event loop was blocked; each stall of a minute ages out."""

    PERIOD = 0.05
    KEPT_SECONDS = 60.0

    def __init__(self) -> None:
        self._stalls: deque[tuple[float, float]] = deque()

    async def run(self) -> None:
        """Measure how much later than requested each sleep ends."""
        while True:
            begun = time.monotonic()
            await asyncio.sleep(self.PERIOD)
            now = time.monotonic()
            # of equal or smaller stalls only the youngest can still be the longest
            while self._stalls and self._stalls[-1][1] <= now - begun - self.PERIOD:
                self._stalls.pop()
            self._stalls.append((now, now - begun - self.PERIOD))
            while self._stalls[0][0] < now - self.KEPT_SECONDS:
                self._stalls.popleft()

    @property
    def longest_ms(self) -> float:
        """The longest stall of the last minute, in milliseconds."""
        return round(1000 * self._stalls[0][1], 1) if self._stalls else 0.0


async def collect(sources: Sources) -> Stats:
    """Return the stats document of the contract."""
    # totals from the tally (see 0006_operations.sql), the rest from partial indexes: never a count
    # of all jobs there are
    async with db.acquire(sources.pool) as conn:
        row = await conn.fetchrow("""
            select total.enqueued, total.done, active.*, control.paused, control.workers,
                   (select count(*) from job where state = 'failed') as failed,
                   (select count(*) from job
                     where state = 'done' and kind = 'index_photo'
                       and finished_at > now() - interval '1 minute') as per_minute,
                   living.replicas, living.engine_answers
              from control,
                   (select count(*) as replicas,
                           coalesce(bool_and(engine_answers), true) as engine_answers
                      from replica where seen_at > now() - interval '20 seconds') as living,
                   (select coalesce(sum(enqueued), 0)::bigint as enqueued,
                           coalesce(sum(done), 0)::bigint as done from job_tally) as total,
                   (select count(*) as size,
                           count(*) filter (where state = 'queued' and parked) as parked,
                           count(*) filter (where state = 'running') as running,
                           coalesce(extract(epoch from now() - min(created_at)), 0)::float8
                               as oldest
                      from job where state in ('queued', 'running')) as active""")
    assert row is not None
    pool, faces = sources.pool, sources.faces
    idle, size = pool.get_idle_size(), pool.get_size()
    return Stats(
        QueueStats(
            total_enqueued=row["enqueued"],
            total_processed=row["done"],
            total_failed=row["failed"],
            current_queue_size=row["size"],
            workers_active=row["running"],
            workers=row["workers"] or sources.workers,
            paused=row["paused"],
            oldest_waiting_s=round(row["oldest"], 1),
            per_minute=row["per_minute"],
            waiting_for_engine=row["parked"],
            engine_answers=row["engine_answers"] and sources.queue.engine_answers,
        ),
        CacheStats(
            user_photos_cache=await _region(sources.cache, PHOTOS),
            user_cache=await _region(sources.cache, USERS),
        ),
        EngineStats(
            in_flight=faces.meter.in_flight,
            limit=faces.slots.limit,
            calls=dict(faces.meter.calls),
            throttled=faces.meter.throttled,
            errors=faces.meter.errors,
            estimated_usd=faces.meter.estimated_usd,
            rate=faces.rates.now(),
            paused=faces.meter.paused,
            paid=faces.meter.paid,
            month_usd=faces.meter.month_usd,
            budget_usd=faces.meter.budget_usd,
        ),
        PoolStats(size=size, idle=idle, waiting=db.count_waiting(pool)),
        ProcessStats(
            rss_mb=round(sources.process.memory_info().rss / 1024**2, 1),
            uptime_s=round(sources.clock() - sources.started, 1),
            replicas=row["replicas"],
            loop_blocked_ms=sources.watch.longest_ms,
            open_files=open_files.count(sources.process),
            max_open_files=open_files.limit(),
        ),
    )


async def _region(cache: Cache, name: str) -> CacheRegion:
    counter = cache.hits[name]
    return CacheRegion(await cache.size(name), counter.hits, counter.misses, counter.rate)


async def totals(pool: Pool) -> Totals:
    """Return the totals, and how long photos take into the gallery (seconds)."""
    async with db.acquire(pool) as conn:
        row = await conn.fetchrow("""
            select (select count(*) from event) as events, (select count(*) from guest) as guests,
                   count(*) as photos, coalesce(sum(faces), 0)::bigint as faces from photo""")
        # a camera's clock may be a little ahead of ours; one that is far off gives no duration
        recent = await conn.fetchrow("""
            select percentile_cont(array[0.5, 0.95]) within group (
                       order by greatest(0, extract(epoch from ready_at - taken_at))) as seconds
              from photo
             where ready_at > now() - interval '15 minutes'
               and taken_at between uploaded_at - interval '6 hours'
                                and uploaded_at + interval '1 minute'""")
    assert row is not None
    assert recent is not None
    shares = dict(zip(("0.5", "0.95"), recent["seconds"] or (), strict=False))
    return {"counts": dict(row), "shutter_to_gallery": shares}
