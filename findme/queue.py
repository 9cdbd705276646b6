"""The durable queue: the table `job` is the truth; `findme.jobs` runs what it holds.

A job may run twice (a process can die after the work and before it is recorded), so a handler gives
the same result the second time; and a worker completes a job only with the lease with which it
claimed the job.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import asyncpg
import orjson

from findme.db import Connection, Record
from findme.errors import FindMeError
from findme.models import EventId, Job, JobId, JobKind, JobState, PhotoId, SelfieId

#: Seconds that a heartbeat is fresh: a claim meanwhile needs to write no other.
FRESH_SECONDS = 3.0

#: Prepares the subjects of failed jobs of a kind for another run, before the jobs are queued again.
OnRetry = Callable[[Connection, Sequence[JobId]], Awaitable[None]]


class LeaseLost(FindMeError):
    """The job was given to another worker meanwhile."""


@dataclass(frozen=True, slots=True)
class Dedupe:
    """Keeps a job the only one of its key.

    Enqueuing another one while the first is queued returns the first. While the first runs, another
    one is queued, for the changes that came after the first had begun.
    """

    key: str
    #: Return the first while it runs, too.
    while_running: bool = False
    #: Each request postpones the first job, up to so many seconds after it was enqueued; None: the
    #: first job keeps its time.
    postpone_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a run."""

    state: JobState
    error: str | None = None
    #: Seconds until the job is due again.
    delay: float = 0.0
    #: Add up to half of the delay at random, so that jobs that failed together come back apart.
    spread: bool = False
    #: Whether the run counts as an attempt.
    counted: bool = True
    #: Do not claim the job before the face engine answers.
    parked: bool = False
    #: How the log calls it.
    summary: str = ""
    #: The error was not foreseen, so the log shows where it was raised.
    unexpected: bool = False


DONE = Outcome(JobState.DONE, summary="completed")
#: Not run after all: another worker runs it.
PUT_BACK = Outcome(JobState.QUEUED, counted=False)


class Attempt(StrEnum):
    """What a run that is queued again means for its job."""

    #: Nothing: we interrupted it, or it never began.
    UNCOUNTED = "uncounted"
    #: The process died with it.
    INTERRUPTED = "interrupted"
    #: An operator retries it.
    FRESH = "fresh"


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
    dedupe: Dedupe | None = None,
) -> JobId:
    """Add a job in the caller's transaction, due after *delay* seconds; return it.

    A *parked* job waits for the face engine to answer. With *dedupe*, an earlier job of the same
    key may be returned instead.
    """
    return JobId(
        await conn.fetchval(
            """
            insert into job (kind, event_id, photo_id, selfie_id, payload, label, priority, run_at,
                             parked, dedupe_key, dedupe_running)
            values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8), $9, $10, $11)
            on conflict (dedupe_key) where dedupe_key is not null
                    and (state = 'queued' or state = 'running' and dedupe_running)
            do update set run_at = case when $12::float8 is null then job.run_at
                      else least(job.created_at + make_interval(secs => $12), excluded.run_at) end
            returning id""",
            kind,
            event_id,
            photo_id,
            selfie_id,
            None if payload is None else orjson.dumps(payload).decode(),
            label,
            kind.priority,
            delay,
            parked,
            None if dedupe is None else dedupe.key,
            dedupe is not None and dedupe.while_running,
            None if dedupe is None else dedupe.postpone_seconds,
        )
    )


async def make_due(conn: Connection, event_id: EventId, kinds: Collection[JobKind]) -> None:
    """Make an event's waiting jobs of these kinds due now."""
    await conn.execute(
        """
        update job set run_at = now()
         where event_id = $1 and state = 'queued' and run_at > now() and kind = any($2)""",
        event_id,
        list(kinds),
    )


async def count_queued(conn: Connection, kind: JobKind) -> int:
    """Return how many jobs of a kind wait for a worker."""
    count: int = await conn.fetchval(
        "select count(*) from job where state = 'queued' and kind = $1", kind
    )
    return count


async def is_pending(conn: Connection, dedupe_key: str) -> bool:
    """Whether enqueuing a job with this key would return an earlier one."""
    pending: bool = await conn.fetchval(
        """
        select exists (
            select from job where dedupe_key = $1
               and (state = 'queued' or state = 'running' and dedupe_running))""",
        dedupe_key,
    )
    return pending


async def exists(conn: Connection, job_id: JobId) -> bool:
    """Whether a job still exists: it is deleted with its event, even while it runs."""
    there: bool = await conn.fetchval("select exists (select from job where id = $1)", job_id)
    return there


# Claims -------------------------------------------------------------------------------------------


