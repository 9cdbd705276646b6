"""Work that repeats as long as the service runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from findme import db

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[object]]

ROLES = ("all", "web", "worker")


@dataclass(frozen=True, slots=True)
class Periodic:
    """One kind of such work, and which roles of `findme serve` do it."""

    name: str
    #: Seconds from the end of one run to the begin of the next.
    seconds: float
    work: Work
    roles: tuple[str, ...] = ROLES
    #: Seconds until the first run; 0: at once.
    first: float = 0.0
    #: Run once more when the service stops.
    at_stop: bool = False

    async def run(self) -> None:
        """Do the work until this is cancelled (see `every`)."""
        await every(self.seconds, self.name, self.work, first=self.first, at_stop=self.at_stop)


async def every(
    seconds: float, name: str, work: Work, *, first: float = 0.0, at_stop: bool = False
) -> None:
    """Do *work*, then sleep for *seconds*, and so on until this is cancelled.

    A database that is away and a disk that is full are logged, and the next run tries again. Any
    other error is raised: it ends the service, which says why.
    """
    try:
        await asyncio.sleep(first)
        while True:
            await _attempt(name, work)
            await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if at_stop:
            await _attempt(name, work)
        raise


async def _attempt(name: str, work: Work) -> None:
    try:
        await work()
    except db.CONNECTION_ERRORS as error:
        log.warning("[%s] The next run tries again: %s", name, error)
