"""When to try again: waits that grow, differ, and are shared where the trouble is everybody's."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from findme.watcher.api_client import Later, Unwelcome
from findme.watcher.reporter import Tally, Teller

T = TypeVar("T")

#: Seconds; the longest wait before another try.
MOST_WAIT = 30.0
FIRST_WAIT = 0.5
#: Seconds; a server, or what stands before it, that asks for more is asked again all the same.
MOST_ASKED = 3600.0
#: Seconds between two tellings of the same trouble.
QUIET = 60.0
#: Tries of one file, and of a call, before a single pass gives up.
MOST_TRIES = 10


def jittered(tries: int) -> float:
    """Return the seconds before another try: growing, and never the same for everybody."""
    most: float = min(MOST_WAIT, FIRST_WAIT * 2.0 ** min(tries, 10))
    return random.uniform(0, most)  # noqa: S311  # no secret


class Trouble:
    """What goes wrong with the server, told once for all the attempts that meet it."""

    def __init__(self, tally: Tally, teller: Teller) -> None:
        self._tally, self._teller = tally, teller
        self._told: str | None = None
        self._told_at = 0.0
        #: Whether the server has answered since.
        self.is_over = False

    def note(self, why: str, now: float) -> None:
        """Count a failed attempt; tell of it where that is news. *now* is monotonic."""
        self._tally.errors += 1
        self._tally.last_error = why
        # a server that is busy again and again need not be told of each time
        if why != self._told or (self.is_over and now - self._told_at > QUIET):
            self._teller.tell("later", None, why)
            self._told, self._told_at = why, now
        self.is_over = False


class Pace:
    """Whether the server may be asked now; *once*, whether hours without it are an end."""

    def __init__(self, *, once: bool, trouble: Trouble) -> None:
        self.once = once
        self._trouble = trouble
        self._failures = 0
        self._closed_until = 0.0

    @property
    def closed_s(self) -> float:
        """Seconds until the server may be asked again."""
        return max(0.0, self._closed_until - time.monotonic())

    def went_well(self) -> None:
        """Note that the server answers."""
        self._failures = 0
        self._trouble.is_over = True

    def note(self, problem: Later) -> None:
        """Note a failure; what concerns the server makes everybody wait."""
        self._trouble.note(str(problem), time.monotonic())
        wait = 0.0
        if problem.after is not None:
            # not at once, and not all at the same moment
            wait = max(FIRST_WAIT, min(MOST_ASKED, problem.after)) * random.uniform(1.0, 1.2)  # noqa: S311  # no secret
        elif problem.offline:
            # of several that are under way, all notice at once: that is one failure
            if not self.closed_s:
                self._failures += 1
            wait = jittered(self._failures)
        self._closed_until = max(self._closed_until, time.monotonic() + wait)

    async def keep_trying(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what a call answers, however long that takes; a single pass gives up at last."""
        tries = 0
        while True:
            await asyncio.sleep(self.closed_s)
            try:
                answer = await call()
            except Later as problem:
                # a server that is busy says so, and for how long: nothing has failed
                tries += problem.after is None
                self.note(problem)
                if self.once and tries >= MOST_TRIES:
                    raise Unwelcome(f"Given up: {problem}.") from problem
                await asyncio.sleep(jittered(tries))
            else:
                self.went_well()
                return answer
