"""GET /metrics for Prometheus, and the middleware that measures each request."""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from findme.operations import stats
from findme.web.keys import METRICS, POOL, SETTINGS, STATS, admin
from findme.web.openapi.route import Tag, Who, get, some_bytes

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: The status of a request whose caller disconnected, as with nginx.
CALLER_GONE = 499


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the request with its route, status and duration."""
    begun = time.monotonic()
    status: int | None = CALLER_GONE
    try:
        response = await handler(request)
        # a stream lasts as long as its page is open
        streams = response.content_type == "text/event-stream"
        status = None if streams else response.status
        return response
    except web.HTTPException as answer:
        status = answer.status
        raise
    finally:
        if status is not None:
            resource = request.match_info.route.resource
            route = "none" if resource is None else resource.canonical
            seconds = time.monotonic() - begun
            request.app[METRICS].note_request(request.method, route, status, seconds)


async def get_metrics(request: web.Request) -> web.Response:
    """GET /metrics: for an admin, or with the bearer token METRICS_TOKEN."""
    token = request.app[SETTINGS].metrics_token
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if token is None or not hmac.compare_digest(
        shown.encode(errors="surrogateescape"), token.encode()
    ):
        admin(request)
    now = await stats.collect(request.app[STATS])
    totals = await stats.totals(request.app[POOL])
    text = await asyncio.to_thread(request.app[METRICS].render, now, totals)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


ROUTES = [
    get(
        "/metrics",
        get_metrics,
        "The service in numbers for Prometheus; for an admin, or with METRICS_TOKEN",
        some_bytes("The text format of Prometheus.", "text/plain"),
        tag=Tag.SERVICE,
        who=Who.ADMIN,
    )
]
