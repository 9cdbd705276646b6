"""When to try again: waits that grow, differ, and are shared where the trouble is everybody's."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from findme.watcher_server import Later, Unwelcome

T = TypeVar("T")

#: Seconds; the longest wait before another try.
MOST_WAIT = 30.0
FIRST_WAIT = 0.5
#: Tries of one file, and of a call, before a single pass gives up.
MOST_TRIES = 10


def jittered(tries: int) -> float:
    """Return the seconds before another try: growing, and never the same for everybody."""
    most: float = min(MOST_WAIT, FIRST_WAIT * 2.0 ** min(tries, 10))
    return random.uniform(0, most)  # noqa: S311  # no secret


class Pace:
    """Whether the server may be asked now; *once*, whether hours without it are an end."""

    def __init__(self, *, once: bool, on_trouble: Callable[[str], None]) -> None:
        self.once = once
        self._on_trouble = on_trouble
        self._failures = 0
        self._closed_until = 0.0

    @property
    def closed_s(self) -> float:
        """Seconds until the server may be asked again."""
        return max(0.0, self._closed_until - time.monotonic())

    def went_well(self) -> None:
        """Note that the server answers."""
        self._failures = 0

    def note(self, problem: Later) -> None:
        """Note a failure; what concerns the server makes everybody wait."""
        self._on_trouble(str(problem))
        wait = 0.0
        if problem.after is not None:
            # not at once, and not all at the same moment
            wait = max(FIRST_WAIT, problem.after) * random.uniform(1.0, 1.2)  # noqa: S311  # no secret
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
                tries += 1
                self.note(problem)
                if self.once and tries >= MOST_TRIES:
                    raise Unwelcome(f"Given up: {problem}.") from problem
                await asyncio.sleep(jittered(tries))
            else:
                self.went_well()
                return answer
