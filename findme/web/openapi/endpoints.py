"""The API describes itself: /api/openapi.json for programs, /api/docs for people."""

import asyncio

from aiohttp import web

from findme.web.openapi.document import DOCUMENT
from findme.web.openapi.route import Answer, Tag, Who, get, ok, some_bytes
from findme.web.rendering import render


async def get_openapi(request: web.Request) -> web.Response:
    """GET /api/openapi.json."""
    body = await asyncio.to_thread(lambda: request.app[DOCUMENT].json)
    return web.Response(body=body, content_type="application/json")


async def get_docs(request: web.Request) -> web.Response:
    """GET /api/docs: the same as a page."""
    # the longest page there is: in a thread, so that nobody else waits for it
    return await asyncio.to_thread(
        lambda: render(request, "api_docs.html", {"api": request.app[DOCUMENT].schema})
    )


ROUTES = [
    get(
        "/api/openapi.json",
        get_openapi,
        "This description",
        ok(dict, "OpenAPI 3.1."),
        tag=Tag.SERVICE,
        who=Who.ANYONE,
    ),
    get(
        "/api/docs",
        get_docs,
        "This description as a page",
        some_bytes("The page.", "text/html"),
        Answer(303, "With `?lang=`: the page without it; a cookie keeps the language."),
        tag=Tag.SERVICE,
        who=Who.ANYONE,
    ),
]
