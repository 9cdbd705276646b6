"""The job table as admins and photographers read it, and what becomes of old rows.

queue.py is what works on it. Totals outlive the rows: triggers count them (0006_operations.sql).
"""

from datetime import timedelta

from findme import db
from findme.db import Connection, Pool, Record
from findme.errors import NotFound
from findme.models import JobId, JobState

#: How long a job that is done is kept.
KEPT = timedelta(days=14)
#: Rows that one statement removes, so that none takes long.
BATCH = 5000
#: Seconds between two looks for old jobs.
PERIOD = 300.0
#: The steps of a job that are shown: the last ones.
MOST_STEPS = 200


async def find(conn: Connection, job_id: JobId) -> Record:
    """Return a job with its photo's name and upload token; NotFound if there is none."""
    row = await conn.fetchrow(
        """
        select job.id, job.kind, job.state, job.attempts - job.interruptions as attempts,
               photo.filename, job.photo_id, job.event_id, job.error, job.created_at,
               job.started_at, job.finished_at, photo.upload_token_id
          from job left join photo on photo.id = job.photo_id where job.id = $1""",
        job_id,
    )
    if row is None:
        raise NotFound
    return row


async def count_failed(conn: Connection, *, most: int) -> int:
    """Return how many jobs failed, *most* at most: the index job_state tells it."""
    number: int = await conn.fetchval(
        "select count(*) from (select from job where state = 'failed' limit $1) as failed", most
    )
    return number


async def list_all(
    conn: Connection, state: JobState | None, *, before: JobId | None, limit: int
) -> list[Record]:
    """Return jobs, newest first, of one state or all."""
    return await conn.fetch(
        """
        select job.id, job.kind, job.state, job.attempts - job.interruptions as attempts,
               photo.filename, job.photo_id, job.event_id, job.error, job.created_at,
               job.started_at, job.finished_at
          from job left join photo on photo.id = job.photo_id
         where ($1::text is null or job.state = $1) and ($2::bigint is null or job.id < $2)
         order by job.id desc limit $3""",
        state,
        before,
        limit,
    )


async def count(conn: Connection, state: JobState | None) -> int:
    """Return how many jobs there are, of one state or in all."""
    number: int = await conn.fetchval(
        "select count(*) from job where $1::text is null or state = $1", state
    )
    return number


async def history(conn: Connection, job_id: JobId) -> list[Record]:
    """Return a job's steps, the oldest first: `at`, `what` (the state it came to), `detail`."""
    rows = await conn.fetch(
        "select at, what, detail from job_step where job_id = $1 order by at desc limit $2",
        job_id,
        MOST_STEPS,
    )
    return rows[::-1]


async def prune(conn: Connection) -> int:
    """Remove a batch of jobs that have been done for long; return how many there were."""
    rows = await conn.fetch(
        """
        delete from job where id = any(array(
            select id from job where state = 'done' and finished_at < now() - $1::interval
             order by finished_at limit $2 for update skip locked))
        returning id""",
        KEPT,
        BATCH,
    )
    return len(rows)


async def fold_tally(conn: Connection) -> None:
    """Make one row of the connections' counts; what is being counted now is left to the next."""
    await conn.execute(
        """
        with gone as (
            delete from job_tally where backend in (
                select backend from job_tally where backend <> 0 for update skip locked)
            returning enqueued, done)
        insert into job_tally as tally (backend, enqueued, done)
        select 0, sum(enqueued), sum(done) from gone having count(*) > 0
        on conflict (backend) do update
           set enqueued = tally.enqueued + excluded.enqueued, done = tally.done + excluded.done"""
    )


async def prune_all(pool: Pool) -> None:
    """Remove all jobs that were done long ago, and fold the connections' counts."""
    async with db.acquire(pool) as conn:
        await fold_tally(conn)
        while await prune(conn) == BATCH:
            pass
