"""The heartbeat of a replica: shows that it lives, and takes over the jobs of those that died."""

import logging
from collections.abc import Callable

from findme import db
from findme.db import Pool
from findme.jobs import clock_jumps, worker_registry
from findme.jobs.engine_watch import EngineWatch
from findme.periodic import every

log = logging.getLogger(__name__)

#: Seconds between two heartbeats.
BEAT_SECONDS = 3.0


class Heartbeat:
    """Keeps the row of this replica fresh."""

    def __init__(
        self, pool: Pool, replica_id: int, engine: EngineWatch, wake: Callable[[], None]
    ) -> None:
        """*wake* is called when jobs were taken over."""
        self._pool = pool
        self._replica_id = replica_id
        self._engine = engine
        self._wake = wake

    async def run(self) -> None:
        """Beat every BEAT_SECONDS."""
        await every(BEAT_SECONDS, "Heartbeat", self.beat, first=BEAT_SECONDS)

    async def beat(self) -> None:
        """Write one heartbeat, and put the jobs of vanished replicas back."""
        async with db.transaction(self._pool) as conn:
            # before this one, which would hide that the last one lies in the future
            jump = await clock_jumps.follow(conn)
            # inserted again if others removed the row while this machine slept
            await worker_registry.write_heartbeat(
                conn, self._replica_id, engine_answers=self._engine.answers
            )
            taken = await worker_registry.take_over(conn)
        if jump:
            self._wake()
        if taken:
            log.warning("[PhotoQueue] %d jobs of a vanished service put back", taken)
            self._wake()
