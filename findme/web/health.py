"""Liveness and readiness of the service."""

from typing import Literal

from aiohttp import web
from msgspec import Struct

from findme import db
from findme.errors import BudgetSpent, EngineError
from findme.web.keys import FACES, POOL
from findme.web.openapi.route import Answer, Tag, Who, get, ok
from findme.web.responses import json_answer


class Alive(Struct, frozen=True):
    """The event loop turns."""

    status: Literal["ok"]


class Ready(Struct, frozen=True):
    """The state of what the service needs to answer."""

    status: Literal["ok", "unavailable"]
    database: Literal["ok", "unreachable"]
    face_engine: Literal["ok", "paused", "unreachable"]


async def get_healthz(_request: web.Request) -> web.Response:
    """GET /healthz: 200 as long as the event loop runs."""
    return json_answer(Alive("ok"))


async def get_readyz(request: web.Request) -> web.Response:
    """GET /readyz: 200 if database and face engine answer, else 503 and which of them does not.

    A service whose engine is paused by the budget is ready.
    """
    database: Literal["ok", "unreachable"] = "ok"
    face_engine: Literal["ok", "paused", "unreachable"] = "ok"
    if not await db.is_reachable(request.app[POOL]):
        database = "unreachable"
    try:
        await request.app[FACES].ping()
    except BudgetSpent:
        # uploads, galleries and joins work without the engine
        face_engine = "paused"
    except EngineError:
        face_engine = "unreachable"
    if "unreachable" in (database, face_engine):
        return json_answer(Ready("unavailable", database, face_engine), 503)
    return json_answer(Ready("ok", database, face_engine))


ROUTES = [
    get(
        "/healthz",
        get_healthz,
        "Whether the process is alive",
        ok(Alive, "It is."),
        tag=Tag.SERVICE,
        who=Who.ANYONE,
    ),
    get(
        "/readyz",
        get_readyz,
        "Whether the service can answer requests",
        ok(Ready, "It can."),
        Answer(503, "It cannot; the body says why.", Ready),
        tag=Tag.SERVICE,
        who=Who.ANYONE,
    ),
]
