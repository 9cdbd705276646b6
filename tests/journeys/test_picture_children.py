"""The children that read pictures, under the real service: killed, stopped, and left behind."""

import asyncio
import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.support.pictures import drawn
from tests.support.scripted_guests import until
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, Service, running_service


@pytest.fixture
def started(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Iterator[Service]:
    """A service whose data directory PostgreSQL's user can reach."""
    folder = scratch / f"pixels-{tmp_path_factory.mktemp('pixels').name}"
    folder.mkdir()
    with running_service(folder / "var") as service:
        yield service


def children(service: Service, tasks: str) -> list[psutil.Process]:
    """Return the children of the service, or of its face service, that run these tasks."""
    found = psutil.Process(service.pid).children(recursive=True)
    return [each for each in found if tasks in command_of(each)]


def command_of(process: psutil.Process) -> list[str]:
    """Return the command of a process; nothing if it has just ended."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


async def make_event(session: aiohttp.ClientSession) -> Any:
    """Sign in as the admin and make an event."""
    credentials = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    async with session.post("/api/auth/login", json=credentials) as answer:
        token = (await answer.json())["token"]
    session.cookie_jar.clear()
    session.headers["Authorization"] = f"Bearer {token}"
    async with session.post("/api/admin/events", json={"name": "Gala"}) as answer:
        return await answer.json()


async def upload(session: aiohttp.ClientSession, event: Any, number: int) -> None:
    """Upload a picture; it is accepted."""
    async with session.post(
        f"/api/events/{event['id']}/photos",
        params={"filename": f"{number}.jpg"},
        data=io.BytesIO(drawn(number, 2400, 1600)),
        headers={"Content-Type": "image/jpeg"},
    ) as answer:
        assert answer.status == 202, await answer.text()


async def test_photos_survive_children_that_are_killed_and_stopped(started: Service) -> None:
    async with aiohttp.ClientSession(started.url) as session:
        event = await make_event(session)
        for number, sign in enumerate((signal.SIGKILL, signal.SIGSTOP, signal.SIGKILL)):
            sending = [asyncio.create_task(upload(session, event, 4 * number + i)) for i in (1, 2)]
            for tasks in ("findme.media.image_tasks", "findme.engine.picture_tasks"):
                for child in children(started, tasks)[-1:]:
                    child.send_signal(sign)
            await asyncio.gather(*sending)

        async def indexed() -> bool:
            async with session.get(f"/api/admin/events/{event['id']}/photos") as answer:
                states = [photo["state"] for photo in await answer.json()]
            assert "failed" not in states
            return states == ["indexed"] * 6

        await until(indexed, seconds=180)


async def test_no_child_outlives_the_service_or_knows_its_secrets(started: Service) -> None:
    own = children(started, "findme.media.image_tasks")
    engines = children(started, "findme.engine.picture_tasks")
    assert (len(own), len(engines)) == (4, 1)
    for child in own + engines:
        environment = "\n".join(f"{name}={value}" for name, value in child.environ().items())
        assert ADMIN_PASSWORD not in environment
        assert "FINDME" not in environment
    # one of them hears nothing
    own[0].send_signal(signal.SIGSTOP)

    await asyncio.to_thread(started.kill)

    assert psutil.wait_procs(own + engines, timeout=60)[1] == []
