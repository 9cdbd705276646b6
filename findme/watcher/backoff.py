"""When to retry: delays grow, have jitter, and are shared if the server is the problem."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from findme.watcher.api_client import RetryLater, TokenRejected
from findme.watcher.reporter import Reporter, RunTally

T = TypeVar("T")

#: Seconds: the longest delay before a retry.
MOST_WAIT = 30.0
FIRST_WAIT = 0.5
#: Seconds: a longer Retry-After is cut to this.
MOST_ASKED = 3600.0
#: Seconds between two reports of the same failure.
QUIET = 60.0
#: Attempts for one file, and for a call, before a single pass (`--once`) gives up.
MOST_TRIES = 10


def jittered(tries: int) -> float:
    """Return the seconds before a retry: exponential backoff with full jitter."""
    most: float = min(MOST_WAIT, FIRST_WAIT * 2.0 ** min(tries, 10))
    return random.uniform(0, most)  # noqa: S311  # no secret


class OutageLog:
    """Reports failures of the server: once for all attempts that meet the same one."""

    def __init__(self, tally: RunTally, reporter: Reporter) -> None:
        self._tally, self._reporter = tally, reporter
        self._reported: str | None = None
        self._reported_at = 0.0
        #: Whether the server has answered since.
        self.is_over = False

    def note(self, why: str, now: float) -> None:
        """Count a failed attempt, and report it if it is new. *now* is monotonic."""
        self._tally.errors += 1
        self._tally.last_error = why
        # a server that is busy again and again is not reported each time
        if why != self._reported or (self.is_over and now - self._reported_at > QUIET):
            self._reporter.report("later", None, why)
            self._reported, self._reported_at = why, now
        self.is_over = False


class Pace:
    """Says when the server may be called again; with *once*, long outages end the run."""

    def __init__(self, *, once: bool, outage_log: OutageLog) -> None:
        self.once = once
        self._outage_log = outage_log
        self._failures = 0
        self._closed_until = 0.0

    @property
    def closed_s(self) -> float:
        """Seconds until the server may be called again."""
        return max(0.0, self._closed_until - time.monotonic())

    def went_well(self) -> None:
        """Record that the server answered."""
        self._failures = 0
        self._outage_log.is_over = True

    def note(self, problem: RetryLater) -> None:
        """Record a failure; if the server is the problem, all calls wait."""
        self._outage_log.note(str(problem), time.monotonic())
        wait = 0.0
        if problem.after is not None:
            # with jitter, so that not all come back at the same moment
            wait = max(FIRST_WAIT, min(MOST_ASKED, problem.after)) * random.uniform(1.0, 1.2)  # noqa: S311  # no secret
        elif problem.offline:
            # calls in flight fail together: count them as one failure
            if not self.closed_s:
                self._failures += 1
            wait = jittered(self._failures)
        self._closed_until = max(self._closed_until, time.monotonic() + wait)

    async def keep_trying(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a call, retrying as long as it takes; a single pass gives up."""
        tries = 0
        while True:
            await asyncio.sleep(self.closed_s)
            try:
                answer = await call()
            except RetryLater as problem:
                # a busy server names a time to come back: that is no failed attempt
                tries += problem.after is None
                self.note(problem)
                if self.once and tries >= MOST_TRIES:
                    raise TokenRejected(f"Given up: {problem}.") from problem
                await asyncio.sleep(jittered(tries))
            else:
                self.went_well()
                return answer
