"""An admin's settings at run time: the pause, the workers, the calls in flight.

They are in the database, so that they survive a restart and every process follows within seconds. A
pause stops only the jobs: a guest who joins is still judged within the request.
"""

import logging
from dataclasses import dataclass

from findme import db
from findme.db import Connection, Pool
from findme.rekognition import Rekognition
from findme.settings import Settings
from findme.workers import Workers

log = logging.getLogger(__name__)

#: Seconds between two reads: the time that other processes take to follow.
PERIOD = 2.0


@dataclass(frozen=True, slots=True)
class Control:
    """The row of the table `control`; numbers are per process, None: as its settings say."""

    paused: bool
    workers: int | None
    concurrency: int | None


async def get(conn: Connection, *, for_update: bool = False) -> Control:
    """Return the row; *for_update* locks it until the transaction ends."""
    if for_update:
        await conn.execute("select from control for update")
    row = await conn.fetchrow("select paused, workers, concurrency from control")
    assert row is not None
    return Control(**row)


async def put(conn: Connection, control: Control) -> None:
    """Store the row; the caller makes its own process follow at once (see `apply`)."""
    await conn.execute(
        "update control set paused = $1, workers = $2, concurrency = $3",
        control.paused,
        control.workers,
        control.concurrency,
    )


def apply(control: Control, settings: Settings, workers: Workers, faces: Rekognition) -> None:
    """Apply the row to this process."""
    workers.configure(
        paused=control.paused, workers=control.workers or settings.photo_queue_workers
    )
    limit = control.concurrency or settings.aws_concurrent_requests
    if limit != faces.slots.limit:
        log.info("[AWS] Limit of calls in flight: %d (before: %d)", limit, faces.slots.limit)
        faces.slots.resize(limit)


async def follow(pool: Pool, settings: Settings, workers: Workers, faces: Rekognition) -> None:
    """Read the row and apply it."""
    async with db.acquire(pool) as conn:
        control = await get(conn)
    apply(control, settings, workers, faces)
