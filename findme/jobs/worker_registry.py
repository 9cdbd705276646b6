"""The processes that share a database's work: signs of life, and what the vanished leave."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from findme import db
from findme.db import Connection, Pool

#: Seconds without a heartbeat until a replica's jobs are taken from it.
DEAD_SECONDS = 20.0


@asynccontextmanager
async def register_replica(pool: Pool) -> AsyncIterator[int]:
    """Enter this process into the table of replicas; leave it on the way out."""
    replica_id: int = await pool.fetchval(
        "insert into replica (host, pid) values ($1, $2) returning id",
        socket.gethostname(),
        os.getpid(),
    )
    try:
        yield replica_id
    finally:
        # without a database the others find out by themselves
        with suppress(*db.TROUBLE):
            await pool.execute("delete from replica where id = $1", replica_id)


async def give_sign(conn: Connection, replica_id: int, *, engine_answers: bool) -> None:
    """Say that this process lives, and whether the face engine answers it.

    One that was taken for vanished enters itself again.
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
    """Put the jobs of vanished replicas back and return how many there were.

    A replica has vanished when it gave no sign of life for DEAD_SECONDS; with *everyone* all that
    run are put back (for the one service on an embedded database, which knows it is alone).
    """
    while True:
        try:
            async with conn.transaction():
                taken = await _put_back_abandoned(conn, everyone)
            break
        except asyncpg.UniqueViolationError:
            continue  # a sweep of an event was asked for at this moment
    await conn.execute(
        "delete from replica where $1 or seen_at < now() - make_interval(secs => $2)",
        everyone,
        DEAD_SECONDS * 10,
    )
    return taken


async def _put_back_abandoned(conn: Connection, everyone: bool) -> int:
    """Put abandoned jobs back; of an event's sweeps only one, since one may wait at a time."""
    rows = await conn.fetch(
        """
        with abandoned as (
            select id, kind = 'match_event' and (
                       row_number() over (partition by kind, event_id order by id) > 1
                       or exists (select from job as other
                                   where other.event_id = job.event_id
                                     and other.kind = 'match_event' and other.state = 'queued')
                   ) as superseded
              from job
             where state = 'running'
               and ($1 or (replica_id is null
                           and started_at < now() - make_interval(secs => $2)) or replica_id in (
                    select id from replica where seen_at < now() - make_interval(secs => $2))))
        update job set state = case when superseded then 'done' else 'queued' end,
               finished_at = case when superseded then now() end,
               interruptions = interruptions + 1, replica_id = null, run_at = now()
          from abandoned where job.id = abandoned.id and state = 'running'
        returning job.id""",
        everyone,
        DEAD_SECONDS,
    )
    return len(rows)
