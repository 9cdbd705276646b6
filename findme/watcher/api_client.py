"""The server as a photographer's watcher sees it: a few calls, and what their failures mean.

A failure is one of three: worth another try (Later), final for a file (Refused), or final for the
whole run (Unwelcome). A file that is not what it was any more is Changed.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp
from yarl import URL

import findme
from findme.watcher.picture_files import NotYet, Picture

#: Seconds without a byte in either direction, after which a connection has died.
STALL_SECONDS = 90.0
CONNECT_SECONDS = 15.0
#: Bytes that are read of a file at a time.
READ = 512 * 1024
#: Hashes of one question, by the API.
MOST_HASHES = 1000
#: What tells an answer of FindMe from that of a proxy before it.
PROBLEM = "application/problem+json"


class Later(Exception):
    """It may go well another time."""

    def __init__(self, message: str, *, after: float | None = None, offline: bool = False) -> None:
        super().__init__(message)
        #: Seconds that the server asked to wait.
        self.after = after
        #: Whether the server was not reached at all.
        self.offline = offline


class Refused(Exception):
    """The server will not take this file."""


class Unwelcome(Exception):
    """The token is good for nothing here."""


class Changed(Exception):
    """The file was changed while it was sent."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the token is good for."""

    event_id: str
    event_name: str
    label: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What the server says that it has."""

    photo_id: str
    #: It had these bytes before.
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What the event has of the hashes that were asked for."""

    #: hash -> photo id
    photos: dict[str, str]
    #: Hashes of those whose pixels nobody has looked at yet.
    pending: frozenset[str]
    #: hash -> why, of those that cannot be read
    failed: dict[str, str]


class Throttle:
    """Lets so many bytes a second through; everything without a limit."""

    def __init__(self, bytes_per_s: float | None) -> None:
        self._rate = bytes_per_s
        self._free_at = 0.0

    @property
    def step(self) -> int:
        """Bytes to send at a time: a quarter of a second's, so that the line is used evenly."""
        return READ if self._rate is None else max(1024, min(READ, int(self._rate / 4)))

    def wait_for(self, count: int, now: float) -> float:
        """Return the seconds to wait before *count* bytes are sent; *now* is monotonic."""
        if self._rate is None:
            return 0.0
        wait = max(0.0, self._free_at - now)
        self._free_at = now + wait + count / self._rate
        return wait


