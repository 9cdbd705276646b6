"""The operator's calls: the queue's numbers, its jobs, the cache."""

from aiohttp import web

from findme import db
from findme.models import EventId, JobId, JobState
from findme.operations import job_history, stats
from findme.web.keys import CACHE, POOL, QUEUE_CONTROL, STATS, admin
from findme.web.responses import (
    choice_of,
    cut,
    job_json,
    json_answer,
    page_answer,
    page_of,
    path_id,
    time_text,
)


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
    rows, more = cut(found, limit)
    items = [job_json(row) for row in rows]
    return await page_answer(request, items, total, rows[-1]["id"] if more else None)


async def get_job(request: web.Request) -> web.Response:
    """GET /api/admin/queue/jobs/{id}: with its history."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        row = await job_history.find(conn, JobId(path_id(request)))
        steps = await job_history.history(conn, row["id"])
    history = [
        {"at": time_text(step["at"]), "what": step["what"], "detail": step["detail"]}
        for step in steps
    ]
    return json_answer({**job_json(row), "history": history})


async def post_retry(request: web.Request) -> web.Response:
    """POST /api/admin/queue/jobs/{id}/retry: starts a failed job afresh."""
    actor, job_id = admin(request).id, JobId(path_id(request))
    row = await request.app[QUEUE_CONTROL].retry_job(actor, job_id)
    return json_answer(job_json(row), 202)


async def post_reindex(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/reindex: rebuilds the collection from the stored pictures."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    job_id = await request.app[QUEUE_CONTROL].reindex_event(actor, event_id)
    return json_answer({"job_id": str(job_id)}, 202)


async def post_clear(request: web.Request) -> web.Response:
    """POST /api/admin/cache/clear."""
    admin(request)
    return json_answer({"cleared": await request.app[CACHE].clear()})


ROUTES = [
    web.get("/api/admin/queue/stats", get_stats),
    web.get("/api/admin/queue/jobs", get_jobs),
    web.get("/api/admin/queue/jobs/{id}", get_job),
    web.post("/api/admin/queue/jobs/{id}/retry", post_retry),
    web.post("/api/admin/events/{id}/reindex", post_reindex),
    web.post("/api/admin/cache/clear", post_clear),
]
