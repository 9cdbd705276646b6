"""Every address of the service: the ROUTES of all modules below findme.web."""

import functools
import pkgutil
from collections.abc import Iterator, Sequence
from importlib import import_module

from aiohttp import web
from aiohttp.web_routedef import AbstractRouteDef
from aiohttp.web_urldispatcher import AbstractResource

import findme.web
from findme.web import health, metrics
from findme.web.openapi.document import DOCUMENT, Document
from findme.web.openapi.route import Call


@functools.cache
def all_routes() -> tuple[AbstractRouteDef, ...]:
    """Return the routes for guests, photographers and admins."""
    return tuple(route for module in _modules() for route in getattr(module, "ROUTES", []))


def calls_of(routes: Sequence[AbstractRouteDef]) -> list[Call]:
    """Return the calls of the API, which have a description, by path and method."""
    order = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    calls = [route for route in routes if isinstance(route, Call)]
    return sorted(calls, key=lambda call: (call.path, order.index(call.method)))


def add_routes(app: web.Application, *, worker: bool) -> None:
    """Add the routes to the application; a *worker* has only its health and figures."""
    resources, document = _compiled(worker)
    for resource in resources:
        app.router.register_resource(resource)
    app[DOCUMENT] = document


@functools.cache
def _compiled(worker: bool) -> tuple[tuple[AbstractResource, ...], Document]:
    """Return the addresses and their description, which know no application.

    The applications of a process share them: their patterns take 5 ms of CPU to compile.
    """
    routes = (*health.ROUTES, *metrics.ROUTES) if worker else all_routes()
    router = web.UrlDispatcher()
    router.add_routes(routes)
    return tuple(router.resources()), Document(calls_of(routes))


def _modules() -> Iterator[object]:
    for module in pkgutil.walk_packages(findme.web.__path__, "findme.web."):
        if not module.name.endswith(".__main__"):  # a program, not a part of the service
            yield import_module(module.name)
