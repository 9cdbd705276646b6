"""What the log says of a request that fails on our side."""

import logging

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from findme.web.middleware import problems


@pytest.mark.parametrize(
    ("error", "ending", "traceback"),
    [
        (
            ConnectionRefusedError(111, "Connection refused"),
            ": [Errno 111] Connection refused",
            False,
        ),
        (ValueError("odd"), "", True),
    ],
)
async def test_a_lost_database_is_one_line_and_a_bug_has_a_traceback(
    aiohttp_client: AiohttpClient,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    ending: str,
    traceback: bool,
) -> None:
    async def fail(_request: web.Request) -> web.Response:
        raise error

    app = web.Application(middlewares=[problems])
    app.router.add_get("/x", fail)
    client = await aiohttp_client(app)
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/x")
        body = await answer.json()

    assert (answer.status, body["code"]) == (500, "internal_error")
    (record,) = caplog.records
    request_id = body["detail"].rpartition(" ")[2].rstrip(").")
    assert record.getMessage() == f"[HTTP] GET /x failed, request {request_id}{ending}"
    assert bool(record.exc_info) == traceback
