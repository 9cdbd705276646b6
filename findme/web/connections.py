"""The server's connections: how long a sender may be silent, and how many an address may hold.

aiohttp reads and answers requests; this adds what it leaves to a proxy in front of it. There may
be none.
"""

import asyncio
import logging
from collections import Counter
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from findme.web import proxies
from findme.web.keys import SERVER, SETTINGS
from findme.web.proxies import Networks

log = logging.getLogger(__name__)

#: Seconds from the first byte of a request to the end of its headers.
HEADER_SECONDS = 10.0
#: Seconds that a connection without a request is kept.
IDLE_SECONDS = 75.0
#: Connections of one address: 300 guests of a party share one, with a stream and some requests.
MOST_PER_ADDRESS = 2000

_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\nServer: FindMe\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


def most_per_address(open_files: int) -> int:
    """Return the connections of one address if so many files may be open: at most half of them."""
    return min(MOST_PER_ADDRESS, open_files // 2)


class Connection(RequestHandler):
    """One connection, whose requests must arrive in time."""

    __slots__ = ("_counted", "_deadline", "_listener")

    def __init__(self, listener: "Listener", **options: Any) -> None:
        super().__init__(listener, **options)
        self._listener = listener
        self._counted: str | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve a connection, or end it if its address holds too many."""
        peer = transport.get_extra_info("peername")
        self._counted = self._listener.count(peer[0] if isinstance(peer, tuple) else "")
        if self._counted is None:
            self._manager = None  # nothing was begun that `connection_lost` would have to end
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget a connection."""
        self._end_deadline()
        if self._counted is not None:
            self._listener.discount(self._counted)
            self._counted = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; once a request has begun, its headers have to be there in time."""
        before = self._request_count
        super().data_received(data)
        if self._request_count > before:
            self._end_deadline()
        # without a request in progress, what arrived is the beginning of one
        elif data and self._deadline is None and self._waiter is not None:
            self._deadline = self._loop.call_later(self._listener.header_seconds, self._too_slow)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that is no HTTP, in one line of the log; others as usual."""
        if status == 400 and isinstance(exc, HttpProcessingError):
            reason = (exc.message or "").strip().splitlines()[:1]
            log.info("[HTTP] Malformed request from %s: %s", request.remote, *reason or ["-"])
            response: web.StreamResponse = web.Response(status=400, text="Malformed request.\n")
            response.force_close()
        else:
            response = super().handle_error(request, status, exc, message)
        response.headers["Server"] = SERVER
        return response

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Log a bug with its trace, and a broken body, which was answered, not once more."""
        if not isinstance(options.get("exc_info"), web.RequestPayloadError | HttpProcessingError):
            super().log_exception(*args, **options)

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport is not None:
            self.transport.write(_TOO_SLOW)
        self.force_close()

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Listener(web.Server):
    """Makes connections, and counts them by address."""

    def __init__(
        self,
        handler: Any,
        *,
        trusted: Networks,
        most: int,
        header_seconds: float,
        **options: Any,
    ) -> None:
        super().__init__(handler, **options)
        self._trusted = trusted
        self._most = most
        self._by_address: Counter[str] = Counter()
        self.header_seconds = header_seconds

    def __call__(self) -> RequestHandler:
        """Return what serves the next connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def count(self, address: str) -> str | None:
        """Count a connection, and return under what; None if its address holds too many.

        Proxies of ours hold the connections of all visitors.
        """
        if proxies.is_of(address, self._trusted):
            return ""
        counted = proxies.household(address)
        if self._by_address[counted] >= self._most:
            log.warning("[HTTP] %s holds %d connections: no more", counted, self._most)
            return None
        self._by_address[counted] += 1
        return counted

    def discount(self, counted: str) -> None:
        """Forget a connection that was counted."""
        if counted:
            self._by_address[counted] -= 1
            if not self._by_address[counted]:
                del self._by_address[counted]


class Runner(web.AppRunner):
    """Runs the application behind such connections."""

    __slots__ = ("_header_seconds", "_most")

    def __init__(
        self,
        app: web.Application,
        *,
        most: int = MOST_PER_ADDRESS,
        header_seconds: float = HEADER_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        **options: Any,
    ) -> None:
        super().__init__(app, keepalive_timeout=idle_seconds, **options)
        self._most = most
        self._header_seconds = header_seconds

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return Listener(
            made.request_handler,
            trusted=self.app[SETTINGS].trusted_proxies,
            most=self._most,
            header_seconds=self._header_seconds,
            request_factory=made.request_factory,
            loop=made._loop,
            **made._kwargs,
        )
