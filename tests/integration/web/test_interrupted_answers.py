"""Answers that do not get to their end: the phone hangs up, or what is sent goes away."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from findme import db, server
from findme.gallery import photos
from findme.jobs.no_workers import NoWorkers
from findme.models import PhotoId
from tests.conftest import App
from tests.support.clean_files import store_plan
from tests.support.helpers import Member, add_match, make_event, member, upload
from tests.support.no_engine_app import app, settings
from tests.support.pictures import drawn

__all__ = ["app", "settings"]

#: More than all buffers between the service and a phone that does not read.
LARGE = 16 * 1024**2


@dataclass(frozen=True)
class Guest:
    """A guest with one large photo, and the service as `findme serve` runs it.

    The test client's own server is another: it cancels what a lost connection was asked for.
    """

    member: Member
    photo_id: PhotoId
    origin: URL


@pytest.fixture
async def guest(app: App) -> AsyncIterator[Guest]:
    event = await make_event(app)
    joined = await member(app.resources.pool, event)
    content = drawn(3) + bytes(LARGE)
    verdict = await upload(app, event, "large.jpg", content)
    photo_id = PhotoId(int(verdict["photo_id"]))
    async with db.acquire(app.resources.pool) as conn:
        await add_match(conn, joined.guest_id, photo_id, 99.0)
        # guests would not get what is behind the picture
        await store_plan(conn, photo_id, content)
        await photos.mark_prepared(conn, photo_id, placeholder="#000", width=1, height=1)
    runner = web.AppRunner(
        server.make_app(replace(app.resources, queue=NoWorkers()), "all"), access_log=None
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield Guest(joined, photo_id, URL(f"http://127.0.0.1:{runner.addresses[0][1]}"))
    await runner.cleanup()


@asynccontextmanager
async def reading(guest: Guest, route: str) -> AsyncIterator[socket.socket]:
    """Ask for something large, read where it begins, and then nothing; at the end hang up."""
    url = guest.origin.join(URL(route.replace("{id}", f"{guest.photo_id}?size=original")))
    loop = asyncio.get_running_loop()
    with socket.socket() as phone:
        phone.setblocking(False)
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # closing resets the connection, as a network does that goes away
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await loop.sock_connect(phone, (url.host, url.port))
        ask = f"GET {url.raw_path_qs} HTTP/1.1\r\nHost: x\r\n"
        ask += f"Authorization: {guest.member.headers['Authorization']}\r\n\r\n"
        await loop.sock_sendall(phone, ask.encode())
        assert await loop.sock_recv(phone, 12) == b"HTTP/1.1 200"
        yield phone


async def assert_cut_off(phone: socket.socket) -> None:
    """The connection ends before the photo does, and nothing else passes for its rest."""
    loop, last, length = asyncio.get_running_loop(), b"", 0
    with suppress(ConnectionResetError):
        async with asyncio.timeout(60):
            while piece := await loop.sock_recv(phone, 2**16):
                last, length = last[-20:] + piece, length + len(piece)
                assert b"HTTP/1.1" not in last
    assert length < LARGE


async def counted(app: App, guest: Guest, route: str, status: int) -> None:
    """Wait until a request to that route has been counted with that status."""
    line = f'route="{route}",status="{status}"'
    async with asyncio.timeout(60), aiohttp.ClientSession(headers=app.admin) as session:
        while True:
            async with session.get(guest.origin / "metrics") as answer:
                if line in await answer.text():
                    return


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what would call for somebody, of whichever logger."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("route", ["/api/photo/{id}", "/api/my-photos.zip"])
async def test_a_phone_that_hangs_up_is_no_failure_of_ours(
    app: App, guest: Guest, caplog: pytest.LogCaptureFixture, route: str
) -> None:
    """Nothing is logged as an error, and the request counts as one whose caller went away."""
    async with reading(guest, route):
        pass
    await counted(app, guest, route, 499)
    assert errors(caplog) == []


async def test_a_phone_that_takes_nothing_any_more_is_hung_up_on(
    app: App, guest: Guest, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees a connection that has ended, not the page of an error within a picture."""
    monkeypatch.setattr("findme.web.streaming.WRITE_SECONDS", 0.05)
    async with reading(guest, "/api/photo/{id}") as phone:
        await counted(app, guest, "/api/photo/{id}", 499)
        await assert_cut_off(phone)
    assert errors(caplog) == []


async def test_a_photo_that_is_deleted_while_it_is_sent_ends_the_connection(
    app: App, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    """What follows on the connection would pass for the rest of the picture."""
    async with reading(guest, "/api/photo/{id}") as phone:
        await app.resources.pool.execute("delete from photo")
        await assert_cut_off(phone)
    assert errors(caplog) == []


async def test_what_breaks_while_an_answer_is_sent_is_logged_and_not_sent(
    app: App, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure of ours stays one, and no error page gets into the picture."""
    async with reading(guest, "/api/photo/{id}") as phone:
        await app.resources.pool.execute("alter table image_chunk rename to elsewhere")
        await assert_cut_off(phone)
    (message,) = errors(caplog)
    assert "failed" in message
