"""What the server finds out later: a picture that is whole by its end, and damaged in its middle.

A file that it has received is asked for again until it has looked at the picture's pixels.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from findme.watcher.api_client import Known
from findme.watcher.reporter import Tally, Teller

#: Hashes of one question: few enough for a slow line, asked again every few seconds.
BATCH = 200
#: Questions in a row that settle nothing, after which a single pass waits no longer.
MOST_FRUITLESS = 60


class Checks:
    """The files that the server has received and not looked at, as far as is known here."""

    def __init__(self, tally: Tally, teller: Teller) -> None:
        self._tally, self._teller = tally, teller
        #: name -> hash; the next to be asked for first
        self._waiting: dict[str, str] = {}
        self._fruitless = 0

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to wait for, or no use in it: the queue is paused or long."""
        return not self._waiting or self._fruitless >= MOST_FRUITLESS

    def add(self, name: str, sha256: str) -> None:
        """Take up a file that was received."""
        self._fruitless = 0
        self._waiting[name] = sha256
        self._count()

    def forget(self, name: str) -> None:
        """Let go of a file that is not what was received any more."""
        self._waiting.pop(name, None)
        self._tally.damaged.pop(name, None)
        self._count()

    async def look(self, ask: Callable[[Sequence[str]], Awaitable[Known]]) -> bool:
        """Ask for some files; return whether anything is known that was not before."""
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
                # behind the others: they get their turn, too
                self._waiting[name] = sha256
                continue
            settled = True
            if sha256 in known.failed:
                self._tally.damaged[name] = known.failed[sha256]
                self._teller.tell("damaged", name, known.failed[sha256])
        self._fruitless = 0 if settled else self._fruitless + 1
        self._count()
        return settled

    def _count(self) -> None:
        self._tally.unchecked = len(self._waiting)
