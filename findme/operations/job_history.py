"""The job table for admins and photographers, and the deletion of old rows.

Jobs are claimed and finished in queue.py. Totals outlive the rows: triggers count them
(0006_operations.sql).
"""

from datetime import timedelta

from findme import db
from findme.db import Connection, Pool, Record
from findme.errors import NotFound
from findme.models import JobId, JobState

#: The time that a finished job is kept.
KEPT = timedelta(days=14)
#: Rows that one statement deletes, so that none takes long.
BATCH = 5000
#: Seconds between two deletions of old jobs.
PERIOD = 300.0
#: The most steps of a job that are shown: the last ones.
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
    """Return the number of failed jobs, *most* at most, from the index job_state."""
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
    """Return the number of jobs, of one state or in all."""
    number: int = await conn.fetchval(
        "select count(*) from job where $1::text is null or state = $1", state
    )
    return number


async def history(conn: Connection, job_id: JobId) -> list[Record]:
    """Return a job's steps, the oldest first: `at`, `what` (the new state), `detail`."""
    rows = await conn.fetch(
        "select at, what, detail from job_step where job_id = $1 order by at desc limit $2",
        job_id,
        MOST_STEPS,
    )
    return rows[::-1]


async def prune(conn: Connection) -> int:
    """Delete a batch of old finished jobs; return their number."""
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
    """Merge the connections' counts into one row; rows that are locked are left to the next run."""
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
