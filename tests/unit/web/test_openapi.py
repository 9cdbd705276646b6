"""The description of the API against the routes that are there."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from pytest_aiohttp.plugin import AiohttpClient

import findme.web
from findme.web import openapi, rendering

#: What each call of the API begins with; pages and static files are not described.
DESCRIBED = ("/api/", "/healthz", "/readyz", "/metrics")


def routes() -> Iterator[web.RouteDef]:
    """Yield the routes of all modules of findme.web."""
    for module in pkgutil.walk_packages(findme.web.__path__, "findme.web."):
        loaded = importlib.import_module(module.name)
        yield from getattr(loaded, "ROUTES", [])


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> "TestClient[web.Request, web.Application]":
    """The description alone: it needs neither database nor engine."""
    app = web.Application()
    rendering.setup_pages(app)
    app.add_routes(openapi.ROUTES)
    return await aiohttp_client(app)


def test_every_call_is_described_and_nothing_else() -> None:
    registered = {
        (route.method.lower(), route.path) for route in routes() if route.path.startswith(DESCRIBED)
    }
    paths = openapi.document()["paths"]
    assert isinstance(paths, dict)
    described = {
        (method, path)
        for path, calls in paths.items()
        for method in calls
        if method != "parameters"
    }

    assert registered == described


async def test_the_description_is_valid_openapi(
    client: "TestClient[web.Request, web.Application]",
) -> None:
    answer = await client.get("/api/openapi.json")
    described = await answer.json()

    assert described["openapi"] == "3.1.0"
    assert [str(error) for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


async def test_every_shape_and_problem_is_used(
    client: "TestClient[web.Request, web.Application]",
) -> None:
    answer = await client.get("/api/openapi.json")
    text = await answer.text()
    components = openapi.document()["components"]
    assert isinstance(components, dict)

    unused = [
        name
        for kind in ("schemas", "responses")
        for name in components[kind]
        if f'"#/components/{kind}/{name}"' not in text
    ]

    assert unused == []


async def test_the_page_shows_every_call_and_shape(
    client: "TestClient[web.Request, web.Application]",
) -> None:
    answer = await client.get("/api/docs")
    page = await answer.text()
    paths = openapi.document()["paths"]
    assert isinstance(paths, dict)

    assert answer.status == 200
    for path, calls in paths.items():
        for method in calls:
            if method != "parameters":
                assert f"<code>{method.upper()} {path}</code>" in page
    assert 'id="Photo"' in page
