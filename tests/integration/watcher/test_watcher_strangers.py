"""The watcher where no FindMe answers: login pages, redirects, proxies, and when to come back."""

import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from findme.watcher.api_client import RetryLater, TokenRejected, open_server

Handler = Callable[[web.Request], Awaitable[web.Response]]


async def asked(aiohttp_server: AiohttpServer, answer: Handler) -> BaseException:
    """Return what it means that a server answers like that."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    url = str((await aiohttp_server(app)).make_url("/"))
    async with open_server(url, "token") as server:
        with pytest.raises((RetryLater, TokenRejected)) as raised:
            await server.own()
    return raised.value


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("clock", [-86_400, 0, 86_400])
async def test_when_to_come_back_may_be_a_date_by_the_servers_clock(
    aiohttp_server: AiohttpServer, status: int, clock: int
) -> None:
    now = time.time() + clock

    async def busy(_request: web.Request) -> web.Response:
        headers = {
            "Date": formatdate(now, usegmt=True),
            "Retry-After": formatdate(now + 40, usegmt=True),
        }
        return web.Response(status=status, headers=headers)

    problem = await asked(aiohttp_server, busy)
    assert isinstance(problem, RetryLater)
    assert str(problem) == f"the server answers {status}"
    assert problem.after == 40


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("9" * 400, None),
    ],
)
async def test_when_to_come_back_may_be_anything(
    aiohttp_server: AiohttpServer, text: str, after: float | None
) -> None:
    async def busy(_request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": text})

    problem = await asked(aiohttp_server, busy)
    assert isinstance(problem, RetryLater)
    assert problem.after == after


async def test_a_login_page_of_the_network_is_waited_for(aiohttp_server: AiohttpServer) -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<h1>Welcome to our hotel</h1>", content_type="text/html")

    async def lead_away(_request: web.Request) -> web.Response:
        raise web.HTTPFound("https://login.hotel.example/")

    for answer, status in ((page, 200), (lead_away, 302)):
        problem = await asked(aiohttp_server, answer)
        assert isinstance(problem, RetryLater)
        assert (
            str(problem)
            == f"the answer is not FindMe's ({status}): is it the network's login page?"
        )


async def test_a_proxy_that_takes_small_files_alone_is_named(aiohttp_server: AiohttpServer) -> None:
    async def too_large(_request: web.Request) -> web.Response:
        return web.Response(status=413, text="<h1>nginx</h1>", content_type="text/html")

    problem = await asked(aiohttp_server, too_large)
    assert isinstance(problem, RetryLater)
    assert str(problem) == "the proxy in front of the server accepts no file of this size (413)"


async def test_who_leads_to_https_names_the_address(aiohttp_server: AiohttpServer) -> None:
    async def secure(request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect(f"https://127.0.0.1{request.path}")

    problem = await asked(aiohttp_server, secure)
    assert isinstance(problem, TokenRejected)
    assert str(problem) == "The server wants https: give --server https://127.0.0.1."
