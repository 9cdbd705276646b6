"""Processes are killed while the evening goes on: nothing is lost, and nothing is there twice."""

import asyncio
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.support.pictures import drawn, labelled
from tests.support.scripted_guests import until
from tests.support.service import Service, running_service

KILLS = 10
UPLOADS = 200


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Path:
    """A data directory that PostgreSQL's user can reach."""
    folder = scratch / f"crash-{tmp_path_factory.mktemp('crash').name}"
    folder.mkdir()
    return folder / "var"


@dataclass
class ServiceClient:
    """An event of a service that may be away at any moment."""

    url: str
    session: aiohttp.ClientSession
    admin: dict[str, str] = field(default_factory=dict)
    event: dict[str, Any] = field(default_factory=dict)
    #: name -> token
    guests: dict[str, str] = field(default_factory=dict)
    #: file name -> photo id, as the 202 said
    accepted: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and JSON; 0 where there is no answer."""
        try:
            async with self.session.request(method, self.url + path, **options) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0, None

    async def open(self, service: Service) -> None:
        credentials = {"email": service.admin_email, "password": service.admin_password}
        _, body = await self.call("POST", "/api/auth/login", json=credentials)
        self.admin = {"Authorization": f"Bearer {body['token']}"}
        status, self.event = await self.call(
            "POST", "/api/admin/events", json={"name": "Gala"}, headers=self.admin
        )
        assert status == 201
        self.session.cookie_jar.clear()

    async def join(self, name: str, selfie: bytes) -> None:
        form = aiohttp.FormData()
        form.add_field("name", name)
        form.add_field("email", f"{name}@example.org")
        form.add_field("password", "a long password")
        form.add_field("consent", "yes")
        form.add_field("selfie", io.BytesIO(selfie), filename="selfie.jpg")
        status, body = await self.call("POST", f"/api/events/{self.event['code']}/join", data=form)
        assert status == 201, body
        self.session.cookie_jar.clear()
        self.guests[name] = body["token"]

    async def upload(self, name: str, data: bytes) -> None:
        """Send a photo again and again until it has its 202."""

        async def accepted() -> bool:
            status, body = await self.call(
                "POST",
                f"/api/events/{self.event['id']}/photos?filename={name}",
                data=data,
                headers={**self.admin, "Content-Type": "image/jpeg"},
            )
            assert status in (0, 202, 503), body
            if status == 202:
                self.accepted[name] = body["results"][0]["photo_id"]
            return status == 202

        await until(accepted, seconds=120)

    async def waiting(self) -> int:
        _, body = await self.call("GET", "/api/admin/queue/stats", headers=self.admin)
        return -1 if body is None else int(body["queue"]["current_queue_size"])

    async def until_idle(self) -> None:
        async def idle() -> bool:
            return await self.waiting() == 0

        await until(idle, seconds=120)

    async def mine(self, name: str) -> set[str]:
        status, body = await self.call(
            "GET",
            f"/api/my-photos?event={self.event['id']}&limit=1000",
            headers={"Authorization": f"Bearer {self.guests[name]}"},
        )
        assert status == 200
        return {photo["id"] for photo in body}

    async def photos(self) -> dict[str, dict[str, Any]]:
        path = f"/api/admin/events/{self.event['id']}/photos?limit=1000"
        status, body = await self.call("GET", path, headers=self.admin)
        assert status == 200
        photos = {photo["id"]: photo for photo in body}
        assert len(photos) == len(body)
        return photos

    async def jobs(self) -> list[dict[str, Any]]:
        path = "/api/admin/queue/jobs?limit=1000"
        status, body = await self.call("GET", path, headers=self.admin)
        assert status == 200
        return list(body)


def pictures() -> tuple[dict[str, bytes], dict[str, frozenset[str]], dict[str, bytes]]:
    """Return the photos by name, who is on the photographs, and some selfies."""
    known = labelled()
    some = dict(list(known.people.items())[:20])
    photos = {path.name: path.read_bytes() for path in some}
    photos |= {f"drawn-{n}.jpg": drawn(n) for n in range(UPLOADS - len(photos))}
    on_them = {path.name: people for path, people in some.items()}
    names = sorted({name for people in some.values() for name in people})[:4]
    return photos, on_them, {name: known.selfies[name].read_bytes() for name in names}


async def kill_again_and_again(client: ServiceClient, home: Path, service: Service) -> None:
    """SIGKILL the service after each further share of the uploads, and start it again."""
    port = int(service.url.rpartition(":")[2])
    for round_ in range(1, KILLS + 1):

        async def far_enough(share: float = round_ / (KILLS + 1)) -> bool:
            return len(client.accepted) >= UPLOADS * share

        await until(far_enough, seconds=120)
        service.kill()
        service = await asyncio.to_thread(start, home, port)
    client.url = service.url


def start(home: Path, port: int = 0) -> Service:
    """Start a service that the test ends itself."""
    started = running_service(home, port=port)
    service = started.__enter__()
    STARTED.append(started)
    return service


STARTED: list[Any] = []


@pytest.fixture(autouse=True)
def ended() -> Any:
    """End what a test has started."""
    yield
    while STARTED:
        STARTED.pop().__exit__(None, None, None)


async def test_ten_kills_lose_no_photo_that_was_accepted(home: Path) -> None:
    """Each is there once, processed once, with its matches; the uploader retries the others."""
    photos, on_them, selfies = pictures()
    service = await asyncio.to_thread(start, home)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        client = ServiceClient(service.url, session)
        await client.open(service)
        for name, selfie in selfies.items():
            await client.join(name, selfie)
        slots = asyncio.Semaphore(4)

        async def upload(name: str, data: bytes) -> None:
            async with slots:
                await client.upload(name, data)

        async with asyncio.TaskGroup() as group:
            group.create_task(kill_again_and_again(client, home, service))
            for name, data in photos.items():
                group.create_task(upload(name, data))
        await client.until_idle()

        stored = await client.photos()
        assert sorted(stored) == sorted(client.accepted.values())
        assert {photo["filename"] for photo in stored.values()} == photos.keys()
        assert {photo["state"] for photo in stored.values()} == {"indexed"}
        jobs = await client.jobs()
        assert {job["state"] for job in jobs} == {"done"}
        assert len([job for job in jobs if job["kind"] == "index_photo"]) == UPLOADS
        least, most = faces_expected(on_them)
        assert least <= sum(photo["faces"] for photo in stored.values()) <= most
        true = {
            (name, client.accepted[file])
            for file, people in on_them.items()
            for name in people & selfies.keys()
        }
        shown = {(name, photo) for name in selfies for photo in await client.mine(name)}
        assert len(shown & true) >= 0.85 * len(true)
        assert len(shown - true) <= 0.01 * len(shown)


def faces_expected(on_them: dict[str, frozenset[str]]) -> tuple[int, int]:
    """Return the least and most faces that all photos show; twice the faces is too many."""
    faces = [span for path, span in labelled().faces.items() if path.name in on_them]
    least, most = sum(low for low, _ in faces), sum(high for _, high in faces)
    return round(0.8 * least), round(1.2 * most) + 2


async def test_the_service_ends_when_its_database_does(home: Path) -> None:
    """Exit code 1 and a line that says why: whoever supervises it starts it anew."""
    service = await asyncio.to_thread(start, home)
    postgres = next(child for child in service.children() if "postgres" in child.name())

    postgres.kill()

    assert await asyncio.to_thread(service.process.wait, 60) == 1
    log = service.log.read_text(encoding="utf-8")
    assert "The embedded PostgreSQL has ended" in log
    assert "Traceback" not in log


async def test_the_face_service_is_started_again_and_its_work_waits(home: Path) -> None:
    photos, on_them, selfies = pictures()
    service = await asyncio.to_thread(start, home)
    async with aiohttp.ClientSession() as session:
        client = ServiceClient(service.url, session)
        await client.open(service)
        for name, selfie in list(selfies.items())[:1]:
            await client.join(name, selfie)
        for name in list(on_them)[:6]:
            await client.upload(name, photos[name])

        face_service(service).kill()

        for name in list(on_them)[6:10]:
            await client.upload(name, photos[name])
        await client.until_idle()
        stored = await client.photos()
        assert {photo["state"] for photo in stored.values()} == {"indexed"}
        assert {job["state"] for job in await client.jobs()} == {"done"}
        assert service.process.poll() is None
        assert face_service(service).is_running()


def face_service(service: Service) -> psutil.Process:
    return next(child for child in service.children() if "findme.engine" in child.cmdline())
