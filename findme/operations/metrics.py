"""The service's metrics for Prometheus: counted in this process, or read at each scrape.

Requests and jobs are histograms of this process. Everything else is read when a scraper asks, from
the same figures as the operator's screen; those of the database are the same in every process.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from findme.cache import PHOTOS, USERS
from findme.models import Job
from findme.operations.stats import Stats, Totals

Family = TypeVar("Family", GaugeMetricFamily, CounterMetricFamily)

REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
JOB_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)
#: Other methods are invented by clients, and each would be a series.
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
MB = 1024**2


class Metrics:
    """The counters of this process, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "findme_http_request_duration_seconds",
            "Requests by the route's template; streams of events are left out.",
            ["method", "route", "status"],
            registry=self._registry,
            buckets=REQUEST_SECONDS,
        )
        #: The series of requests, found without the lock and the words of `labels`.
        self._answered: dict[tuple[str, str, int], Histogram] = {}
        self._jobs = Histogram(
            "findme_job_duration_seconds",
            "Jobs that a worker let go, by the state they came to.",
            ["kind", "state"],
            registry=self._registry,
            buckets=JOB_SECONDS,
        )

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        child = self._answered.get((method, route, status))
        if child is None:
            known = method if method in METHODS else "other"
            child = self._requests.labels(known, route, str(status))
            if known == method:  # others are invented by clients, without end
                self._answered[method, route, status] = child
        child.observe(seconds)

    def note_job(self, job: Job, state: str, seconds: float) -> None:
        """Count a job that a worker has finished."""
        self._jobs.labels(job.kind.value, state).observe(seconds)

    def render(self, now: Stats, totals: Totals) -> bytes:
        """Return the text that a scraper reads."""
        return generate_latest(_Scrape([*_families(now, totals), *self._registry.collect()]))


class _Scrape(Collector):
    """The families of one answer."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(now: Stats, totals: Totals) -> Iterator[Metric]:
    queue, engine, database, process = now.queue, now.rekognition, now.database, now.process
    running = queue.workers_active
    yield _gauge(
        "jobs",
        "Jobs that are not done, by state.",
        {
            "queued": queue.current_queue_size - running,
            "running": running,
            "failed": queue.total_failed,
        },
        "state",
    )
    yield _counter("jobs_enqueued", "Jobs ever enqueued.", queue.total_enqueued)
    yield _counter("jobs_done", "Jobs ever done.", queue.total_processed)
    yield _gauge("jobs_parked", "Jobs that wait for the engine.", queue.waiting_for_engine)
    yield _gauge("job_oldest_seconds", "Age of the oldest job.", queue.oldest_waiting_s)
    yield _gauge("queue_paused", "1 while an admin has it paused.", int(queue.paused))
    yield _gauge("queue_workers", "Jobs at a time, in each process.", queue.workers)
    yield _gauge("engine_up", "1 while the engine answers.", int(queue.engine_answers))

    yield _counter("rekognition_calls", "Calls sent.", engine.calls, "operation")
    yield _gauge("rekognition_in_flight", "Calls without an answer yet.", engine.in_flight)
    yield _gauge("rekognition_limit", "The most calls in flight.", engine.limit)
    yield _counter("rekognition_throttled", "Attempts throttled.", engine.throttled)
    yield _counter("rekognition_errors", "Calls that failed.", engine.errors)
    yield _counter("rekognition_cost_usd", "Cost since the start.", engine.estimated_usd)
    yield _gauge("rekognition_month_usd", "Cost of the month, all services.", engine.month_usd)

    busy = database.size - database.idle
    yield _gauge(
        "database_connections",
        "Connections of the pool.",
        {"idle": database.idle, "busy": busy},
        "state",
    )
    yield _gauge("database_waiting", "Callers waiting for a connection.", database.waiting)
    asked = CounterMetricFamily(
        "findme_cache_requests", "Look-ups, by region.", labels=["region", "result"]
    )
    for region, cache in (
        (PHOTOS, now.cache.user_photos_cache),
        (USERS, now.cache.user_cache),
    ):
        asked.add_metric([region, "hit"], cache.hits)
        asked.add_metric([region, "miss"], cache.misses)
    yield asked

    yield _gauge("process_resident_bytes", "Memory.", round(process.rss_mb * MB))
    yield _gauge("process_uptime_seconds", "Since the start.", process.uptime_s)
    yield _gauge(
        "loop_blocked_seconds",
        "The event loop's longest stall of the last minute.",
        process.loop_blocked_ms / 1000,
    )
    yield _gauge("replicas", "Processes at work.", process.replicas)

    for name, count in totals["counts"].items():
        yield _gauge(name, f"All {name} there are.", count)
    yield _gauge(
        "shutter_to_gallery_seconds",
        "From the camera's time to the gallery, photos of the last 15 minutes.",
        totals["shutter_to_gallery"],
        "quantile",
    )


def _gauge(
    name: str, about: str, value: float | Mapping[str, float], label: str = ""
) -> GaugeMetricFamily:
    return _filled(
        GaugeMetricFamily(f"findme_{name}", about, labels=[label] if label else None), value
    )


def _counter(
    name: str, about: str, value: float | Mapping[str, float], label: str = ""
) -> CounterMetricFamily:
    return _filled(
        CounterMetricFamily(f"findme_{name}", about, labels=[label] if label else None), value
    )


def _filled(family: Family, value: float | Mapping[str, float]) -> Family:
    values = value if isinstance(value, Mapping) else {None: value}
    for word, number in values.items():
        family.add_metric([] if word is None else [word], number)
    return family