class Server:
    """A FindMe server and the upload token to it."""

    def __init__(self, http: aiohttp.ClientSession, throttle: Throttle) -> None:
        self._http = http
        self._throttle = throttle
        #: Seconds by which this machine's clock is ahead of the server's; None: not known yet.
        self.clock_ahead_s: float | None = None

    async def own(self) -> Own:
        """Return what the token is good for."""
        body = await self._call("GET", "api/upload-token")
        return Own(body["event"]["id"], body["event"]["name"], body["label"])

    async def known(self, event_id: str, hashes: Sequence[str]) -> Known:
        """Return which of these bytes the event has, and what became of them."""
        body = await self._call(
            "POST", f"api/events/{event_id}/photos/known", json={"hashes": list(hashes)}
        )
        return Known(body["known"], frozenset(body["pending"]), body["failed"])

    async def report(self, told: Mapping[str, object]) -> None:
        """Tell how far the watcher is."""
        await self._call("POST", "api/upload-token/report", json=dict(told))

    async def send(self, event_id: str, picture: Picture, moved: Callable[[int], None]) -> Sent:
        """Send a picture, or what is missing of it; *moved* hears of bytes as they leave."""
        start = 0
        for _ in range(3):
            status, body = await self._put(event_id, picture, start, moved)
            if status == HTTPStatus.CONFLICT and "received" in body:
                # an earlier try got so far
                start = int(body["received"])
                continue
            if status == HTTPStatus.ACCEPTED:
                (verdict,) = body["results"]
                if verdict["sha256"] != picture.sha256:
                    raise Changed
                return Sent(verdict["photo_id"], verdict["status"] == "duplicate")
            raise Later("the server has not got all of it yet")
        raise Later("the server goes on at another place each time")

    async def _put(
        self, event_id: str, picture: Picture, start: int, moved: Callable[[int], None]
    ) -> tuple[int, dict[str, Any]]:
        size = picture.size_bytes
        ranged = f"{start}-{size - 1}" if start < size else "*"
        headers = {
            "Content-Type": "image/jpeg",
            "Content-Length": str(size - start),
            "Content-Range": f"bytes {ranged}/{size}",
        }
        async with _trouble() as watch:
            body = self._body(picture, start, moved, watch)
            async with self._http.put(
                f"api/events/{event_id}/uploads/{picture.sha256}",
                params={"filename": picture.filename},
                data=body if start < size else b"",
                headers=headers,
                allow_redirects=False,
                # a body that the server does not want is not sent
                expect100=start < size,
            ) as answer:
                try:
                    return await self._read(answer)
                finally:
                    # the body may be waiting for its 100 Continue still
                    if answer.status != HTTPStatus.ACCEPTED:
                        answer.close()

    async def _body(
        self, picture: Picture, start: int, moved: Callable[[int], None], watch: asyncio.Timeout
    ) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        left = picture.size_bytes - start
        with await asyncio.to_thread(picture.open) as file:
            file.seek(start)
            while left > 0:
                chunk = await asyncio.to_thread(file.read, min(self._throttle.step, left))
                if not chunk:
                    raise Changed
                await asyncio.sleep(self._throttle.wait_for(len(chunk), time.monotonic()))
                watch.reschedule(loop.time() + STALL_SECONDS)
                yield chunk
                left -= len(chunk)
                moved(len(chunk))

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        options["allow_redirects"] = False
        async with _trouble(), self._http.request(method, path, **options) as answer:
            return (await self._read(answer))[1]

    async def _read(self, answer: aiohttp.ClientResponse) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of an answer; raise what its failure means."""
        self._note_clock(answer)
        status = answer.status
        if status == HTTPStatus.NO_CONTENT:
            return status, {}
        if status < HTTPStatus.BAD_REQUEST and answer.content_type == "application/json":
            return status, await answer.json()
        if answer.content_type != PROBLEM:
            raise _stranger(answer)
        problem = await answer.json(content_type=None)
        code, detail = problem.get("code"), str(problem.get("detail"))
        if status == HTTPStatus.CONFLICT and code == "wrong_offset":
            return status, problem
        if code == "hash_mismatch":
            raise Changed
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise Unwelcome(
                "The server does not take this token: it was taken back, or the event is over."
                if status != HTTPStatus.FORBIDDEN
                else detail
            )
        if code == "event_closed":
            raise Unwelcome(detail)
        if status in (413, 415, 422):
            results = problem.get("results") or [{}]
            raise Refused(results[0].get("error") or detail)
        raise Later(detail, after=_retry_after(answer))

    def _note_clock(self, answer: aiohttp.ClientResponse) -> None:
        server = _date(answer, "Date")
        if server is None:
            return
        # the header's seconds are cut off: half a one on average
        ahead = time.time() - server - 0.5
        self.clock_ahead_s = 0.0 if abs(ahead) < 1 else round(ahead, 1)


def _retry_after(answer: aiohttp.ClientResponse) -> float | None:
    text = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    then, now = _date(answer, "Retry-After"), _date(answer, "Date")
    # by the server's clock: this machine's may be wrong
    return None if then is None else max(0.0, then - (time.time() if now is None else now))


def _date(answer: aiohttp.ClientResponse, header: str) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers[header]).timestamp()
    except (KeyError, ValueError):
        return None


def _stranger(answer: aiohttp.ClientResponse) -> Later | Unwelcome:
    """Return what it means that no FindMe answers: a proxy in between, or the network's own."""
    status, to = answer.status, answer.headers.get("Location")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Later(f"the server answers {status}", after=_retry_after(answer))
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        # not final for the file: whoever runs the proxy can set it right
        return Later("the proxy before the server takes no file of this size (413)")
    if to is not None:
        target = answer.url.join(URL(to))
        if target.host == answer.url.host and target.scheme == "https" != answer.url.scheme:
            return Unwelcome(f"The server wants https: give --server {target.origin()}.")
    return Later(f"no FindMe answers there ({status}): is it the network's login page?")


@asynccontextmanager
async def _trouble() -> AsyncIterator[asyncio.Timeout]:
    """Turn what a network does into Later."""
    try:
        async with asyncio.timeout(STALL_SECONDS) as watch:
            yield watch
    except TimeoutError as error:
        raise Later("the server is silent", offline=True) from error
    except aiohttp.ClientSSLError as error:
        why = (
            "the server's certificate is not accepted: are address and this computer's clock right?"
        )
        raise Later(why, offline=True) from error
    except aiohttp.ClientConnectorError as error:
        raise Later("the server cannot be reached", offline=True) from error
    except aiohttp.ClientError as error:
        # what went wrong inside the body, as a file that became shorter, lies below
        if isinstance(error.__cause__, Changed | NotYet):
            raise Changed from error
        if isinstance(error.__cause__, OSError) and error.__cause__.filename is not None:
            raise error.__cause__ from error
        raise Later("the connection broke", offline=True) from error


@asynccontextmanager
async def open_server(
    url: str, token: str, *, bytes_per_s: float | None = None
) -> AsyncIterator[Server]:
    """Open the way to a server; nothing is asked yet."""
    async with aiohttp.ClientSession(
        url.rstrip("/") + "/",
        headers={
            "Authorization": f"Bearer {token}",
            "User-Agent": f"findme-watch/{findme.__version__}",
        },
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as http:
        yield Server(http, Throttle(bytes_per_s))
