"""Alive, and able to serve."""

import asyncpg
from aiohttp import web

from findme.errors import BudgetSpent, EngineError
from findme.web.keys import FACES, POOL
from findme.web.responses import json_answer


async def get_healthz(_request: web.Request) -> web.Response:
    """GET /healthz: the event loop turns."""
    return json_answer({"status": "ok"})


async def get_readyz(request: web.Request) -> web.Response:
    """GET /readyz: 200 where database and face engine answer, else 503 and which does not.

    An engine that is paused by the budget keeps nobody from being served.
    """
    checks = {"database": "ok", "face_engine": "ok"}
    try:
        await request.app[POOL].fetchval("select 1", timeout=5)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        checks["database"] = "unreachable"
    try:
        await request.app[FACES].ping()
    except BudgetSpent:
        # uploads, galleries and joins go on without the engine
        checks["face_engine"] = "paused"
    except EngineError:
        checks["face_engine"] = "unreachable"
    ready = "unreachable" not in checks.values()
    return json_answer(
        {"status": "ok" if ready else "unavailable", **checks}, 200 if ready else 503
    )


ROUTES = [web.get("/healthz", get_healthz), web.get("/readyz", get_readyz)]