async def claim(conn: Connection, replica_id: int, limit: int, *, parked: bool = True) -> list[Job]:
    """Claim up to *limit* due jobs, with or without parked ones; no other caller gets the same.

    Whoever claims a job lives: it counts as a heartbeat, so a start that takes long, or a loop that
    stalled, costs nobody a job.
    """
    rows = await conn.fetch(
        """
        with due as (select id from job where state = 'queued' and run_at <= now()
                       and ($3 or not parked)
                     order by priority, id limit $2 for update skip locked),
        alive as (update replica set seen_at = now()
                   where id = $1 and seen_at < now() - make_interval(secs => $4)
                     and exists (select from due))
        update job set state = 'running', attempts = attempts + 1, lease = lease + 1,
                       parked = false, replica_id = $1, started_at = now()
          from due where job.id = due.id
        returning job.*""",
        replica_id,
        limit,
        parked,
        FRESH_SECONDS,
    )
    return [_job(row) for row in sorted(rows, key=lambda row: (row["priority"], row["id"]))]


async def claim_for_request(conn: Connection, kind: JobKind, event_id: EventId) -> list[Job]:
    """Claim an event's waiting jobs of a kind for the request that has just enqueued them.

    Its process need not be a worker, so the claim names no replica. If the process dies, the jobs
    are taken over as those of a replica that is gone.
    """
    rows = await conn.fetch(
        """
        with waiting as (select id from job where state = 'queued' and kind = $1 and event_id = $2
                            for update skip locked)
        update job set state = 'running', attempts = attempts + 1, lease = lease + 1,
                       parked = false, started_at = now()
          from waiting where job.id = waiting.id
        returning job.*""",
        kind,
        event_id,
    )
    return [_job(row) for row in rows]


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


# Outcomes -----------------------------------------------------------------------------------------


async def complete(conn: Connection, job: Job) -> None:
    """Record in the caller's transaction that a job is done; LeaseLost without its lease."""
    if not await _record(conn, job, DONE):
        raise LeaseLost


async def record_outcome(conn: Connection, job: Job, outcome: Outcome) -> bool:
    """Record the outcome of a running job; False if another worker has taken it over."""
    try:
        async with conn.transaction():
            return await _record(conn, job, outcome)
    except asyncpg.UniqueViolationError:
        # another job with the same key waits, and does the same work
        return await _record(conn, job, DONE)


async def _record(conn: Connection, job: Job, outcome: Outcome) -> bool:
    answer = await conn.execute(
        """
        update job set state = $3, error = $4, replica_id = null, parked = $5,
               run_at = now() + make_interval(
                   secs => $6 * case when $7 then 1 + random() / 2 else 1 end),
               attempts = attempts - case when $8 then 0 else 1 end,
               finished_at = case when $3 in ('done', 'failed') then now() end
         where id = $1 and lease = $2 and state = 'running'""",
        job.id,
        job.lease,
        outcome.state,
        outcome.error,
        outcome.parked,
        outcome.delay,
        outcome.spread,
        outcome.counted,
    )
    return answer == "UPDATE 1"


async def requeue(conn: Connection, job_ids: Collection[JobId], attempt: Attempt) -> None:
    """Queue jobs again that the caller's transaction has locked.

    If another job with the same key waits, a job ends as done: the other one does the same work.
    """
    rows = await conn.fetch(
        "select id, dedupe_key from job where id = any($1) order by id", list(job_ids)
    )
    await _set_queued(conn, [row["id"] for row in rows if row["dedupe_key"] is None], attempt)
    for job_id in [row["id"] for row in rows if row["dedupe_key"] is not None]:
        try:
            async with conn.transaction():
                await _set_queued(conn, [job_id], attempt)
        except asyncpg.UniqueViolationError:
            await conn.execute(
                """
                update job set state = 'done', error = null, replica_id = null, finished_at = now()
                 where id = $1""",
                job_id,
            )


async def _set_queued(conn: Connection, job_ids: Sequence[JobId], attempt: Attempt) -> None:
    await conn.execute(
        """
        update job set state = 'queued', run_at = now(), replica_id = null, finished_at = null,
               error = case when $2 = 'interrupted' then error end,
               attempts = case $2 when 'fresh' then 0 when 'uncounted' then attempts - 1
                          else attempts end,
               interruptions = case $2 when 'fresh' then 0
                               when 'interrupted' then interruptions + 1 else interruptions end
         where id = any($1)""",
        job_ids,
        attempt,
    )


async def requeue_unheld(conn: Connection, replica_id: int, held: Collection[JobId]) -> None:
    """Queue again the jobs of a claim whose answer the replica never got."""
    rows = await conn.fetch(
        """
        select id from job
         where state = 'running' and replica_id = $1 and id <> all($2::bigint[]) for update""",
        replica_id,
        list(held),
    )
    await requeue(conn, [row["id"] for row in rows], Attempt.UNCOUNTED)
