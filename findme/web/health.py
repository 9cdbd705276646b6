"""Alive, and able to serve."""

import asyncpg
from aiohttp import web

from findme.errors import EngineUnavailable
from findme.web.answers import json_answer
from findme.web.keys import FACES, POOL


async def get_healthz(_request: web.Request) -> web.Response:
    """GET /healthz: the event loop turns."""
    return json_answer({"status": "ok"})


async def get_readyz(request: web.Request) -> web.Response:
    """GET /readyz: 200 where database and face engine answer, else 503 and which does not."""
    checks = {"database": "ok", "face_engine": "ok"}
    try:
        await request.app[POOL].fetchval("select 1", timeout=5)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        checks["database"] = "unreachable"
    try:
        await request.app[FACES].ping()
    except EngineUnavailable:
        checks["face_engine"] = "unreachable"
    ready = set(checks.values()) == {"ok"}
    return json_answer(
        {"status": "ok" if ready else "unavailable", **checks}, 200 if ready else 503
    )


ROUTES = [web.get("/healthz", get_healthz), web.get("/readyz", get_readyz)]
