"""The figures of the operator's dashboard, and the alerts that need a person.

They are computed once for all viewers, at most every PERIOD seconds. While nobody looks they are
computed once a minute, so that an alert knows since when it holds, and is in the log, too.
"""

import asyncio
import logging
import shutil
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

import psutil

from findme import db
from findme.cache import PHOTOS
from findme.db import Connection
from findme.faces import box_matching, reindex_state
from findme.operations import dashboard_queries, stats
from findme.operations.stats import Sources, Stats

log = logging.getLogger(__name__)

#: Seconds for which the figures are served again.
PERIOD = 2.0
#: Seconds between two collections while nobody asks; also the step of the small charts.
SAMPLE = 60.0
#: Points of a small chart: an hour.
POINTS = 60
#: Below either, uploads will soon be refused.
LEAST_DISK_BYTES = 2 * 1024**3
LEAST_DISK_SHARE = 0.05
#: How long callers may wait for a database connection before there is an alert.
MOST_WAITING = timedelta(seconds=20)
#: Failed jobs within ten minutes that single bad files do not explain.
MANY_FAILED = 10


#: In the order of urgency.
AlertKind: TypeAlias = Literal[
    "engine", "stuck", "budget", "disk", "database", "silent", "failing", "expiring"
]


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that lasts until a person acts."""

    kind: AlertKind
    since: datetime
    #: The photographer or the event that it is about.
    name: str | None = None
    event_id: int | None = None
    number: float | None = None


@dataclass(slots=True)
class Dashboard:
    """Collects the figures of the dashboard, and keeps those of the last hour for its charts."""

    sources: Sources
    data_dir: Path
    calls: deque[int] = field(default_factory=lambda: deque(maxlen=POINTS))
    hit_rates: deque[float] = field(default_factory=lambda: deque(maxlen=POINTS))
    _document: dict[str, Any] | None = None
    _looked: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _since: dict[str, datetime] = field(default_factory=dict)
    _seen_calls: int = 0
    _seen_cache: tuple[int, int] = (0, 0)

    async def look(self) -> dict[str, Any]:
        """Return all figures: plain values, times as datetimes, durations in seconds."""
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if self._document is None or clock() - self._looked >= PERIOD:
                self._document = await self._collect()
                self._looked = clock()
            return self._document

    def forget(self) -> None:
        """Collect everything anew for the next viewer."""
        self._document = None

    async def sample(self) -> None:
        """Add a point to the charts, and log the alerts, also if nobody looks at them."""
        self._sample()
        document = await self.look()
        for alert in document["alerts"]:
            log.warning("[Dashboard] %s %s since %s", alert.kind, alert.name or "", alert.since)

    def _sample(self) -> None:
        """Add the last minute to the small charts."""
        calls = sum(self.sources.faces.meter.calls.values())
        self.calls.append(calls - self._seen_calls)
        self._seen_calls = calls
        counter = self.sources.cache.hits[PHOTOS]
        hits, asked = counter.hits - self._seen_cache[0], counter.hits + counter.misses
        asked -= sum(self._seen_cache)
        self.hit_rates.append(100 * hits / asked if asked else 0.0)
        self._seen_cache = (counter.hits, counter.misses)

    async def _collect(self) -> dict[str, Any]:
        pool = self.sources.pool
        figures = await stats.collect(self.sources)
        disk = await asyncio.to_thread(_disk, self.data_dir)
        async with db.acquire(pool) as conn:
            hour = await dashboard_queries.last_hour(conn)
            photographers = await dashboard_queries.photographers(conn)
            comparing = await box_matching.list_progress(conn)
            reindex = await _reindex(conn, follows=not self.sources.faces.is_aws)
            work = await dashboard_queries.work(conn)
            expiring = await dashboard_queries.expiring(conn)
            waiting = await dashboard_queries.waiting(conn)
        per_minute = figures.queue.per_minute
        size = figures.queue.current_queue_size
        document = {
            "at": datetime.now(UTC),
            "stats": figures,
            "gallery": hour,
            "empty_in_s": 60 * size / per_minute if size and per_minute else None,
            "work": work,
            "waiting": waiting,
            "photographers": photographers,
            "reindex": reindex,
            "comparing": [asdict(event) for event in comparing],
            "calls": list(self.calls),
            "hit_rates": list(self.hit_rates),
            "machine": {
                "memory_share": self.sources.process.memory_info().rss
                / psutil.virtual_memory().total,
                "pool_max": pool.get_max_size(),
                **disk,
            },
        }
        document["alerts"] = self._alerts(figures, work, photographers, expiring, disk)
        return document

    def _alerts(
        self,
        figures: Stats,
        work: Mapping[str, Any],
        photographers: list[dict[str, Any]],
        expiring: list[dict[str, Any]],
        disk: Mapping[str, float],
    ) -> list[Alert]:
        now = datetime.now(UTC)
        queue, rekognition = figures.queue, figures.rekognition
        free = disk["disk_free_bytes"]
        low = free < LEAST_DISK_BYTES or free < LEAST_DISK_SHARE * disk["disk_total_bytes"]
        spent = bool(rekognition.paused)
        idle = queue.engine_answers and not queue.paused and not spent
        holds: dict[AlertKind, bool] = {
            "engine": not queue.engine_answers,
            "stuck": bool(idle and work["stuck"]),
            "budget": spent,
            "disk": low,
            "database": figures.database.waiting > 0,
            "failing": work["failed_lately"] >= MANY_FAILED,
        }
        for kind, true in holds.items():
            if not true:
                self._since.pop(kind, None)
            else:
                self._since.setdefault(kind, now)
        if "database" in self._since and now - self._since["database"] < MOST_WAITING:
            holds["database"] = False
        numbers: dict[AlertKind, float] = {
            "disk": free,
            "failing": work["failed_lately"],
            "stuck": queue.oldest_waiting_s,
        }
        found = [
            Alert(kind, self._since[kind], number=numbers.get(kind))
            for kind, true in holds.items()
            if true and kind != "failing"
        ]
        found += [
            Alert("silent", one["reported_at"], one["name"], one["event_id"], one["backlog"])
            for one in photographers
            if one["silent"]
        ]
        if holds["failing"]:
            found.append(Alert("failing", self._since["failing"], number=numbers["failing"]))
        found += [
            Alert("expiring", one["expires_at"], one["name"], one["id"], one["photos"])
            for one in expiring
        ]
        return found


async def _reindex(conn: Connection, *, follows: bool) -> dict[str, Any]:
    """Return the events that are being re-indexed, and the number of those that follow."""
    events = await reindex_state.list_progress(conn)
    waiting = await reindex_state.count_waiting(conn) if follows and events else 0
    return {"events": [asdict(event) for event in events], "waiting": waiting}


def _disk(folder: Path) -> dict[str, float]:
    usage = shutil.disk_usage(folder)
    return {
        "disk_free_bytes": usage.free,
        "disk_total_bytes": usage.total,
        "disk_share": usage.used / usage.total,
    }
