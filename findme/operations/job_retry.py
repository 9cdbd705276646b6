"""Retries of failed jobs on an operator's request."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from findme import queue
from findme.db import Connection, Record
from findme.errors import NotFound
from findme.models import EventId, JobId, JobKind
from findme.queue import Attempt, OnRetry


async def retry(conn: Connection, job_id: JobId, on_retry: Mapping[JobKind, OnRetry]) -> None:
    """Retry a failed job; NotFound if no such job has failed."""
    rows = await conn.fetch("select id, kind from job where id = $1 and state = 'failed'", job_id)
    if not await _start_afresh(conn, rows, on_retry):
        raise NotFound("There is no failed job with this id.")


async def retry_failed(
    conn: Connection, event_id: EventId | None, on_retry: Mapping[JobKind, OnRetry]
) -> int:
    """Retry all failed jobs of an event or (None) of all events; return their number."""
    rows = await conn.fetch(
        """
        select id, kind from job
         where state = 'failed' and ($1::bigint is null or event_id = $1) order by kind, id""",
        event_id,
    )
    return await _start_afresh(conn, rows, on_retry)


async def _start_afresh(
    conn: Connection, failed: Sequence[Record], on_retry: Mapping[JobKind, OnRetry]
) -> int:
    # the subjects before the jobs: a deletion of a photo locks it before its jobs, too
    for kind, rows in groupby(failed, key=lambda row: JobKind(row["kind"])):
        if kind in on_retry:
            await on_retry[kind](conn, [row["id"] for row in rows])
    locked = await conn.fetch(
        "select id from job where id = any($1) and state = 'failed' order by id for update",
        [row["id"] for row in failed],
    )
    await queue.requeue(conn, [row["id"] for row in locked], Attempt.FRESH)
    return len(locked)
