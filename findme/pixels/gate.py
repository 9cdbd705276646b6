"""A number of places that tasks take and give back, the most urgent first."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from itertools import count


class Urgency(IntEnum):
    """The order in which waiting tasks begin."""

    FIRST = 0
    NEXT = 1
    LAST = 2


class Gate:
    """Lets tasks in while there is room for them; a large one is not overtaken by small ones.

    It belongs to no event loop while nobody waits.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self._left = room
        self._serials = count()
        self._waiting: list[tuple[Urgency, int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def hold(self, wanted: int, urgency: Urgency = Urgency.LAST) -> AsyncIterator[None]:
        """Wait for so much room, at most all of it, and keep it during the block."""
        wanted = max(0, min(wanted, self.room))
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (urgency, next(self._serials), wanted, turn))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._left += wanted
            turn.cancel()
            self._let_in()
            raise
        try:
            yield
        finally:
            self._left += wanted
            self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            _, _, wanted, turn = self._waiting[0]
            if not turn.done() and wanted > self._left:
                return
            heapq.heappop(self._waiting)
            if not turn.done():
                self._left -= wanted
                turn.set_result(None)
