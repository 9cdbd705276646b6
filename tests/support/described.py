"""Every answer that a test client gets is checked against the description of the API.

The description is the one that is served at /api/openapi.json. What it leaves out fails as well:
objects have no members but the described ones, calls no statuses below 500 and no media types but
theirs. A body that was accepted is checked too; calls ignore members that they do not know.
"""

import gzip
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import cache
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import ClientRequest, ClientResponse, web
from aiohttp.client_middlewares import ClientHandlerType
from aiohttp.test_utils import TestClient, TestServer
from jsonschema_rs import Draft202012Validator

from findme.web import routes
from findme.web.openapi.document import Document

#: Where the paths of the description begin; pages and static files are not described.
DESCRIBED = ("/api/", "/healthz", "/readyz", "/metrics")
GZIP = b"\x1f\x8b"
JSON, PROBLEM = "application/json", "application/problem+json"
#: What the router says of an address that this role of the service does not have.
NO_ROUTE = b'"detail":"404: Not Found"'
#: What every call may answer: HTTP's own refusals. The description names them `default`.
ANYWHERE = frozenset(
    {
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.EXPECTATION_FAILED,
    }
)


class DescribedClient(TestClient[web.Request, web.Application]):
    """A test client that refuses answers other than the described ones."""

    def __init__(self, server: TestServer, **kwargs: Any) -> None:
        super().__init__(server, middlewares=(check,), **kwargs)


def clients_of(
    stack: AsyncExitStack,
) -> Callable[[web.Application], Awaitable[DescribedClient]]:
    """Return what starts an application and its client; *stack* closes both."""

    async def client_of(app: web.Application) -> DescribedClient:
        client = DescribedClient(TestServer(app))
        await client.start_server()
        stack.push_async_callback(client.close)
        return client

    return client_of


async def check(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Check an answer as it arrives (a middleware of aiohttp's client)."""
    answer = await handler(request)
    path = request.url.raw_path
    if not path.startswith(DESCRIBED):
        return answer
    media_type = answer.content_type if answer.headers.get("Content-Type") else None
    has_body = request.method != "HEAD" and media_type in (JSON, PROBLEM)
    body = await answer.read() if has_body else None
    if body is not None and body.startswith(GZIP):  # a test that asked for it as it is sent
        body = gzip.decompress(body)
    call = find_call(request.method, path)
    if body is not None and NO_ROUTE in body:
        call = None
    what = f"{request.method} {path} answered {answer.status}"
    check_answer(call, answer.status, media_type, body, what)
    if call is not None and answer.ok and request.headers.get("Content-Type") == JSON:
        taken = call.get("requestBody", {}).get("content", {}).get(JSON)
        if taken is not None:  # a call that takes none does not look at it
            payload = request.body
            sent = payload if isinstance(payload, bytes) else await payload.as_bytes()
            _check(taken["schema"], sent, f"{what} to the body", closed=False)
    return answer


def check_answer(
    call: Mapping[str, Any] | None,
    status: int,
    media_type: str | None,
    body: bytes | None,
    what: str,
) -> None:
    """Fail unless the status, the media type and the JSON are the described ones.

    *call* is the operation of the description, None for an address that there is not.
    """
    components = _document()["components"]
    if call is None:
        assert status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED), (
            f"{what}: not described"
        )
        answers: dict[str, Any] = {"default": {"$ref": "#/components/responses/Problem"}}
    else:
        answers = call["responses"]
    named = answers.get(str(status))
    if named is None:
        assert status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in ANYWHERE or call is None, (
            f"{what}: this status is not described\n{body!r}"
        )
        named = answers["default"]
    if "$ref" in named:
        named = components["responses"][named["$ref"].rpartition("/")[2]]
    content: dict[str, Any] = named.get("content", {})
    assert media_type is None or media_type in content or not (content or body), (
        f"{what} with {media_type}, described are {[*content]}"
    )
    if body is not None:
        assert media_type is not None
        _check(content[media_type]["schema"], body, what)


def _check(schema: dict[str, Any], body: bytes, what: str, *, closed: bool = True) -> None:
    validator = _validator(orjson.dumps(schema), closed)
    if wrong := [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
        for error in validator.iter_errors(orjson.loads(body))
    ]:
        raise AssertionError(f"{what}, against the description: " + "; ".join(wrong[:5]))


@cache
def _validator(schema: bytes, closed: bool) -> Draft202012Validator:
    """Return a schema's validator, compiled once."""
    whole = {
        **orjson.loads(schema),
        "components": {"schemas": _document()["components"]["schemas"]},
    }
    return Draft202012Validator(_closed(whole) if closed else whole, validate_formats=True)


def _closed(schema: Any) -> Any:
    """Return a schema whose objects have no members but those that it names."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _closed(item) for name, item in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        made.setdefault("additionalProperties", False)
    return made


@cache
def _document() -> Any:
    return Document(routes.calls_of(routes.all_routes())).schema


def find_call(method: str, path: str) -> dict[str, Any] | None:
    """Return the operation that a request means; HEAD means GET's."""
    verb = "get" if method == "HEAD" else method.lower()
    for pattern, calls in _patterns():
        if verb in calls and pattern.fullmatch(path):
            found: dict[str, Any] = calls[verb]
            return found
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Return the paths as patterns, those with the fewest placeholders first."""
    paths = sorted(_document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [
        (re.compile("[^/]+".join(map(re.escape, re.split(r"{\w+}", path)))), calls)
        for path, calls in paths
    ]
