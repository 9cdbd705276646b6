"""The operator's hand on the queue: pause, resume, how many at a time, all failed jobs again."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from findme import db, queue
from findme.db import Connection
from findme.errors import InvalidRequest
from findme.gallery import events
from findme.models import EventId
from findme.operations import runtime_control
from findme.operations.runtime_control import Control
from findme.privacy import audit_log
from findme.web.keys import FACES, POOL, QUEUE, SETTINGS, admin
from findme.web.responses import json_answer, json_of, parse_id, text_of

#: The bounds of PHOTO_QUEUE_WORKERS and AWS_CONCURRENT_REQUESTS.
MOST = {"workers": 64, "concurrency": 1000}


async def post_pause(request: web.Request) -> web.Response:
    """POST /api/admin/queue/pause: no job is begun; those that run end."""
    return await _pause(request, paused=True)


async def post_resume(request: web.Request) -> web.Response:
    """POST /api/admin/queue/resume."""
    return await _pause(request, paused=False)


async def patch_queue(request: web.Request) -> web.Response:
    """PATCH /api/admin/queue {workers, concurrency}: of each process; null: as the settings say."""
    actor = admin(request).id
    body = await json_of(request)
    if unknown := sorted(set(body) - set(MOST)):
        raise InvalidRequest(f"The queue has no {unknown[0]} to change.", field=unknown[0])
    changes = {name: _number(body, name) for name in body}
    async with db.transaction(request.app[POOL]) as conn:
        now = await runtime_control.get(conn, for_update=True)
        wanted = replace(
            now,
            workers=changes.get("workers", now.workers),
            concurrency=changes.get("concurrency", now.concurrency),
        )
        await runtime_control.put(conn, wanted)
        await audit_log.note(conn, actor, "queue.changed", detail=changes)
    return _followed(request, wanted)


async def post_retry_all(request: web.Request) -> web.Response:
    """POST /api/admin/queue/jobs/retry {state: "failed", event_id?}: all failed jobs again."""
    actor = admin(request).id
    body = await json_of(request)
    if body.get("state") != "failed":
        raise InvalidRequest("state is `failed`: no other jobs are retried.", field="state")
    async with db.transaction(request.app[POOL]) as conn:
        event_id = await _event_of(conn, body)
        retried = await queue.retry_failed(conn, event_id)
        await audit_log.note(
            conn, actor, "jobs.retried", event_id=event_id, detail={"jobs": retried}
        )
    if QUEUE in request.app:
        request.app[QUEUE].wake()
    return json_answer({"retried": retried}, 202)


async def _pause(request: web.Request, *, paused: bool) -> web.Response:
    actor = admin(request).id
    async with db.transaction(request.app[POOL]) as conn:
        now = await runtime_control.get(conn, for_update=True)
        wanted = replace(now, paused=paused)
        if wanted != now:
            await runtime_control.put(conn, wanted)
            await audit_log.note(conn, actor, "queue.paused" if paused else "queue.resumed")
    return _followed(request, wanted)


def _followed(request: web.Request, wanted: Control) -> web.Response:
    """Have this process follow at once, and answer with what holds from now on."""
    settings = request.app[SETTINGS]
    runtime_control.apply(wanted, settings, request.app.get(QUEUE), request.app[FACES])
    return json_answer(
        {
            "paused": wanted.paused,
            "workers": wanted.workers or settings.photo_queue_workers,
            "concurrency": wanted.concurrency or settings.aws_concurrent_requests,
        }
    )


def _number(body: dict[str, Any], name: str) -> int | None:
    value, most = body[name], MOST[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidRequest(f"{name} is a whole number from 1 to {most}, or null.", field=name)
    return value


async def _event_of(conn: Connection, body: dict[str, Any]) -> EventId | None:
    """Return the event that is meant; NotFound where there is none, None where none is named."""
    text = text_of(body, "event_id", required=False)
    return (await events.get(conn, EventId(parse_id(text)))).id if text else None


ROUTES = [
    web.post("/api/admin/queue/pause", post_pause),
    web.post("/api/admin/queue/resume", post_resume),
    web.patch("/api/admin/queue", patch_queue),
    web.post("/api/admin/queue/jobs/retry", post_retry_all),
]
