"""The job table as admins and photographers read it; queue.py is what works on it."""

from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import JobId, JobState


async def find(conn: Connection, job_id: JobId) -> Record:
    """Return a job with its photo's name and upload token; NotFound where there is none."""
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
