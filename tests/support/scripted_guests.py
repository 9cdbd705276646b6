"""Jobs and matches of an application over the scripted engine: run what is due, wait, compare."""

import asyncio
from collections.abc import Awaitable, Callable

from findme import db, queue
from findme.db import Pool
from findme.models import JobKind
from tests.conftest import App
from tests.support.scripted_engine import Scripted


async def run_due(app: App) -> None:
    """Run what is due, one job after the other; sweeps wait for their time."""
    while True:
        async with db.acquire(app.resources.pool) as conn:
            jobs = await queue.claim(conn, app.queue.replica_id, 1)
        if not jobs:
            return
        await app.queue.run_job("PhotoWorker-0", jobs[0])


async def flush(app: App) -> None:
    """Make the waiting sweeps due, and run them."""
    await app.resources.pool.execute(
        "update job set run_at = now() where state = 'queued' and kind = $1", JobKind.MATCH_EVENT
    )
    await run_due(app)


async def until(happens: Callable[[], Awaitable[object]], *, seconds: float = 60) -> None:
    """Return as soon as *happens* is true; TimeoutError if that takes too long."""
    async with asyncio.timeout(seconds):
        while True:
            if await happens():
                return
            await asyncio.sleep(0.1)


async def until_idle(app: App, *, seconds: float = 60) -> None:
    """Return once no job waits or runs, with the queue at work."""

    async def idle() -> bool:
        return not await app.resources.pool.fetchval(
            "select exists (select from job where state in ('queued', 'running'))"
        )

    await until(idle, seconds=seconds)


async def matched(pool: Pool) -> set[tuple[int, str]]:
    """Return the (guest, vector of a photo's face) pairs that are stored as matches."""
    rows = await pool.fetch(
        """
        select distinct match.guest_id, face.engine_face_id
          from match join face on face.id = match.face_id"""
    )
    return {(row["guest_id"], row["engine_face_id"]) for row in rows}


def exhaustive(endpoint: Scripted) -> set[tuple[int, str]]:
    """Return the pairs that comparing every guest's selfie with every photo's face finds."""
    faces = endpoint.faces.values()
    return {
        (int(selfie.external_id.split(":")[1]), face.id)
        for selfie in faces
        if selfie.external_id.startswith("g:")
        for face in faces
        if face.external_id.startswith("p:") and face.person == selfie.person
    }
