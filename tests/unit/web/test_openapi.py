"""The description of the API against the routes that are there."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from pytest_aiohttp.plugin import AiohttpClient

from findme.web import rendering, routes
from findme.web.openapi import endpoints
from findme.web.openapi.document import DOCUMENT, Document
from findme.web.openapi.route import Who
from tests.support.rights import (
    ADMINS,
    EVERYONE,
    NOBODY,
    PHOTOGRAPHERS,
    UPLOADERS,
    Callers,
    who_may,
)

#: What each call of the API begins with; pages and static files are not described.
DESCRIBED = ("/api/", "/healthz", "/readyz", "/metrics")

Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="module")
def document() -> Document:
    """The description of every call."""
    return Document(routes.calls_of(routes.all_routes()))


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, document: Document) -> Client:
    """The description alone: it needs neither database nor engine."""
    app = web.Application()
    rendering.setup_pages(app)
    app[DOCUMENT] = document
    app.add_routes(endpoints.ROUTES)
    return await aiohttp_client(app)


def test_every_call_is_described_and_nothing_else(document: Document) -> None:
    app = web.Application()
    rendering.setup_pages(app)
    routes.add_routes(app, worker=False)
    registered = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith(DESCRIBED)
    }
    described = {
        (method, path)
        for path, calls in document.schema["paths"].items()
        for method in calls
        if method != "parameters"
    }

    assert {one for one in registered if one[0] != "head"} == described


def test_the_description_names_the_callers_that_the_rights_name(document: Document) -> None:
    rights = who_may()
    named: dict[Who, Callable[[Callers], bool]] = {
        Who.ANYONE: lambda callers: callers == EVERYONE,
        Who.ANYONE_OR_USER: lambda callers: callers == EVERYONE,
        Who.USER: lambda callers: NOBODY not in callers and callers not in (ADMINS, UPLOADERS),
        Who.ADMIN: lambda callers: callers == ADMINS,
        Who.UPLOADER: lambda callers: callers == UPLOADERS,
        Who.UPLOAD_TOKEN: lambda callers: callers == PHOTOGRAPHERS,
    }

    wrong = [
        f"{call.method} {call.path}"
        for call in document.calls
        if not named[call.description.who](rights[f"{call.method} {call.path}"])
    ]

    assert wrong == []


async def test_the_description_is_valid_openapi(client: Client) -> None:
    answer = await client.get("/api/openapi.json")
    described = await answer.json()

    assert described["openapi"] == "3.1.0"
    assert [str(error) for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


async def test_every_shape_and_problem_is_used(client: Client, document: Document) -> None:
    answer = await client.get("/api/openapi.json")
    text = await answer.text()
    components = document.schema["components"]

    unused = [
        name
        for kind in ("schemas", "responses")
        for name in components[kind]
        if f'"#/components/{kind}/{name}"' not in text
    ]

    assert unused == []


async def test_the_page_shows_every_call_and_shape(client: Client, document: Document) -> None:
    answer = await client.get("/api/docs")
    page = await answer.text()

    assert answer.status == 200
    for call in document.calls:
        assert f"<code>{call.method} {call.path}</code>" in page
    for name in document.schema["components"]["schemas"]:
        assert f'id="{name}"' in page
