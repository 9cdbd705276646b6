"""The calls that a watcher makes to the server, and what their failures mean.

A failure is worth a retry (RetryLater), final for one file (FileRejected), or final for the whole
run (TokenRejected). A file that changed while it was sent raises FileChanged.
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
from findme.watcher.picture_files import IncompleteFile, Picture

#: Seconds without a byte in either direction after which a connection counts as dead.
STALL_SECONDS = 90.0
CONNECT_SECONDS = 15.0
#: Bytes that are read from a file at a time.
READ = 512 * 1024
#: The API's limit for hashes per request.
MOST_HASHES = 1000
#: FindMe's errors have this type; those of a proxy in front of it do not.
PROBLEM = "application/problem+json"


class RetryLater(Exception):
    """The call failed, and a retry may succeed."""

    def __init__(self, message: str, *, after: float | None = None, offline: bool = False) -> None:
        super().__init__(message)
        #: Seconds that the server asked to wait.
        self.after = after
        #: Whether the server was not reached at all.
        self.offline = offline


class FileRejected(Exception):
    """The server rejects this file for good."""


class TokenRejected(Exception):
    """The server rejects the token: the run cannot go on."""


class FileChanged(Exception):
    """The file changed while it was sent."""


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """The event and the photographer that a token belongs to."""

    event_id: str
    event_name: str
    label: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The server's confirmation of a file."""

    photo_id: str
    #: The server had these bytes already.
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Known:
    """The server's answer about a list of hashes."""

    #: hash -> photo id
    photos: dict[str, str]
    #: Hashes of pictures that the server has not decoded yet.
    pending: frozenset[str]
    #: hash -> reason, of pictures that the server cannot read
    failed: dict[str, str]


class Throttle:
    """Limits the bytes that are sent per second; None is no limit."""

    def __init__(self, bytes_per_s: float | None) -> None:
        self._rate = bytes_per_s
        self._free_at = 0.0

    @property
    def step(self) -> int:
        """Bytes to send at a time: a quarter second of the rate, so that sending is even."""
        return READ if self._rate is None else max(1024, min(READ, int(self._rate / 4)))

    def wait_for(self, count: int, now: float) -> float:
        """Return the seconds to wait before *count* bytes are sent; *now* is monotonic."""
        if self._rate is None:
            return 0.0
        wait = max(0.0, self._free_at - now)
        self._free_at = now + wait + count / self._rate
        return wait


