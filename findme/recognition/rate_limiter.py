"""How often the engine may be asked: a token bucket for each operation.

AWS counts calls a second by account, region and operation. A bucket starts at a share of that
quota, halves when the engine asks to slow down, and recovers by itself. Services that share an
account share its quota too: what one takes throttles the others, and so all of them slow down.
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
#: Everything else, DeleteFaces included, everywhere.
MANAGEMENT_QUOTA = 5.0
#: How much of the quota is used: the rest is for whoever else works with the account.
SHARE = 0.8
#: What may go at once after a pause, in seconds of the rate: with SHARE, a second never has more
#: calls than the quota.
BURST_SECONDS = 0.25
#: Calls a second below which throttling slows nothing further.
FLOOR = 0.5
#: Throttles of so many seconds are one reason to slow down: ten calls in flight fail together.
SLOW_SECONDS = 1.0
#: After so many seconds without a throttle the rate grows by RECOVERY, again and again.
QUIET_SECONDS = 30.0
RECOVERY = 1.1
#: What answers under these names is AWS itself.
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def is_aws(endpoint_url: str) -> bool:
    """Whether the endpoint is AWS's own, and not one that speaks its protocol."""
    return (urlsplit(endpoint_url).hostname or "").endswith(AWS_DOMAINS)


def calls_per_second(operation: str, region: str, *, aws: bool, setting: float | None) -> float:
    """Return the most calls a second of an operation; infinity where nothing limits it.

    *setting* (REKOGNITION_CALLS_PER_SECOND) replaces the default of the operations on pictures and
    faces, 0 lifts it. An endpoint that is not AWS has no quota that we know of.
    """
    if operation in DATA_QUOTA and setting is not None:
        return setting or math.inf
    if not aws:
        return math.inf
    large, other = DATA_QUOTA.get(operation, (MANAGEMENT_QUOTA, MANAGEMENT_QUOTA))
    return SHARE * (large if region in LARGE_REGIONS else other)


class Bucket:
    """The pace of one operation, in calls a second."""

    def __init__(
        self,
        limit: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        #: Held by the one call of the operation that is next.
        self.turn = asyncio.Lock()
        self._limit = limit
        self._clock = clock
        self._sleep = sleep
        self._rate = limit
        self._next = -math.inf
        self._slowed_at = -math.inf
        self._quiet_since = clock()
        #: When the calls of the last second went: what an unlimited pace is halved from.
        self._recent: deque[float] = deque()

    @property
    def rate(self) -> float:
        """Calls a second now; infinity where nothing limits them."""
        if self._rate < self._limit:
            quiet = int((self._clock() - self._quiet_since) // QUIET_SECONDS)
            # the bound only keeps the power finite
            self._rate = min(self._limit, self._rate * RECOVERY ** min(quiet, 1000))
            self._quiet_since += quiet * QUIET_SECONDS
        return self._rate

    def slow(self) -> None:
        """Halve the pace: the engine has just throttled a call, or an attempt of one."""
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
        """Wait for a token; calls of the operation get theirs in the order in which they ask."""
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
    """How many calls may be in flight; a bound that may be moved while they are."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._room = asyncio.Event()

    @property
    def limit(self) -> int:
        """The most calls in flight; more are under way only just after it was lowered."""
        return self._limit

    def resize(self, limit: int) -> None:
        """Move the bound: whoever waits finds the new room, calls that are under way end."""
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
        """Return the operation's bucket."""
        bucket = self._buckets.get(operation)
        if bucket is None:
            limit = calls_per_second(operation, self._region, aws=self._aws, setting=self._setting)
            bucket = self._buckets[operation] = Bucket(limit)
        return bucket

    def now(self) -> dict[str, float | None]:
        """Return the calls a second of each operation used so far; None: unlimited."""
        return {
            operation: None if math.isinf(bucket.rate) else round(bucket.rate, 2)
            for operation, bucket in self._buckets.items()
        }
