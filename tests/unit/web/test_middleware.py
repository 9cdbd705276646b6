"""What the log says of a request that fails on our side."""

import logging

import asyncpg
import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from findme.web.middleware import problems


@pytest.mark.parametrize(
    ("error", "answered", "ending"),
    [
        (
            ConnectionRefusedError(111, "Connection refused"),
            (503, "database_away"),
            ": [Errno 111] Connection refused",
        ),
        (asyncpg.InterfaceError("connection is closed"), (503, "database_away"), " is closed"),
        (asyncpg.InterfaceError("no such argument"), (500, "internal_error"), None),
        (ValueError("odd"), (500, "internal_error"), None),
    ],
)
async def test_a_lost_database_is_one_line_and_a_bug_has_a_traceback(
    aiohttp_client: AiohttpClient,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    answered: tuple[int, str],
    ending: str | None,
) -> None:
    """A caller is asked to come again if a later try may succeed; *ending* is the log line's."""

    async def fail(_request: web.Request) -> web.Response:
        raise error

    app = web.Application(middlewares=[problems])
    app.router.add_get("/x", fail)
    client = await aiohttp_client(app)
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/x")
        body = await answer.json()

    assert (answer.status, body["code"]) == answered
    assert ("Retry-After" in answer.headers) == (answer.status == 503)
    (record,) = caplog.records
    assert record.getMessage().startswith("[HTTP] GET /x failed, request ")
    assert bool(record.exc_info) == (ending is None)
    if ending is None:
        assert body["detail"].rpartition(" ")[2].rstrip(").") in record.getMessage()
    else:
        assert record.getMessage().endswith(ending)