class ApiClient:
    """Calls a FindMe server with an upload token."""

    def __init__(self, http: aiohttp.ClientSession, throttle: Throttle) -> None:
        self._http = http
        self._throttle = throttle
        #: Seconds that this machine's clock is ahead of the server's; None: not known yet.
        self.clock_ahead_s: float | None = None

    async def own(self) -> TokenInfo:
        """Return the event and the photographer of the token."""
        body = await self._call("GET", "api/upload-token")
        return TokenInfo(body["event"]["id"], body["event"]["name"], body["label"])

    async def known(self, event_id: str, hashes: Sequence[str]) -> Known:
        """Return which of these hashes the event has, and their state."""
        body = await self._call(
            "POST", f"api/events/{event_id}/photos/known", json={"hashes": list(hashes)}
        )
        return Known(body["known"], frozenset(body["pending"]), body["failed"])

    async def report(self, told: Mapping[str, object]) -> None:
        """Report the watcher's progress."""
        await self._call("POST", "api/upload-token/report", json=dict(told))

    async def send(self, event_id: str, picture: Picture, moved: Callable[[int], None]) -> Sent:
        """Send a picture, or its missing part; *moved* is called with the number of bytes sent."""
        start = 0
        for _ in range(3):
            status, body = await self._put(event_id, picture, start, moved)
            if status == HTTPStatus.CONFLICT and "received" in body:
                # an earlier attempt sent the bytes before
                start = int(body["received"])
                continue
            if status == HTTPStatus.ACCEPTED:
                (verdict,) = body["results"]
                if verdict["sha256"] != picture.sha256:
                    raise FileChanged
                return Sent(verdict["photo_id"], verdict["status"] == "duplicate")
            raise RetryLater("the server has not received all of it yet")
        raise RetryLater("the server resumes at another offset each time")

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
        async with _network_errors() as watch:
            body = self._body(picture, start, moved, watch)
            async with self._http.put(
                f"api/events/{event_id}/uploads/{picture.sha256}",
                params={"filename": picture.filename},
                data=body if start < size else b"",
                headers=headers,
                allow_redirects=False,
                # the server can refuse before the body is sent
                expect100=start < size,
            ) as answer:
                try:
                    return await self._read(answer)
                finally:
                    # the body may still wait for 100 Continue
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
                    raise FileChanged
                await asyncio.sleep(self._throttle.wait_for(len(chunk), time.monotonic()))
                watch.reschedule(loop.time() + STALL_SECONDS)
                yield chunk
                left -= len(chunk)
                moved(len(chunk))

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        options["allow_redirects"] = False
        async with _network_errors(), self._http.request(method, path, **options) as answer:
            return (await self._read(answer))[1]

    async def _read(self, answer: aiohttp.ClientResponse) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of an answer, or raise the error that its failure means."""
        self._note_clock(answer)
        status = answer.status
        if status == HTTPStatus.NO_CONTENT:
            return status, {}
        if status < HTTPStatus.BAD_REQUEST and answer.content_type == "application/json":
            return status, await answer.json()
        if answer.content_type != PROBLEM:
            raise _foreign_answer(answer)
        problem = await answer.json(content_type=None)
        code, detail = problem.get("code"), str(problem.get("detail"))
        if status == HTTPStatus.CONFLICT and code == "wrong_offset":
            return status, problem
        if code == "hash_mismatch":
            raise FileChanged
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise TokenRejected(
                "The server rejects this token: it was revoked, or the event is over."
                if status != HTTPStatus.FORBIDDEN
                else detail
            )
        if code == "event_closed":
            raise TokenRejected(detail)
        if status in (413, 415, 422):
            results = problem.get("results") or [{}]
            raise FileRejected(results[0].get("error") or detail)
        raise RetryLater(detail, after=_retry_after(answer))

    def _note_clock(self, answer: aiohttp.ClientResponse) -> None:
        server = _date(answer, "Date")
        if server is None:
            return
        # the header has whole seconds: it is half a second early on average
        ahead = time.time() - server - 0.5
        self.clock_ahead_s = 0.0 if abs(ahead) < 1 else round(ahead, 1)


def _retry_after(answer: aiohttp.ClientResponse) -> float | None:
    text = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    then, now = _date(answer, "Retry-After"), _date(answer, "Date")
    # compare with the server's clock: this machine's may be wrong
    return None if then is None else max(0.0, then - (time.time() if now is None else now))


def _date(answer: aiohttp.ClientResponse, header: str) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers[header]).timestamp()
    except (KeyError, ValueError):
        return None


def _foreign_answer(answer: aiohttp.ClientResponse) -> RetryLater | TokenRejected:
    """Return the error for an answer that is not FindMe's: a proxy's, or a login page's."""
    status, to = answer.status, answer.headers.get("Location")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return RetryLater(f"the server answers {status}", after=_retry_after(answer))
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        # not final for the file: the proxy's limit can be raised
        return RetryLater("the proxy in front of the server accepts no file of this size (413)")
    if to is not None:
        target = answer.url.join(URL(to))
        if target.host == answer.url.host and target.scheme == "https" != answer.url.scheme:
            return TokenRejected(f"The server wants https: give --server {target.origin()}.")
    return RetryLater(f"the answer is not FindMe's ({status}): is it the network's login page?")


@asynccontextmanager
async def _network_errors() -> AsyncIterator[asyncio.Timeout]:
    """Translate network errors to RetryLater, and errors of the file to FileChanged."""
    try:
        async with asyncio.timeout(STALL_SECONDS) as watch:
            yield watch
    except TimeoutError as error:
        raise RetryLater("the server is silent", offline=True) from error
    except aiohttp.ClientSSLError as error:
        why = "the server's certificate is not valid: check the address and this computer's clock"
        raise RetryLater(why, offline=True) from error
    except aiohttp.ClientConnectorError as error:
        raise RetryLater("the server cannot be reached", offline=True) from error
    except aiohttp.ClientError as error:
        # an error inside the body, such as a file that became shorter, is the cause
        if isinstance(error.__cause__, FileChanged | IncompleteFile):
            raise FileChanged from error
        if isinstance(error.__cause__, OSError) and error.__cause__.filename is not None:
            raise error.__cause__ from error
        raise RetryLater("the connection broke", offline=True) from error


@asynccontextmanager
async def open_server(
    url: str, token: str, *, bytes_per_s: float | None = None
) -> AsyncIterator[ApiClient]:
    """Open the client of a server; this makes no call yet."""
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
        yield ApiClient(http, Throttle(bytes_per_s))
