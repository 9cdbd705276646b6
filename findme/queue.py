"""The durable queue: the job table is the truth; jobs/worker.py hands its work out.

A job may run twice (a worker can vanish after the work and before the note of it), so handlers are
written such that twice equals once; and whoever finishes a job shows the lease it was claimed with.
"""

from collections.abc import Collection

import asyncpg
import orjson

from findme import db
from findme.db import Connection, Pool, Record
from findme.errors import FindMeError, NotFound
from findme.models import EventId, Job, JobId, JobKind, PhotoId, SelfieId

#: Waiting people go before waiting pictures; a sweep is claimed when its time has come.
PRIORITY = {
    JobKind.INDEX_SELFIE: 0,
    JobKind.MATCH_SELFIE: 0,
    JobKind.FORGET_FACES: 0,
    JobKind.DELETE_COLLECTION: 0,
    JobKind.MATCH_EVENT: 1,
    JobKind.REINDEX_EVENT: 1,
    JobKind.INDEX_PHOTO: 2,
    JobKind.GROUP_FACES: 3,
    JobKind.SEND_MAIL: 0,
    JobKind.SEND_PUSH: 1,
    JobKind.NOTIFY_GUEST: 1,
}


class LeaseLost(FindMeError):
    """The job was given to another worker meanwhile."""


class Interrupted(FindMeError):
    """The service was interrupted each time this job ran."""


async def enqueue(
    conn: Connection,
    kind: JobKind,
    *,
    label: str,
    event_id: EventId | None = None,
    photo_id: PhotoId | None = None,
    selfie_id: SelfieId | None = None,
    payload: object = None,
    delay: float = 0.0,
    parked: bool = False,
) -> JobId:
    """Add a job in the caller's transaction, due after *delay* seconds.

    A *parked* job waits for the face engine to answer.
    """
    return JobId(
        await conn.fetchval(
            """
            insert into job
                (kind, event_id, photo_id, selfie_id, payload, label, priority, run_at, parked)
            values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8), $9)
            returning id""",
            kind,
            event_id,
            photo_id,
            selfie_id,
            None if payload is None else orjson.dumps(payload).decode(),
            label,
            PRIORITY[kind],
            delay,
            parked,
        )
    )


async def enqueue_match(
    conn: Connection, event_id: EventId, *, idle: float, deadline: float
) -> None:
    """Ask for a sweep of the event: *idle* seconds after the last call, *deadline* after the first.

    There is one waiting sweep an event; asking again moves it, never past its deadline.
    """
    await conn.execute(
        """
        insert into job (kind, event_id, label, priority, run_at)
        values ('match_event', $1, 'match', $4, now() + make_interval(secs => $2))
        on conflict (event_id) where kind = 'match_event' and state = 'queued'
        do update set run_at = least(job.created_at + make_interval(secs => $3), excluded.run_at)
        """,
        event_id,
        idle,
        deadline,
        PRIORITY[JobKind.MATCH_EVENT],
    )


async def enqueue_reindex(conn: Connection, event_id: EventId) -> JobId:
    """Ask for a re-index of the event; one that waits or runs already will do."""
    await conn.execute(
        """
        insert into job (kind, event_id, label, priority)
        values ('reindex_event', $1, 're-index', $2)
        on conflict (event_id) where kind = 'reindex_event' and state in ('queued', 'running')
        do nothing""",
        event_id,
        PRIORITY[JobKind.REINDEX_EVENT],
    )
    return JobId(
        await conn.fetchval(
            "select max(id) from job where event_id = $1 and kind = 'reindex_event'", event_id
        )
    )


async def bring_forward(conn: Connection, event_id: EventId) -> None:
    """Make an event's jobs due that may have waited for its collection."""
    await conn.execute(
        """
        update job set run_at = now()
         where event_id = $1 and state = 'queued' and run_at > now()
           and kind in ('index_photo', 'index_selfie', 'match_selfie')""",
        event_id,
    )


async def waiting_photos(conn: Connection) -> int:
    """Return how many photos wait for a worker (what PHOTO_QUEUE_MAX_SIZE bounds)."""
    count: int = await conn.fetchval(
        "select count(*) from job where state = 'queued' and kind = 'index_photo'"
    )
    return count


async def claim(conn: Connection, replica_id: int, limit: int, *, parked: bool = True) -> list[Job]:
    """Take up to *limit* due jobs, parked ones too or not; two callers never get the same one."""
    rows = await conn.fetch(
        """
        with due as (select id from job where state = 'queued' and run_at <= now()
                       and ($3 or not parked)
                     order by priority, id limit $2 for update skip locked)
        update job set state = 'running', attempts = attempts + 1, lease = lease + 1,
                       parked = false, replica_id = $1, started_at = now()
          from due where job.id = due.id
        returning job.*""",
        replica_id,
        limit,
        parked,
    )
    return [_job(row) for row in sorted(rows, key=lambda row: (row["priority"], row["id"]))]


async def claim_forgetting(pool: Pool, event_id: EventId) -> list[Job]:
    """Take an event's waiting FORGET_FACES for the request that just asked for them.

    Its process need not be a worker, so the claim names no replica: should the process vanish, the
    next sweep of `take_over` puts them back.
    """
    rows = await pool.fetch(
        """
        with waiting as (select id from job where state = 'queued' and kind = 'forget_faces'
                          and event_id = $1 for update skip locked)
        update job set state = 'running', attempts = attempts + 1, lease = lease + 1,
                       parked = false, started_at = now()
          from waiting where job.id = waiting.id
        returning job.*""",
        event_id,
    )
    return [_job(row) for row in rows]


