"""Connections: silent senders are let go of, and no address takes all of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web

from findme.settings import Settings
from findme.web import connections
from findme.web.keys import SETTINGS
from findme.web.request_bodies import with_read_timeout

ADDRESS = "127.0.0.1"
WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#: Seconds in which a connection has ended, on any machine.
PATIENCE = 30

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[int], Awaitable[Streams]]


async def answer(request: web.Request) -> web.Response:
    await with_read_timeout(request.read())
    return web.Response(text="here")


@asynccontextmanager
async def serving(settings: Settings | None = None, **options: Any) -> AsyncIterator[int]:
    """Serve, and yield the port."""
    app = web.Application()
    app[SETTINGS] = settings or Settings()
    app.router.add_route("*", "/", answer)
    runner = connections.Runner(app, access_log=None, shutdown_timeout=0.1, **options)
    await runner.setup()
    try:
        await web.TCPSite(runner, ADDRESS, 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open connections that end with the test."""
    async with AsyncExitStack() as stack:

        async def opened(port: int) -> Streams:
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            stack.callback(writer.close)
            return reader, writer

        yield opened


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return await reader.read()


async def is_served(connect: Connect, port: int) -> bool:
    reader, writer = await connect(port)
    try:
        writer.write(WHOLE)
        async with asyncio.timeout(PATIENCE):
            return (await reader.readline()).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


@pytest.mark.parametrize("begun", [b"G", WHOLE[:-2], b"POST / HTTP/1.1\r\nX: "])
async def test_headers_that_stop_half_way_are_let_go_of(connect: Connect, begun: bytes) -> None:
    async with serving(header_seconds=0.1) as port:
        reader, writer = await connect(port)
        writer.write(begun)
        assert (await rest_of(reader)).startswith(b"HTTP/1.1 408 ")


async def test_so_are_those_of_a_later_request(connect: Connect) -> None:
    async with serving(header_seconds=0.1) as port:
        reader, writer = await connect(port)
        writer.write(WHOLE)
        async with asyncio.timeout(PATIENCE):
            assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        writer.write(WHOLE[:-2])
        assert (await rest_of(reader)).startswith(b"HTTP/1.1 408 ")


async def test_a_trickle_of_bytes_gains_no_time(connect: Connect) -> None:
    async with serving(header_seconds=0.3) as port:
        reader, writer = await connect(port)
        ended = asyncio.create_task(rest_of(reader))
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait([ended], timeout=0.02)
        assert (await ended).startswith(b"HTTP/1.1 408 ")


async def test_a_slow_body_is_not_a_slow_header(connect: Connect) -> None:
    async with serving(header_seconds=0.01) as port:
        reader, writer = await connect(port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        told = asyncio.create_task(rest_of(reader))
        for piece in (b"a", b"b"):
            writer.write(piece)
            # longer than headers may take
            assert await asyncio.wait([told], timeout=0.05) == (set(), {told})
        writer.write(b"c")
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await told).count(b"here") == 2


async def test_a_connection_without_a_request_ends(connect: Connect) -> None:
    async with serving(idle_seconds=0.1) as port:
        for sent in (b"", WHOLE):
            reader, writer = await connect(port)
            writer.write(sent)
            assert bool(await rest_of(reader)) is bool(sent)


def test_the_times_are_those_of_the_documents() -> None:
    assert (connections.HEADER_SECONDS, connections.IDLE_SECONDS) == (10, 75)


async def test_an_address_holds_so_many_connections_and_no_more(connect: Connect) -> None:
    async with serving(most=2) as port:
        held = [await connect(port) for _ in range(2)]
        assert not await is_served(connect, port)
        held[0][1].close()
        await held[0][1].wait_closed()
        async with asyncio.timeout(PATIENCE):
            while not await is_served(connect, port):
                pass


async def test_our_own_proxies_hold_the_connections_of_all(connect: Connect) -> None:
    settings = Settings(trusted_proxies=(ip_network("127.0.0.0/8"),))
    async with serving(settings, most=2) as port:
        for _ in range(5):
            assert await is_served(connect, port)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nbroken header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_one_line_of_the_log(
    connect: Connect, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    caplog.set_level(logging.INFO)
    async with serving() as port:
        reader, writer = await connect(port)
        writer.write(sent)
        told = await rest_of(reader)

    assert told.split(b" ", 2)[1] == b"400"
    assert b"Server: FindMe\r\n" in told
    assert b"aiohttp" not in told
    (record,) = caplog.records
    assert record.getMessage().startswith("[HTTP] Malformed request from 127.0.0.1: ")
    assert "\n" not in record.getMessage()
    assert record.exc_info is None


async def test_a_body_that_is_no_gzip_is_one_line_too(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving() as port:
        reader, writer = await connect(port)
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n"
        writer.write(head + b"{}")
        told = await rest_of(reader)

    assert told.split(b" ", 2)[1] == b"400"
    assert [record.levelname for record in caplog.records] == ["INFO"]
