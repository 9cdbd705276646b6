"""Whether the face engine answers: parked jobs wait for it, the other jobs go on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from findme.errors import EngineError

log = logging.getLogger(__name__)

#: Seconds between questions to an engine that does not answer.
PARK_SECONDS = 2.0
#: Seconds that the engine has for an answer when the service stops: a job that waits for an engine
#: that hangs never ends.
SILENCE_SECONDS = 10.0


class EngineWatch:
    """Learns of outages from failed calls, and asks the engine until it answers again."""

    def __init__(self, ping: Callable[[], Awaitable[None]], wake: Callable[[], None]) -> None:
        """*ping* raises EngineError without an answer; *wake* is called after an outage."""
        self._ping = ping
        self._wake = wake
        self._outage = asyncio.Event()

    @property
    def answers(self) -> bool:
        """False during an outage."""
        return not self._outage.is_set()

    def note_outage(self) -> None:
        """Hold parked jobs back until the engine answers again."""
        if self.answers:
            log.warning("[PhotoQueue] The face engine does not answer: its work waits")
        self._outage.set()

    def note_answer(self) -> None:
        """Let the parked jobs go on: the engine answers again."""
        self._outage.clear()
        log.info("[PhotoQueue] The face engine answers: its work goes on")
        self._wake()

    async def run(self) -> None:
        """During an outage, ask the engine every PARK_SECONDS; then let the parked jobs go on."""
        while True:
            await self._outage.wait()
            await asyncio.sleep(PARK_SECONDS)
            try:
                await self._ping()
            except EngineError as problem:
                log.info("[PhotoQueue] The face engine does not answer yet: %s", problem)
                continue
            self.note_answer()

    async def is_silent(self) -> bool:
        """Whether the engine does not answer a ping within SILENCE_SECONDS."""
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await self._ping()
        except TimeoutError:
            log.warning(
                "[PhotoQueue] The face engine does not answer: the stop does not wait for jobs"
            )
            return True
        except EngineError as problem:
            log.info("[PhotoQueue] Stopping without the face engine: %s", problem)
        return False
