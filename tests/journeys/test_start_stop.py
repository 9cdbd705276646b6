"""How the service starts, stops, and says what is wrong: as its operator meets it."""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from findme import cli
from tests.support.pictures import drawn, labelled
from tests.support.scripted_engine import Scripted, picture, scripted
from tests.support.scripted_guests import until
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, Service, environment, running_service

SECONDS = 120


def findme(
    *words: str, cwd: Path, given: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "findme", *words],
        env=environment(**settings),
        cwd=cwd,
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


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
    with running_service(home) as service:
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


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"FINDME_PROT": "8000"}, "Unknown setting FINDME_PROT"),
        ({"FINDME_PORT": "eighty"}, "FINDME_PORT: 'eighty' is not a whole number"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "cannot be reached"),
        ({"FACE_ENGINE": "aws", "DATABASE_URL": "x"}, "DATABASE_URL"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_line(
    tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    ended = findme("serve", "--port", "0", cwd=tmp_path, **settings)

    assert ended.returncode == 1
    assert line in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_ends_the_start_with_one_line(home: Path, service: Service) -> None:
    port = service.url.rpartition(":")[2]
    ended = findme("serve", "--port", port, "--data-dir", str(home), cwd=home.parent)

    assert ended.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def commands(parser: argparse.ArgumentParser, *words: str) -> Iterator[list[str]]:
    """Yield the words of each command that the parser knows, and none for the parser itself."""
    yield list(words)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from commands(below, *words, word)


@pytest.mark.parametrize("words", list(commands(cli._parser())), ids=" ".join)
def test_each_command_explains_itself(tmp_path: Path, words: list[str]) -> None:
    ended = findme(*words, "--help", cwd=tmp_path)

    assert ended.returncode == 0
    assert "usage: " in ended.stdout


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["serve", "--port", "many"],
        ["serve", "--role", "cook"],
        ["admin"],
        ["admin", "create"],
        ["faces", "--port", "many"],
    ],
)
def test_wrong_usage_exits_2(tmp_path: Path, words: list[str]) -> None:
    ended = findme(*words, cwd=tmp_path)

    assert ended.returncode == 2
    assert "usage: " in ended.stderr


async def test_migrate_brings_an_empty_database_up_to_date(
    tmp_path: Path, empty_database: str
) -> None:
    """And run again it changes nothing."""
    for _ in range(2):
        ended = await asyncio.to_thread(
            findme, "migrate", cwd=tmp_path, DATABASE_URL=empty_database
        )
        assert (ended.returncode, ended.stdout) == (0, "The database is up to date.\n")
    conn = await asyncpg.connect(empty_database)
    try:
        assert await conn.fetchval("select count(*) from event") == 0
        assert await conn.fetchval("select min(version) from schema_migration") == 1
    finally:
        await conn.close()


async def test_an_admin_made_on_the_command_line_can_sign_in(home: Path) -> None:
    """The service need not have run before; the password comes from standard input."""
    made = await asyncio.to_thread(
        findme,
        *("admin", "create", "boss@example.org", "--data-dir", str(home)),
        cwd=home.parent,
        given="a very long password\n",
    )
    assert (made.returncode, made.stdout) == (0, "boss@example.org is an admin.\n")
    short = await asyncio.to_thread(
        findme,
        *("admin", "create", "boss@example.org", "--data-dir", str(home)),
        cwd=home.parent,
        given="x\n",
    )
    assert short.returncode == 1
    with running_service(home) as service:
        async with aiohttp.ClientSession() as session:
            admin = Admin(service, session)
            await admin.sign_in("boss@example.org", "a very long password")
            assert (await admin.make_event())["name"] == "Gala"


def test_an_admin_without_a_given_password_gets_one(home: Path) -> None:
    """Without one on standard input, a password is made up and shown."""
    made = findme(
        *("admin", "create", "boss@example.org", "--data-dir", str(home)),
        cwd=home.parent,
    )

    assert made.returncode == 0
    assert "boss@example.org is an admin. The password is " in made.stdout
