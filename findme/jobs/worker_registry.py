"""The processes that share a database's jobs: their heartbeats, and the jobs of those that died."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from findme import db, queue
from findme.db import Connection, Pool
from findme.queue import Attempt

#: Seconds without a heartbeat until a replica's jobs are taken from it.
DEAD_SECONDS = 20.0


@asynccontextmanager
async def register_replica(pool: Pool) -> AsyncIterator[int]:
    """Insert a row for this process into the table of replicas; delete it on the way out."""
    async with db.acquire(pool) as conn:
        replica_id: int = await conn.fetchval(
            "insert into replica (host, pid) values ($1, $2) returning id",
            socket.gethostname(),
            os.getpid(),
        )
    try:
        yield replica_id
    finally:
        # if the database does not answer, the others find out by themselves
        with suppress(*db.CONNECTION_ERRORS):
            async with db.acquire(pool) as conn:
                await conn.execute("delete from replica where id = $1", replica_id)


async def write_heartbeat(conn: Connection, replica_id: int, *, engine_answers: bool) -> None:
    """Record that this process lives, and whether the face engine answers it.

    The row is inserted again if others have deleted it, as after a long sleep of the machine.
    """
    await conn.execute(
        """
        insert into replica (id, host, pid, engine_answers) overriding system value
        values ($1, $2, $3, $4)
        on conflict (id) do update set seen_at = now(), engine_answers = excluded.engine_answers""",
        replica_id,
        socket.gethostname(),
        os.getpid(),
        engine_answers,
    )


async def take_over(conn: Connection, *, everyone: bool = False) -> int:
    """Queue the jobs of vanished replicas again, in the caller's transaction; return how many.

    A replica has vanished if it gave no heartbeat for DEAD_SECONDS. With *everyone* all running
    jobs are queued again: for the only service on an embedded database, which knows that it is.
    """
    abandoned = await conn.fetch(
        """
        select id from job
         where state = 'running'
           and ($1 or (replica_id is null and started_at < now() - make_interval(secs => $2))
                   or replica_id in (select id from replica
                                      where seen_at < now() - make_interval(secs => $2)))
         order by id for update skip locked""",
        everyone,
        DEAD_SECONDS,
    )
    await queue.requeue(conn, [row["id"] for row in abandoned], Attempt.INTERRUPTED)
    await conn.execute(
        "delete from replica where $1 or seen_at < now() - make_interval(secs => $2)",
        everyone,
        DEAD_SECONDS * 10,
    )
    return len(abandoned)
