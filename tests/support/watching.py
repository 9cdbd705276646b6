"""Watchers in processes of their own, and a network between them and the service."""

import asyncio
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.service import Service, environment

#: A body's head, as the watcher sends it.
PUT = re.compile(rb"PUT [^ ]*/uploads/([0-9a-f]{64})[^ ]* HTTP/1.1\r\n")
RANGE = re.compile(rb"\r\nContent-Range: bytes (\d+)-(\d+)/(\d+)\r\n", re.IGNORECASE)
READ = 64 * 1024


@dataclass
class Line:
    """A TCP proxy that counts which bytes of which file went through it, and can be cut."""

    target: int
    port: int = 0
    #: hash -> [first, stop) of each body's bytes, as they were forwarded
    sent: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    #: Cut the next connection after so many bytes of a body.
    cut_after: int | None = None
    cuts: int = 0
    #: How often anything was broken so far, by whoever breaks it.
    blows: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def body_bytes(self) -> int:
        """How many bytes of pictures went through."""
        return sum(stop - first for spans in self.sent.values() for first, stop in spans)

    def most_often(self) -> int:
        """How often the byte went through that went through most often."""
        most = 0
        for spans in self.sent.values():
            depth = 0
            edges = sorted([(a, 1) for a, _ in spans] + [(b, -1) for _, b in spans])
            for _, step in edges:
                depth += step
                most = max(most, depth)
        return most

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection both ways."""
        self._writers.add(writer)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(up_writer)
        back = asyncio.create_task(self._back(up_reader, writer))
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._forth(reader, up_writer)
        for each in (up_writer, writer):
            with contextlib.suppress(OSError, RuntimeError):
                if each is up_writer and each.can_write_eof():
                    each.write_eof()
        with contextlib.suppress(asyncio.TimeoutError, OSError):
            await asyncio.wait_for(asyncio.shield(back), 5)
        back.cancel()
        for each in (up_writer, writer):
            self._writers.discard(each)
            each.close()

    async def _forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests[head.split(b" ", 1)[0].decode()] += 1
            writer.write(head)
            await writer.drain()
            length = re.search(rb"\r\nContent-Length: (\d+)\r\n", head, re.IGNORECASE)
            left = int(length[1]) if length else 0
            put, ranged = PUT.match(head), RANGE.search(head)
            spans, at = None, 0
            if put and ranged:
                spans = self.sent.setdefault(put[1].decode(), [])
                at = int(ranged[1])
            while left:
                data = await reader.read(min(READ, left))
                if not data:
                    return
                left -= len(data)
                if spans is not None:
                    spans.append((at, at + len(data)))
                    at += len(data)
                    if self.cut_after is not None:
                        self.cut_after -= len(data)
                        if self.cut_after <= 0:
                            self.cut_after = None
                            self.cut()
                            return
                writer.write(data)
                await writer.drain()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ):
                writer.write(data)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        """Break all connections, without a word."""
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def line_to(target: int, port: int = 0) -> AsyncIterator[Line]:
    """Open a line to a port of this machine."""
    line = Line(target)
    server = await asyncio.start_server(line.serve, "127.0.0.1", port)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.cut()


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "findme.watcher.cli", *words]


@dataclass
class Watch:
    """How a folder is watched; each start is another process with the same journal."""

    folder: Path
    url: str
    token: str
    journal: Path
    process: subprocess.Popen[str] | None = None

    def words(self, *more: str, as_json: bool = True) -> list[str]:
        every = ["--server", self.url, "--journal", str(self.journal), "--settle", "0.3"]
        every += ["--json"] if as_json else []
        return command("watch", str(self.folder), *every, "--rescan", "1", *more)

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Start it in the background."""
        self.process = subprocess.Popen(
            self.words(*more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(FINDME_TOKEN=self.token),
        )
        return self.process

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.wait()

    async def once(self, *more: str, seconds: float = 120) -> tuple[int, list[dict[str, Any]]]:
        """Run one pass; return the exit code and what it told."""
        return await run(self.words("--once", *more), self.token, seconds=seconds)


def told(events: list[dict[str, Any]], what: str) -> list[str]:
    """Return the files of which that was told."""
    return sorted(str(event["file"]) for event in events if event["event"] == what)


async def run(
    words: list[str], token: str | None, *, seconds: float = 120
) -> tuple[int, list[dict[str, Any]]]:
    """Run a command with --json; return the exit code and what it told."""
    code, out = await run_text(words, token, seconds=seconds)
    return code, [json.loads(text) for text in out.splitlines() if text.startswith("{")]


async def run_text(words: list[str], token: str | None, *, seconds: float = 120) -> tuple[int, str]:
    """Run a command; return the exit code and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(**({"FINDME_TOKEN": token} if token else {})),
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), seconds)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode()


@dataclass
class Desk:
    """An admin with an event and the token of its photographer."""

    http: aiohttp.ClientSession
    url: str
    admin: dict[str, str]
    event_id: str
    token: str
    token_id: str

    async def photos(self) -> list[dict[str, Any]]:
        """Return the event's photos."""
        found: list[dict[str, Any]] = []
        path = f"{self.url}/api/admin/events/{self.event_id}/photos?limit=1000"
        while path:
            async with self.http.get(path, headers=self.admin) as answer:
                assert answer.status == 200
                found += await answer.json()
                following = answer.links.get("next")
                path = str(following["url"]) if following else ""
        return found

    async def call(self, method: str, path: str, **options: Any) -> Any:
        headers = options.pop("headers", self.admin)
        async with self.http.request(method, self.url + path, headers=headers, **options) as got:
            assert got.status < 300, await got.text()
            return await got.json() if got.content_type == "application/json" else None


@asynccontextmanager
async def desk_of(service: Service, **token: object) -> AsyncIterator[Desk]:
    """Sign in, make an event and a token."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        desk = Desk(http, service.url, {}, "", "", "")
        credentials = {"email": service.admin_email, "password": service.admin_password}
        session = await desk.call("POST", "/api/auth/login", json=credentials, headers={})
        desk.admin = {"Authorization": f"Bearer {session['token']}"}
        event = await desk.call("POST", "/api/admin/events", json={"name": "Gala"})
        desk.event_id = event["id"]
        made = await desk.call(
            "POST", f"/api/admin/events/{event['id']}/tokens", json={"label": "Zoe", **token}
        )
        desk.token, desk.token_id = made["token"], made["id"]
        yield desk


def noisy(jpeg: bytes, size: int, seed: int) -> bytes:
    """Return a picture of about *size* bytes: the same, with a comment segment of noise."""
    noise = random.Random(seed)
    out = bytearray(jpeg[:2])
    # never without one: another seed gives other bytes
    while len(out) == 2 or len(out) + len(jpeg) < size:
        block = noise.randbytes(max(16, min(60_000, size - len(jpeg) - len(out))))
        out += b"\xff\xfe" + (len(block) + 2).to_bytes(2, "big") + block
    return bytes(out) + jpeg[2:]


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def age(path: Path, seconds: float) -> None:
    """Date a file back."""
    about = path.stat()
    os.utime(path, (about.st_atime - seconds, about.st_mtime - seconds))
