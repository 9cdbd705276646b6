"""What an admin sets while the services run: the pause, the workers, the calls in flight.

It stands in the database, so that a restart keeps it and every process follows within seconds. A
pause stops the jobs alone: a guest who joins is judged within the request, as ever.
"""

import logging
from dataclasses import dataclass

from findme import db
from findme.db import Connection, Pool
from findme.rekognition import Rekognition
from findme.settings import Settings
from findme.workers import Workers

log = logging.getLogger(__name__)

#: Seconds between two looks: how long other processes take to follow.
PERIOD = 2.0


@dataclass(frozen=True, slots=True)
class Control:
    """The row of the table `control`; numbers are each process's, None: as its settings say."""

    paused: bool
    workers: int | None
    concurrency: int | None


async def get(conn: Connection, *, for_update: bool = False) -> Control:
    """Return what is set; *for_update* keeps other admins waiting until the transaction ends."""
    if for_update:
        await conn.execute("select from control for update")
    row = await conn.fetchrow("select paused, workers, concurrency from control")
    assert row is not None
    return Control(**row)


async def put(conn: Connection, control: Control) -> None:
    """Set it; the caller lets the own process follow at once (see `apply`)."""
    await conn.execute(
        "update control set paused = $1, workers = $2, concurrency = $3",
        control.paused,
        control.workers,
        control.concurrency,
    )


def apply(control: Control, settings: Settings, workers: Workers, faces: Rekognition) -> None:
    """Have this process follow."""
    workers.configure(
        paused=control.paused, workers=control.workers or settings.photo_queue_workers
    )
    limit = control.concurrency or settings.aws_concurrent_requests
    if limit != faces.slots.limit:
        log.info("[AWS] %d calls in flight instead of %d", limit, faces.slots.limit)
        faces.slots.resize(limit)


async def follow(pool: Pool, settings: Settings, workers: Workers, faces: Rekognition) -> None:
    """Read what is set, and follow."""
    async with db.acquire(pool) as conn:
        control = await get(conn)
    apply(control, settings, workers, faces)
