"""Whether the service is alive, and whether it is able to serve."""

from aiohttp import web

from findme import db
from findme.errors import BudgetSpent, EngineError
from findme.web.keys import FACES, POOL
from findme.web.responses import json_answer


async def get_healthz(_request: web.Request) -> web.Response:
    """GET /healthz: 200 as long as the event loop runs."""
    return json_answer({"status": "ok"})


async def get_readyz(request: web.Request) -> web.Response:
    """GET /readyz: 200 if database and face engine answer, else 503 and which of them does not.

    A service whose engine is paused by the budget is ready.
    """
    checks = {"database": "ok", "face_engine": "ok"}
    if not await db.is_reachable(request.app[POOL]):
        checks["database"] = "unreachable"
    try:
        await request.app[FACES].ping()
    except BudgetSpent:
        # uploads, galleries and joins work without the engine
        checks["face_engine"] = "paused"
    except EngineError:
        checks["face_engine"] = "unreachable"
    ready = "unreachable" not in checks.values()
    return json_answer(
        {"status": "ok" if ready else "unavailable", **checks}, 200 if ready else 503
    )


ROUTES = [web.get("/healthz", get_healthz), web.get("/readyz", get_readyz)]
