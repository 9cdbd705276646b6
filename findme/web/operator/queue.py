"""The queue as JSON: its figures and its jobs, a retry, a re-index; and the cache, cleared."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.models import EventId, JobId, JobState
from findme.operations import job_history, stats
from findme.operations.stats import Stats
from findme.web.keys import CACHE, POOL, QUEUE_CONTROL, STATS, admin
from findme.web.openapi.route import Query, Tag, Who, a_page, accepted, get, ok, post
from findme.web.responses import (
    choice_of,
    json_answer,
    page_answer,
    page_of,
    path_id,
    split_page,
    time_text,
)
from findme.web.shapes import Id, Job, Time, job_members, job_of


class JobStep(Struct, frozen=True):
    """One step in the life of a job."""

    at: Time
    what: Annotated[str, Meta(description="The state it came to.")]
    detail: str | None


class JobWithHistory(Job, frozen=True, kw_only=True):
    """A job with all its steps."""

    history: Annotated[list[JobStep], Meta(description="The oldest step first.")]


class Reindexing(Struct, frozen=True):
    """The job that rebuilds a collection."""

    job_id: Id


class Cleared(Struct, frozen=True):
    """The number of removed cache keys."""

    cleared: Annotated[int, Meta(description="How many keys.")]


async def get_stats(request: web.Request) -> web.Response:
    """GET /api/admin/queue/stats."""
    admin(request)
    return json_answer(await stats.collect(request.app[STATS]))


async def get_jobs(request: web.Request) -> web.Response:
    """GET /api/admin/queue/jobs?state=."""
    admin(request)
    before, limit = page_of(request)
    state = None
    if request.query.get("state"):
        state = JobState(choice_of(request, "state", JobState, JobState.QUEUED))
    async with db.acquire(request.app[POOL]) as conn:
        found = await job_history.list_all(
            conn, state, before=None if before is None else JobId(before), limit=limit + 1
        )
        total = await job_history.count(conn, state)
    rows, more = split_page(found, limit)
    items = [job_of(row) for row in rows]
    return await page_answer(request, items, total, rows[-1]["id"] if more else None)


async def get_job(request: web.Request) -> web.Response:
    """GET /api/admin/queue/jobs/{id}: with its history."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        row = await job_history.find(conn, JobId(path_id(request)))
        steps = await job_history.history(conn, row["id"])
    history = [JobStep(time_text(step["at"]), step["what"], step["detail"]) for step in steps]
    return json_answer(JobWithHistory(**job_members(row), history=history))


async def post_retry(request: web.Request) -> web.Response:
    """POST /api/admin/queue/jobs/{id}/retry: starts a failed job afresh."""
    actor, job_id = admin(request).id, JobId(path_id(request))
    row = await request.app[QUEUE_CONTROL].retry_job(actor, job_id)
    return json_answer(job_of(row), 202)


async def post_reindex(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/reindex: rebuilds the collection from the stored pictures."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    job_id = await request.app[QUEUE_CONTROL].reindex_event(actor, event_id)
    return json_answer(Reindexing(str(job_id)), 202)


async def post_clear(request: web.Request) -> web.Response:
    """POST /api/admin/cache/clear."""
    admin(request)
    return json_answer(Cleared(await request.app[CACHE].clear()))


ROUTES = [
    get(
        "/api/admin/queue/stats",
        get_stats,
        "The service in numbers",
        ok(Stats, "Now."),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/queue/jobs",
        get_jobs,
        "Jobs",
        a_page(Job),
        query=[Query("state", "Jobs of one state; all if left out.", JobState)],
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/queue/jobs/{id}",
        get_job,
        "A job with its history",
        ok(JobWithHistory, "The job."),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/queue/jobs/{id}/retry",
        post_retry,
        "Start a failed job afresh",
        accepted(Job, "Queued."),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/events/{id}/reindex",
        post_reindex,
        "Build the collection anew from the stored pictures",
        accepted(Reindexing, "Queued, or queued already."),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/cache/clear",
        post_clear,
        "Empty the cache",
        ok(Cleared, "It is empty."),
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
]
