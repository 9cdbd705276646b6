"""What stands between two processes: bytes pass, wait or are cut, answers are replaced."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

import aiohttp
from aiohttp import web

READ = 64 * 1024
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Wire:
    """A TCP port of this machine behind which is another one, or a socket."""

    connect: Callable[[], Awaitable[Ends]]
    port: int = 0
    _refusing: bool = False
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Break all connections, and refuse others until it is mended."""
        self._refusing = True
        for writer in list(self._writers):
            writer.transport.abort()

    def stall(self) -> None:
        """Keep back every byte until it is mended."""
        self._flows.clear()

    def mend(self) -> None:
        """Let everything pass."""
        self._refusing = False
        self._flows.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection both ways, until one side ends it."""
        if self._refusing:
            writer.transport.abort()
            return
        try:
            behind_reader, behind_writer = await self.connect()
        except OSError:
            writer.transport.abort()
            return
        both = {writer, behind_writer}
        self._writers |= both
        ways = [
            asyncio.create_task(self._forward(reader, behind_writer)),
            asyncio.create_task(self._forward(behind_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers -= both
            for way in ways:
                way.cancel()
            for each in both:
                each.transport.abort() if self._refusing else each.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def open_wire(connect: Callable[[], Awaitable[Ends]]) -> AsyncIterator[Wire]:
    """Open a wire on a free port."""
    wire = Wire(connect)
    wire.mend()
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.cut()


class Trouble(Enum):
    """What an engine may do to a call."""

    THROTTLE = auto()
    SLOW_DOWN = auto()
    ERROR = auto()
    UNAVAILABLE = auto()
    #: Done, but the answer never arrives.
    LOST = auto()
    #: Neither done nor answered.
    CUT = auto()
    #: Done, and answered when it is over.
    STALL = auto()


_ANSWERS = {
    Trouble.THROTTLE: (400, "ProvisionedThroughputExceededException"),
    Trouble.SLOW_DOWN: (500, "ThrottlingException"),
    Trouble.ERROR: (500, "InternalServerError"),
    Trouble.UNAVAILABLE: (503, "ServiceUnavailable"),
}


@dataclass
class Gate:
    """Stands before a face engine, and answers in its place when told to."""

    engine_url: str
    #: Asked at each call; None lets it through.
    trouble: Callable[[], Trouble | None] = lambda: None
    port: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, trouble: Callable[[], Trouble | None]) -> None:
        """Answer the next calls as *trouble* says."""
        self._over.clear()
        self.trouble = trouble

    def mend(self) -> None:
        """Let every call through."""
        self.trouble = lambda: None
        self._over.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a call on, or not."""
        body = await request.read()
        trouble = self.trouble()
        if trouble in _ANSWERS:
            status, code = _ANSWERS[trouble]
            text = f'{{"__type": "{code}", "Message": "As chaos wants."}}'
            return web.Response(status=status, text=text, content_type="application/x-amz-json-1.1")
        if trouble is Trouble.CUT:
            return _hang_up(request)
        try:
            async with (
                aiohttp.ClientSession(auto_decompress=False) as session,
                # with the Host that was signed
                session.post(self.engine_url, data=body, headers=request.headers) as got,
            ):
                answer = web.Response(status=got.status, body=await got.read())
                answer.headers["Content-Type"] = got.headers["Content-Type"]
        except aiohttp.ClientError:  # the engine was killed
            return _hang_up(request)
        if trouble is Trouble.STALL:
            await self._over.wait()
        if trouble is Trouble.LOST:
            return _hang_up(request)
        return answer


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@asynccontextmanager
async def open_gate(engine_url: str) -> AsyncIterator[Gate]:
    """Open a gate before an engine, on a free port."""
    gate = Gate(engine_url)
    gate.mend()
    app = web.Application(client_max_size=16 * 1024**2)
    app.router.add_post("/", gate.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gate.port = runner.addresses[0][1]
    try:
        yield gate
    finally:
        await runner.cleanup()
