"""The operator's control of the queue: pause, resume, limits, and a retry of all failed jobs."""

from typing import Annotated, Any, Literal

from aiohttp import web
from msgspec import Meta, Struct

from findme.errors import InvalidRequest
from findme.models import EventId
from findme.operations.runtime_control import Control
from findme.web.keys import QUEUE_CONTROL, SETTINGS, admin
from findme.web.openapi.route import Tag, Who, accepted, ok, patch, post
from findme.web.responses import json_answer, json_of, parse_id, text_of

#: The bounds of PHOTO_QUEUE_WORKERS and AWS_CONCURRENT_REQUESTS.
MOST = {"workers": 64, "concurrency": 1000}


class QueueControl(Struct, frozen=True):
    """How much the queue does at a time."""

    paused: Annotated[bool, Meta(description="No job is started; joining goes on.")]
    workers: Annotated[int, Meta(description="Jobs at a time, in each process.")]
    concurrency: Annotated[
        int, Meta(description="Calls of the face engine in flight, in each process.")
    ]


class QueueLimits(Struct, forbid_unknown_fields=True):
    """Limits of each process; null: as the settings say."""

    workers: Annotated[
        Annotated[int, Meta(ge=1, le=64)] | None, Meta(description="Jobs at a time.")
    ] = None
    concurrency: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(description="Calls of the face engine in flight."),
    ] = None


class FailedJobs(Struct):
    """Which jobs to retry."""

    state: Literal["failed"]
    event_id: Annotated[str, Meta(description="Of one event; of all events if left out.")] = ""


class Retried(Struct, frozen=True):
    """How many jobs were started afresh."""

    retried: int


async def post_pause(request: web.Request) -> web.Response:
    """POST /api/admin/queue/pause: starts no job any more; jobs that run go on."""
    wanted = await request.app[QUEUE_CONTROL].set_paused(admin(request).id, paused=True)
    return _control_answer(request, wanted)


async def post_resume(request: web.Request) -> web.Response:
    """POST /api/admin/queue/resume."""
    wanted = await request.app[QUEUE_CONTROL].set_paused(admin(request).id, paused=False)
    return _control_answer(request, wanted)


async def patch_queue(request: web.Request) -> web.Response:
    """PATCH /api/admin/queue {workers, concurrency}: of each process; null: as the settings say."""
    actor = admin(request).id
    body = await json_of(request)
    if unknown := sorted(set(body) - set(MOST)):
        raise InvalidRequest(f"The queue has no {unknown[0]} to change.", field=unknown[0])
    changes = {name: _number(body, name) for name in body}
    return _control_answer(request, await request.app[QUEUE_CONTROL].set_limits(actor, changes))


async def post_retry_all(request: web.Request) -> web.Response:
    """POST /api/admin/queue/jobs/retry {state: "failed", event_id?}: all failed jobs again."""
    actor = admin(request).id
    body = await json_of(request)
    if body.get("state") != "failed":
        raise InvalidRequest("state is `failed`: no other jobs are retried.", field="state")
    text = text_of(body, "event_id", required=False)
    event_id = EventId(parse_id(text)) if text else None
    retried = await request.app[QUEUE_CONTROL].retry_failed(actor, event_id)
    return json_answer(Retried(retried), 202)


def _control_answer(request: web.Request, control: Control) -> web.Response:
    """Answer with the pause and the limits; a limit that is not set is that of the settings."""
    settings = request.app[SETTINGS]
    return json_answer(
        QueueControl(
            control.paused,
            control.workers or settings.photo_queue_workers,
            control.concurrency or settings.aws_concurrent_requests,
        )
    )


def _number(body: dict[str, Any], name: str) -> int | None:
    value, most = body[name], MOST[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidRequest(f"{name} is a whole number from 1 to {most}, or null.", field=name)
    return value


_CONTROL = ok(QueueControl, "What is in force from now on.")
ROUTES = [
    post(
        "/api/admin/queue/pause",
        post_pause,
        "Start no more jobs",
        _CONTROL,
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/queue/resume",
        post_resume,
        "Start jobs again",
        _CONTROL,
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    patch(
        "/api/admin/queue",
        patch_queue,
        "Change how much is done at a time, without a restart",
        _CONTROL,
        takes=QueueLimits,
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/queue/jobs/retry",
        post_retry_all,
        "Start all failed jobs afresh, of one event or of all",
        accepted(Retried, "How many there were."),
        takes=FailedJobs,
        tag=Tag.OPERATING,
        who=Who.ADMIN,
    ),
]
