"""Finds pictures that arrived whole but cannot be decoded.

Damage in the middle of a file shows only when the server decodes it, so received files are asked
about until then.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from findme.watcher.api_client import Known
from findme.watcher.reporter import Reporter, RunTally

#: Hashes per request: few enough for a slow line every few seconds.
BATCH = 200
#: Requests in a row without news after which a single pass stops waiting.
MOST_FRUITLESS = 60


class Checks:
    """The files that the server has received and, as far as known here, not decoded."""

    def __init__(self, tally: RunTally, reporter: Reporter) -> None:
        self._tally, self._reporter = tally, reporter
        #: name -> hash, in the order in which they are asked about
        self._waiting: dict[str, str] = {}
        self._fruitless = 0

    @property
    def is_done(self) -> bool:
        """Whether no file waits, or waiting is useless: the queue is paused or long."""
        return not self._waiting or self._fruitless >= MOST_FRUITLESS

    def add(self, name: str, sha256: str) -> None:
        """Add a file that the server received."""
        self._fruitless = 0
        self._waiting[name] = sha256
        self._count()

    def forget(self, name: str) -> None:
        """Remove a file that has changed since the server received it."""
        self._waiting.pop(name, None)
        self._tally.damaged.pop(name, None)
        self._count()

    async def look(self, ask: Callable[[Sequence[str]], Awaitable[Known]]) -> bool:
        """Ask about some files; return whether the answer brought news."""
        batch = dict(islice(self._waiting.items(), BATCH))
        if not batch:
            return False
        known = await ask(sorted(set(batch.values())))
        settled = False
        for name, sha256 in batch.items():
            if self._waiting.get(name) != sha256:
                continue
            del self._waiting[name]
            if sha256 in known.pending:
                # to the end of the line
                self._waiting[name] = sha256
                continue
            settled = True
            if sha256 in known.failed:
                self._tally.damaged[name] = known.failed[sha256]
                self._reporter.report("damaged", name, known.failed[sha256])
        self._fruitless = 0 if settled else self._fruitless + 1
        self._count()
        return settled

    def _count(self) -> None:
        self._tally.unchecked = len(self._waiting)
