"""A clock that was set back: what was to happen in a minute would happen an hour later.

The database's clock decides when jobs are due, and when vectors are old enough to be searched for.
Replicas write the time every few seconds, and every job the time of its enqueuing: if one of them
lies in the future, the clock has gone back since.
"""

import logging

from findme.db import Connection

log = logging.getLogger(__name__)

#: Seconds that times of the past may lie ahead: transactions that began a moment ago.
SLACK_SECONDS = 5.0

#: What waits for a time, moved by as much as the clock was.
_MOVES = (
    """
    update job set run_at = run_at - $1::interval
     where state = 'queued' and run_at > now()""",
    """
    update job set created_at = created_at - $1::interval, started_at = started_at - $1::interval
     where state in ('queued', 'running') and greatest(created_at, started_at) > now()""",
    "update replica set seen_at = seen_at - $1::interval where seen_at > now()",
    "update selfie set claimed_until = claimed_until - $1::interval where claimed_until > now()",
    "update face set indexed_at = indexed_at - $1::interval where indexed_at > now()",
    "update reference set indexed_at = indexed_at - $1::interval where indexed_at > now()",
)


async def follow(conn: Connection) -> float:
    """Move what waits if the clock has gone back, in the caller's transaction.

    Return by how many seconds it was set back, at least; 0 if it was not.
    """
    jump = await conn.fetchval(
        """
        select greatest((select max(seen_at) from replica),
                        (select max(created_at) from job where state in ('queued', 'running')))
               - now()"""
    )
    if jump is None or jump.total_seconds() < SLACK_SECONDS:
        return 0.0
    for statement in _MOVES:
        await conn.execute(statement, jump)
    log.warning("[PhotoQueue] The clock was set back by %.0f s: jobs follow", jump.total_seconds())
    return float(jump.total_seconds())
