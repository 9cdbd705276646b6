"""The pages of the jobs by state, of one job, and of the photographers' computers."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from findme import db
from findme.db import Connection
from findme.gallery import events
from findme.models import Event, EventId, JobId, JobState
from findme.operations import dashboard_queries, job_history
from findme.operations.stats import Stats
from findme.web.keys import POOL, admin
from findme.web.openapi.route import Tag, Who, get, ok
from findme.web.operator.dashboard_answer import Photographer, photographer_of
from findme.web.operator.dashboard_page import DASHBOARD
from findme.web.rendering import render
from findme.web.responses import choice_of, json_answer, page_of, path_id, split_page

#: The states in the order of their chips: first those that need a person.
STATES = (JobState.FAILED, JobState.RUNNING, JobState.QUEUED, JobState.DONE)


async def get_jobs(request: web.Request) -> web.Response:
    """GET /admin/jobs?state=&before=: jobs of a state (or all), newest first."""
    admin(request)
    before, limit = page_of(request)
    state = None
    if request.query.get("state"):
        state = JobState(choice_of(request, "state", JobState, JobState.FAILED))
    stats: Stats = (await request.app[DASHBOARD].look())["stats"]
    async with db.acquire(request.app[POOL]) as conn:
        found = await job_history.list_all(
            conn, state, before=None if before is None else JobId(before), limit=limit + 1
        )
    rows, more = split_page(found, limit)
    queue = stats.queue
    counts = {
        JobState.FAILED: queue.total_failed,
        JobState.RUNNING: queue.workers_active,
        JobState.QUEUED: queue.current_queue_size - queue.workers_active,
        JobState.DONE: queue.total_processed,
    }
    context = {
        "jobs": rows,
        "state": state,
        "states": [(one, counts[one]) for one in STATES],
        "older": rows[-1]["id"] if more else None,
        "queue": queue,
        "limit": stats.rekognition.limit,
        "now": datetime.now(UTC),
    }
    return render(request, "admin/jobs.html", context)


async def get_job(request: web.Request) -> web.Response:
    """GET /admin/jobs/{id}: its photo or event, and its steps with their times."""
    admin(request)
    job_id = JobId(path_id(request))
    async with db.acquire(request.app[POOL]) as conn:
        job = await job_history.find(conn, job_id)
        context = {
            "job": job,
            "event": None
            if job["event_id"] is None
            else await events.get(conn, EventId(job["event_id"])),
            "steps": await job_history.history(conn, job_id),
        }
    return render(request, "admin/job.html", context)


async def get_photographers(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/photographers: each computer that sends photos."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event, found = await _photographers(conn, request)
    context = {"event": event, "tab": "photographers", "photographers": found}
    return render(request, "admin/photographers.html", context)


async def get_photographers_json(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/photographers: the same as JSON."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        _, found = await _photographers(conn, request)
    return json_answer([photographer_of(one) for one in found])


async def _photographers(
    conn: Connection, request: web.Request
) -> tuple[Event, list[dict[str, Any]]]:
    event = await events.get(conn, EventId(path_id(request)))
    return event, await dashboard_queries.photographers(conn, event.id)


ROUTES = [
    web.get("/admin/jobs", get_jobs),
    web.get(r"/admin/jobs/{id:\d+}", get_job),
    web.get(r"/admin/events/{id:\d+}/photographers", get_photographers),
    get(
        "/api/admin/events/{id}/photographers",
        get_photographers_json,
        "The computers that send photos of an event",
        ok(list[Photographer], "Silent ones first."),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
]