async def put_back(pool: Pool, job: Job) -> None:
    """Give a job back that found no engine."""
    async with db.acquire(pool) as conn:
        await settle(conn, job, "queued", counted=False, parked=True)


async def put_back_unheld(conn: Connection, replica_id: int, held: Collection[JobId]) -> int:
    """Give back what a replica claimed and never heard of; return how many jobs."""
    rows = await conn.fetch(
        """
        select * from job
         where state = 'running' and replica_id = $1 and id <> all($2::bigint[])""",
        replica_id,
        list(held),
    )
    for row in rows:
        await settle(conn, _job(row), "queued", counted=False)
    return len(rows)


def _job(row: Record) -> Job:
    return Job(
        id=JobId(row["id"]),
        kind=JobKind(row["kind"]),
        event_id=row["event_id"],
        photo_id=row["photo_id"],
        selfie_id=row["selfie_id"],
        payload=None if row["payload"] is None else orjson.loads(row["payload"]),
        label=row["label"],
        attempts=row["attempts"] - row["interruptions"],
        lease=row["lease"],
        interruptions=row["interruptions"],
    )


async def is_there(conn: Connection, job_id: JobId) -> bool:
    """Whether a job still exists: it goes with its event, even while it runs."""
    there: bool = await conn.fetchval("select exists (select from job where id = $1)", job_id)
    return there


async def finish(conn: Connection, job: Job) -> None:
    """Note in the caller's transaction that the job is done; LeaseLost where it is not ours."""
    if not await settle(conn, job, "done"):
        raise LeaseLost


async def settle(
    conn: Connection,
    job: Job,
    state: str,
    *,
    error: str | None = None,
    delay: float = 0.0,
    counted: bool = True,
    parked: bool = False,
) -> bool:
    """Write what became of a running job; False where the lease is another's by now."""
    while True:
        if state == "queued" and await _superseded(conn, job.id):
            state, error, parked = "done", None, False
        try:
            async with conn.transaction():
                answer = await conn.execute(
                    """
                    update job set state = $3, error = $4, replica_id = null,
                           run_at = now() + make_interval(secs => $5),
                           attempts = attempts - case when $6 then 0 else 1 end, parked = $7,
                           finished_at = case when $3 in ('done', 'failed') then now() end
                     where id = $1 and lease = $2 and state = 'running'""",
                    job.id,
                    job.lease,
                    state,
                    error,
                    delay,
                    counted,
                    parked,
                )
        except asyncpg.UniqueViolationError:
            continue  # another sweep of the event was asked for at this moment
        return answer == "UPDATE 1"


async def _superseded(conn: Connection, job_id: JobId) -> bool:
    """Whether another sweep or re-index of the job's event does all that this one would."""
    waits: bool = await conn.fetchval(
        """
        select exists (
            select from job join job as other using (event_id, kind)
             where job.id = $1 and other.id <> job.id
               and (kind = 'match_event' and other.state = 'queued'
                    or kind = 'reindex_event' and other.state in ('queued', 'running')))""",
        job_id,
    )
    return waits


async def retry(conn: Connection, job_id: JobId) -> None:
    """Give a failed job a fresh start; NotFound where there is no such failed job."""
    await _take_up_photos(conn, job_id, None)
    state = "done" if await _superseded(conn, job_id) else "queued"
    answer = await conn.execute(
        """
        update job set state = $2, attempts = 0, interruptions = 0, error = null,
               run_at = now(), finished_at = case when $2 = 'done' then now() end
         where id = $1 and state = 'failed'""",
        job_id,
        state,
    )
    if answer != "UPDATE 1":
        raise NotFound("There is no failed job with this id.")


async def retry_failed(conn: Connection, event_id: EventId | None) -> int:
    """Give all failed jobs a fresh start, of one event or of all; return how many there were.

    Of an event's sweeps and re-indexes one does what the others would.
    """
    await _take_up_photos(conn, None, event_id)
    while True:
        try:
            async with conn.transaction():
                rows = await conn.fetch(
                    """
                    with failed as (
                        select id, kind in ('match_event', 'reindex_event') and (
                                   row_number() over (partition by kind, event_id order by id) > 1
                                   or exists (
                                       select from job as other
                                        where other.event_id = job.event_id
                                          and other.kind = job.kind
                                          and (other.state = 'queued' or other.state = 'running'
                                               and other.kind = 'reindex_event'))
                               ) as superseded
                          from job
                         where state = 'failed' and ($1::bigint is null or event_id = $1))
                    update job set state = case when superseded then 'done' else 'queued' end,
                           finished_at = case when superseded then now() end,
                           attempts = 0, interruptions = 0, error = null, run_at = now()
                      from failed where job.id = failed.id and state = 'failed'
                    returning job.id""",
                    event_id,
                )
        except asyncpg.UniqueViolationError:
            continue  # a sweep of an event was asked for at this moment
        return len(rows)


async def _take_up_photos(conn: Connection, job_id: JobId | None, event_id: EventId | None) -> None:
    """Let the photos that failed with their jobs wait again, for what they waited for then.

    Before the jobs are touched: whoever deletes a photo locks it before its jobs as well.
    """
    await conn.execute(
        """
        update photo set state = case when ready_at is null then 'received' else 'prepared' end,
                         error = null
         where state = 'failed'
           and id in (select photo_id from job where state = 'failed' and kind = 'index_photo'
                         and ($1::bigint is null or id = $1)
                         and ($2::bigint is null or event_id = $2))""",
        job_id,
        event_id,
    )
