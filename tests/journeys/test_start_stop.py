"""How the service starts, stops, and says what is wrong: as its operator meets it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.cli import findme
from tests.support.pictures import drawn, labelled
from tests.support.scripted_engine import Scripted, picture, scripted
from tests.support.scripted_guests import until
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, Service, running_service


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Path:
    """A data directory that PostgreSQL's user can reach."""
    folder = scratch / f"start-{tmp_path_factory.mktemp('start').name}"
    folder.mkdir()
    return folder / "var"


class Admin:
    """Calls of an admin over HTTP."""

    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        self.url = service.url
        self.session = session
        self.token = ""

    async def call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.session.request(
            method, self.url + path, headers=headers | options.pop("headers", {}), **options
        ) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json(content_type=None)

    async def sign_in(self, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> None:
        body = await self.call(
            "POST", "/api/auth/login", json={"email": email, "password": password}
        )
        self.token = body["token"]
        self.session.cookie_jar.clear()

    async def make_event(self) -> Any:
        return await self.call("POST", "/api/admin/events", json={"name": "Gala"})

    async def upload(self, event: Any, name: str, data: bytes) -> None:
        await self.call(
            "POST",
            f"/api/events/{event['id']}/photos?filename={name}",
            data=data,
            headers={"Content-Type": "image/jpeg"},
        )

    async def states(self, event: Any) -> list[str]:
        photos = await self.call("GET", f"/api/admin/events/{event['id']}/photos?limit=1000")
        return [photo["state"] for photo in photos]


async def test_sigterm_during_work_puts_jobs_back_and_data_survives(home: Path) -> None:
    """Exit code 0; nothing is left running; the next start goes on where the last one was."""
    photos = list(labelled().people)[:10]
    with running_service(home, first_start=True) as service:
        async with aiohttp.ClientSession() as session:
            admin = Admin(service, session)
            await admin.sign_in()
            event = await admin.make_event()
            for photo in photos:
                await admin.upload(event, photo.name, photo.read_bytes())
            for number in range(10):
                await admin.upload(event, f"{number}.jpg", drawn(number))

        assert await asyncio.to_thread(service.terminate) == 0
    log = service.log.read_text(encoding="utf-8")
    assert "Traceback" not in log
    with running_service(home) as service:
        async with aiohttp.ClientSession() as session:
            admin = Admin(service, session)
            await admin.sign_in()
            jobs = await admin.call("GET", "/api/admin/queue/jobs?limit=1000")
            assert max(job["attempts"] for job in jobs) <= 1

            async def all_indexed() -> bool:
                return await admin.states(event) == ["indexed"] * 20

            await until(all_indexed)
            stats = await admin.call("GET", "/api/admin/queue/stats")
            assert stats["queue"]["total_failed"] == 0

            second = await asyncio.to_thread(
                findme, "serve", "--port", "0", "--data-dir", str(home), cwd=home.parent
            )
            assert second.returncode == 1
            assert f"{home} is in use by another FindMe (process {service.pid})" in second.stderr
            assert "Traceback" not in second.stderr


@pytest.fixture
async def endpoint() -> AsyncIterator[Scripted]:
    async with scripted() as running:
        yield running


async def test_two_services_start_on_one_empty_database_and_share_the_work(
    home: Path, empty_database: str, endpoint: Scripted
) -> None:
    settings = {
        "DATABASE_URL": empty_database,
        "DB_POOL_SIZE": "4",
        "FACE_ENGINE": "aws",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_REKOGNITION": endpoint.url,
        "FACE_SETTLE_SECONDS": "0",
    }
    endpoint.latency = 0.1

    def start(name: str) -> Any:
        folder = home.parent / name
        folder.mkdir()
        started = running_service(folder / "var", settings=settings)
        return started, started.__enter__()

    pairs = await asyncio.gather(*(asyncio.to_thread(start, name) for name in ("one", "two")))
    try:
        services = [service for _, service in pairs]
        async with aiohttp.ClientSession() as session:
            admins = [Admin(service, session) for service in services]
            for admin in admins:
                await admin.sign_in()
            event = await admins[0].make_event()
            for number in range(30):
                await admins[number % 2].upload(event, f"{number}.jpg", picture(1, serial=number))

            async def all_indexed() -> bool:
                return await admins[1].states(event) == ["indexed"] * 30

            await until(all_indexed)
        logs = [service.log.read_text(encoding="utf-8") for service in services]
        assert all("[FaceRecognition][AWS] Using region: eu-west-1" in log for log in logs)
        assert all(" completed: " in log for log in logs)
        assert sum(log.count("Migration 0001_initial applied") for log in logs) == 1
        assert endpoint.calls["IndexFaces"] == 30
        assert len(endpoint.faces) == 30
    finally:
        for started, _ in pairs:
            await asyncio.to_thread(started.__exit__, None, None, None)


def test_a_port_in_use_ends_the_start_with_one_line(home: Path, service: Service) -> None:
    port = service.url.rpartition(":")[2]
    ended = findme("serve", "--port", port, "--data-dir", str(home), cwd=home.parent)

    assert ended.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_an_admin_made_on_the_command_line_can_sign_in(home: Path) -> None:
    """The service need not have run before; the password comes from standard input."""
    made = await asyncio.to_thread(
        findme,
        *("admin", "create", "boss@example.org", "--data-dir", str(home)),
        cwd=home.parent,
        stdin="a very long password\n",
    )
    assert (made.returncode, made.stdout) == (0, "boss@example.org is an admin.\n")
    short = await asyncio.to_thread(
        findme,
        *("admin", "create", "boss@example.org", "--data-dir", str(home)),
        cwd=home.parent,
        stdin="x\n",
    )
    assert short.returncode == 1
    with running_service(home) as service:
        async with aiohttp.ClientSession() as session:
            admin = Admin(service, session)
            await admin.sign_in("boss@example.org", "a very long password")
            assert (await admin.make_event())["name"] == "Gala"
