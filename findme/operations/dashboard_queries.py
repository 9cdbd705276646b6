"""The figures that the dashboard shows in addition to the stats of the contract.

No statement here counts all photos or jobs: each reads the index entries of the last hour, or of
one event.
"""

from datetime import timedelta
from typing import Any

import orjson

from findme.db import Connection

#: A camera's clock counts as wrong if a photo was taken longer before its upload.
PLAUSIBLE = timedelta(hours=6)
#: A watcher reports every 15 s; after this time without a report it counts as silent.
SILENT = timedelta(minutes=5)
#: Watchers that reported within this time are shown.
LATELY = timedelta(hours=12)
#: If jobs were due for so long and none was done, no worker runs.
STUCK = timedelta(minutes=5)
#: Events that end within this time are shown.
SOON = timedelta(days=1)
#: Rows of each list.
MOST = 20


async def last_hour(conn: Connection) -> dict[str, Any]:
    """Return how fast photos reached the gallery, in all and by event; seconds.

    Measured from the shutter if the camera's clock is plausible (`by_camera` of `photos`), else
    from the upload. `per_minute` has 60 counts, the oldest first; `event` is the one with the last
    photo.
    """
    rows = await conn.fetch(
        """
        with recent as (
            select event_id, ready_at, uploaded_at, taken_at,
                   coalesce(taken_at between uploaded_at - $1::interval
                                         and uploaded_at + interval '1 minute', false) as by_camera
              from photo where ready_at > now() - interval '1 hour')
        select recent.event_id, event.name, count(*) as photos,
               count(*) filter (where by_camera) as by_camera,
               percentile_cont(array[0.5, 0.95]) within group (order by greatest(0, extract(
                   epoch from ready_at - case when by_camera then taken_at else uploaded_at end
               ))) as seconds, max(ready_at) as last
          from recent join event on event.id = recent.event_id
         group by grouping sets ((), (recent.event_id, event.name))
         order by recent.event_id nulls first""",
        PLAUSIBLE,
    )
    whole, events = rows[0], sorted(rows[1:], key=lambda row: row["last"], reverse=True)
    minutes = await conn.fetch("""
        select floor(extract(epoch from now() - ready_at) / 60)::int as ago, count(*) as photos
          from photo where ready_at > now() - interval '1 hour' group by ago""")
    per_minute = [0] * 60
    for row in minutes:
        if 0 <= row["ago"] < 60:
            per_minute[59 - row["ago"]] = row["photos"]
    median, most = whole["seconds"] or (None, None)
    return {
        "photos": whole["photos"],
        "by_camera": whole["by_camera"],
        "median_s": median,
        "p95_s": most,
        "per_minute": per_minute,
        "event": await _counted(conn, events[0]["event_id"]) if events else None,
        "events": [
            {
                "id": row["event_id"],
                "name": row["name"],
                "photos": row["photos"],
                "median_s": row["seconds"][0],
                "p95_s": row["seconds"][1],
            }
            for row in events[:MOST]
        ],
    }


async def _counted(conn: Connection, event_id: int) -> dict[str, Any]:
    row = await conn.fetchrow(
        """
        select id, name, (select count(*) from photo where event_id = $1) as photos,
               (select count(*) from guest where event_id = $1) as guests
          from event where id = $1""",
        event_id,
    )
    assert row is not None
    return dict(row)


async def photographers(conn: Connection, event_id: int | None = None) -> list[dict[str, Any]]:
    """Return the watchers' last reports: the recent ones, or all of one event; silent ones first.

    `silent`: it still had photos to send, and has said nothing for SILENT. `ahead_s` is by how much
    its computer's clock is ahead of ours. A watcher counts from its own start, so `sent` is the
    number of photos of its token if that is larger.
    """
    rows = await conn.fetch(
        """
        select upload_token.id, label as name, event_id, event.name as event_name, clock_offset_s,
               last_used_at, reported_at, report,
               extract(epoch from now() - reported_at)::float8 as ago_s,
               coalesce(reported_at < now() - $2::interval
                        and (report ->> 'backlog')::float8 > 0, false) as silent,
               stored, per_minute
          from upload_token join event on event.id = event_id
               cross join lateral (
                   select count(*) as stored,
                          count(*) filter (where ready_at > now() - interval '5 minutes')
                          / 5.0::float8 as per_minute
                     from photo where upload_token_id = upload_token.id) as came
         where event_id = $1 or $1::bigint is null and reported_at > now() - $3::interval
         order by silent desc, reported_at desc nulls last, upload_token.id limit $4""",
        event_id,
        SILENT,
        LATELY,
        MOST,
    )
    return [_photographer(dict(row)) for row in rows]


def _photographer(row: dict[str, Any]) -> dict[str, Any]:
    told = orjson.loads(row.pop("report") or "{}")
    stored: int = row.pop("stored")
    return {
        **row,
        "backlog": int(told.get("backlog") or 0),
        "sent": max(int(told.get("sent") or 0), stored),
        "errors": int(told.get("errors") or 0),
        "refused": int(told.get("refused") or 0),
        "bytes_per_s": told.get("bytes_per_s"),
        "last_error": told.get("last_error"),
        "ahead_s": told.get("clock_ahead_s"),
    }


async def work(conn: Connection) -> dict[str, Any]:
    """Return the running jobs, the last failed ones, and whether due jobs are not being run."""
    running = await conn.fetch(
        """
        select id, kind, label, extract(epoch from now() - started_at)::float8 as seconds
          from job where state = 'running' order by started_at limit $1""",
        MOST,
    )
    failed = await conn.fetch(
        """
        select job.id, kind, coalesce(photo.filename, label) as name, job.error, job.event_id,
               photo_id, attempts - interruptions as attempts, finished_at
          from job left join photo on photo.id = job.photo_id
         where job.state = 'failed' order by job.id desc limit $1""",
        MOST,
    )
    row = await conn.fetchrow(
        """
        select exists (select from job where state = 'queued' and not parked
                          and run_at < now() - $1::interval)
               and not exists (select from job where state = 'done'
                                  and finished_at > now() - $1::interval) as stuck,
               (select count(*) from job where state = 'failed'
                   and finished_at > now() - interval '10 minutes') as failed_lately""",
        STUCK,
    )
    assert row is not None
    return {
        "running": [dict(job) for job in running],
        "failed": [dict(job) for job in failed],
        **row,
    }


async def waiting(conn: Connection) -> list[dict[str, Any]]:
    """Return the events with guests who wait to be admitted, the longest wait first."""
    rows = await conn.fetch(
        """
        select event.id, event.name, count(*) as guests, min(joined_at) as since
          from guest join event on event.id = guest.event_id
         where admitted_at is null group by event.id order by since limit $1""",
        MOST,
    )
    return [dict(row) for row in rows]


async def expiring(conn: Connection) -> list[dict[str, Any]]:
    """Return the events that end soon, with the counts of what is deleted with them."""
    rows = await conn.fetch(
        """
        select id, name, expires_at,
               (select count(*) from photo where event_id = event.id) as photos
          from event where expires_at between now() and now() + $1::interval
         order by expires_at limit $2""",
        SOON,
        MOST,
    )
    return [dict(row) for row in rows]
