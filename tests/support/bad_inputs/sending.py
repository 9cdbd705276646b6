"""Sends requests byte by byte as they are written down, and tells the answer in a word or two."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

#: Seconds for an answer.
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """A service with an event that admits guests by their names alone."""

    port: int
    admin: Mapping[str, str]
    event_id: str
    code: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as a client of HTTP would send it."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] | None = None

    def as_bytes(self, target: Target) -> bytes:
        """Return it as it goes over the wire."""
        headers = {"Host": f"127.0.0.1:{target.port}", "Connection": "close"}
        headers |= target.admin if "/admin/" in self.path or "/uploads/" in self.path else {}
        headers |= (
            target.admin if self.path.endswith("/photos") or "?filename=" in self.path else {}
        )
        headers |= {"Content-Length": str(len(self.body))} if self.method != "GET" else {}
        headers |= self.headers or {}
        path = self.path.format(event_id=target.event_id, code=target.code)
        lines = [f"{self.method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + self.body


async def answer_to(target: Target, data: bytes) -> str:
    """Send bytes on a connection of their own; return the status, and the code of a problem.

    `closed` if the connection ends without an answer, `silent` if nothing happens.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            try:
                writer.write(data)
                await writer.drain()
                answer = await reader.read()
            except ConnectionError:
                return "closed"
    except TimeoutError:
        return "silent"
    finally:
        writer.close()
    return _told(answer)


def _told(answer: bytes) -> str:
    if not answer:
        return "closed"
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1].decode()
    if b"json" not in head.lower():
        return status
    told = json.loads(body)
    if isinstance(told, dict) and "code" in told and "detail" in told:
        return f"{status} {told['code']}"
    if isinstance(told, dict) and told.get("results"):
        return f"{status} {told['results'][0]['filename']}"
    return status
