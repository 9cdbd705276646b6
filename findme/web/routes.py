"""Every address of the service: the ROUTES of all modules below findme.web."""

import pkgutil
from collections.abc import Iterator, Sequence
from importlib import import_module

from aiohttp import web
from aiohttp.web_routedef import AbstractRouteDef

import findme.web
from findme.web import health, metrics
from findme.web.openapi.document import DOCUMENT, Document
from findme.web.openapi.route import Call


def all_routes() -> list[AbstractRouteDef]:
    """Return the routes for guests, photographers and admins."""
    return [route for module in _modules() for route in getattr(module, "ROUTES", [])]


def calls_of(routes: Sequence[AbstractRouteDef]) -> list[Call]:
    """Return the calls of the API, which have a description, by path and method."""
    order = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    calls = [route for route in routes if isinstance(route, Call)]
    return sorted(calls, key=lambda call: (call.path, order.index(call.method)))


def add_routes(app: web.Application, *, worker: bool) -> None:
    """Add the routes to the application; a *worker* has only its health and figures."""
    routes: list[AbstractRouteDef] = [*health.ROUTES, *metrics.ROUTES]
    if not worker:
        routes = all_routes()
    app.add_routes(routes)
    app[DOCUMENT] = Document(calls_of(routes))


def _modules() -> Iterator[object]:
    for module in pkgutil.walk_packages(findme.web.__path__, "findme.web."):
        if not module.name.endswith(".__main__"):  # a program, not a part of the service
            yield import_module(module.name)
