"""Limits the rate of the engine's calls: a token bucket per operation.

AWS has a quota of calls a second by account, region and operation. A bucket starts at a share of
that quota, halves its rate when the engine throttles, and recovers by itself. Services that share
an account share its quota: if one of them uses it up, all are throttled and slow down.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

#: Regions with AWS's larger quotas (docs.aws.amazon.com/general/latest/gr/rekognition.html).
LARGE_REGIONS = frozenset({"us-east-1", "us-west-2", "eu-west-1"})
#: Default quotas in calls a second, in the large regions and in the others.
SEARCH_QUOTA = dict.fromkeys(
    (
        "IndexFaces",
        "SearchFaces",
        "SearchFacesByImage",
        "SearchUsers",
        "SearchUsersByImage",
        "ListFaces",
    ),
    (50.0, 5.0),
)
DATA_QUOTA = SEARCH_QUOTA | dict.fromkeys(("DetectFaces", "CompareFaces"), (100.0, 25.0))
#: The quota of all other operations, DeleteFaces included, in every region.
MANAGEMENT_QUOTA = 5.0
#: The share of the quota that we use; the rest is for other programs on the account.
SHARE = 0.8
#: The burst after a pause, in seconds of the rate: with SHARE, no second has more calls than the
#: quota.
BURST_SECONDS = 0.25
#: The lowest rate, in calls a second.
FLOOR = 0.5
#: Throttles within so many seconds halve the rate only once: ten calls in flight fail together.
SLOW_SECONDS = 1.0
#: Every so many seconds without a throttle, the rate grows by RECOVERY.
QUIET_SECONDS = 30.0
RECOVERY = 1.1
#: The domains of AWS's own endpoints.
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def is_aws(endpoint_url: str) -> bool:
    """Whether the endpoint is AWS's own, and not another server with the same protocol."""
    return (urlsplit(endpoint_url).hostname or "").endswith(AWS_DOMAINS)


def calls_per_second(operation: str, region: str, *, aws: bool, setting: float | None) -> float:
    """Return the limit of an operation in calls a second; infinity if there is none.

    *setting* (REKOGNITION_CALLS_PER_SECOND) replaces the default of the operations on pictures and
    faces; 0 removes the limit. An endpoint that is not AWS has no quota that we know of.
    """
    if operation in DATA_QUOTA and setting is not None:
        return setting or math.inf
    if not aws:
        return math.inf
    large, other = DATA_QUOTA.get(operation, (MANAGEMENT_QUOTA, MANAGEMENT_QUOTA))
    return SHARE * (large if region in LARGE_REGIONS else other)


class Bucket:
    """The token bucket of one operation, in calls a second."""

    def __init__(
        self,
        limit: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        #: Held by the call that gets the next token.
        self.turn = asyncio.Lock()
        self._limit = limit
        self._clock = clock
        self._sleep = sleep
        self._rate = limit
        self._next = -math.inf
        self._slowed_at = -math.inf
        self._quiet_since = clock()
        #: The times of the last second's calls: an unlimited rate is halved from their number.
        self._recent: deque[float] = deque()

    @property
    def rate(self) -> float:
        """The current rate in calls a second; infinity if it is unlimited."""
        if self._rate < self._limit:
            quiet = int((self._clock() - self._quiet_since) // QUIET_SECONDS)
            # the bound only keeps the power finite
            self._rate = min(self._limit, self._rate * RECOVERY ** min(quiet, 1000))
            self._quiet_since += quiet * QUIET_SECONDS
        return self._rate

    def slow(self) -> None:
        """Halve the rate: the engine has just throttled an attempt."""
        now, rate = self._clock(), self.rate
        self._quiet_since = now
        if now - self._slowed_at < SLOW_SECONDS:
            return
        self._slowed_at = now
        if math.isinf(rate):
            self._forget(now)
            rate = len(self._recent)
        self._rate = max(min(FLOOR, self._limit), rate / 2)
        self._next = max(self._next, now + 1 / self._rate)

    async def take(self) -> None:
        """Wait for a token; calls get theirs in the order in which they ask."""
        now, rate = self._clock(), self.rate
        start = now
        if not math.isinf(rate):
            burst = max(1.0, BURST_SECONDS * rate)
            start = max(self._next, now - (burst - 1) / rate)
            self._next = start + 1 / rate
        self._forget(now)
        self._recent.append(max(now, start))
        if start > now:
            await self._sleep(start - now)

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()


class Slots:
    """Limits the calls in flight; the limit can change while calls are in flight."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._room = asyncio.Event()

    @property
    def limit(self) -> int:
        """The most calls in flight; there may be more just after it was lowered."""
        return self._limit

    def resize(self, limit: int) -> None:
        """Change the limit: waiting calls use new slots at once, running calls are not stopped."""
        self._limit = limit
        self._room.set()

    async def acquire(self) -> None:
        """Wait for a slot."""
        while self._taken >= self._limit:
            self._room.clear()
            await self._room.wait()
        self._taken += 1

    def release(self) -> None:
        """Give a slot back."""
        self._taken -= 1
        self._room.set()


class Rates:
    """The buckets of one client."""

    def __init__(self, region: str, *, aws: bool, setting: float | None = None) -> None:
        self._region = region
        self._aws = aws
        self._setting = setting
        self._buckets: dict[str, Bucket] = {}

    def of(self, operation: str) -> Bucket:
        """Return the bucket of an operation."""
        bucket = self._buckets.get(operation)
        if bucket is None:
            limit = calls_per_second(operation, self._region, aws=self._aws, setting=self._setting)
            bucket = self._buckets[operation] = Bucket(limit)
        return bucket

    def now(self) -> dict[str, float | None]:
        """Return the current calls a second of each operation used so far; None: unlimited."""
        return {
            operation: None if math.isinf(bucket.rate) else round(bucket.rate, 2)
            for operation, bucket in self._buckets.items()
        }
