"""An evening at an engine that takes 200 ms for each call, ten of them at a time, without a quota.

The limit is what the calls themselves take: calls x latency / 10.
"""

import asyncio
import io
import tempfile
import time
from pathlib import Path

import aiohttp

from tests.support.scripted_engine import Scripted, picture, scripted
from tests.support.service import ADMIN_EMAIL, ADMIN_PASSWORD, running_service

PHOTOS, GUESTS, FACES = 100, 50, 3
LATENCY, IN_FLIGHT = 0.2, 10
Rows = list[tuple[str, str]]


async def measure() -> Rows:
    """Run the service against the scripted endpoint and return the figures."""
    async with scripted() as endpoint:
        endpoint.latency = LATENCY
        with tempfile.TemporaryDirectory(prefix="findme-bench-") as folder:
            await asyncio.to_thread(Path(folder).chmod, 0o755)
            settings = {
                "FACE_ENGINE": "aws",
                "AWS_REGION": "eu-west-1",
                "AWS_ACCESS_KEY_ID": "bench",
                "AWS_SECRET_ACCESS_KEY": "bench",
                "AWS_ENDPOINT_URL_REKOGNITION": endpoint.url,
                "AWS_CONCURRENT_REQUESTS": str(IN_FLIGHT),
                # a worker waits for its call: as many as calls in flight
                "PHOTO_QUEUE_WORKERS": str(IN_FLIGHT),
            }
            opened = running_service(Path(folder) / "data", settings=settings)
            # entered off the loop: the service asks the endpoint, which runs on it
            service = await asyncio.to_thread(opened.__enter__)
            try:
                return await _measure(service.url, endpoint)
            finally:
                await asyncio.to_thread(opened.__exit__, None, None, None)


async def _measure(url: str, endpoint: Scripted) -> Rows:
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar()) as http:
        answer = await http.post(
            "/api/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        )
        admin = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        event = await (
            await http.post("/api/admin/events", json={"name": "Bench"}, headers=admin)
        ).json()
        await asyncio.gather(*(_join(http, event["code"], guest) for guest in range(GUESTS)))
        await _until(http, admin, 0)
        begun = time.perf_counter()
        await _upload(http, event["id"], admin)
        wanted = PHOTOS * FACES
        took = await _until_matched(http, event["id"], admin, wanted) - begun
        limit = endpoint.paid * LATENCY / IN_FLIGHT
        return [
            (f"paid calls for {PHOTOS} photos, {GUESTS} guests", str(endpoint.paid)),
            ("calls x latency / 10", f"{limit:.1f} s"),
            ("first upload to last match", f"{took:.1f} s = {took / limit:.2f} times that"),
        ]


async def _join(http: aiohttp.ClientSession, code: str, guest: int) -> None:
    form = aiohttp.FormData()
    fields = {"name": f"guest {guest}", "email": f"{guest}@example.org", "consent": "yes"}
    for name, value in {**fields, "password": "a long password"}.items():
        form.add_field(name, value)
    form.add_field("selfie", io.BytesIO(picture(guest)), filename="selfie.jpg")
    answer = await http.post(f"/api/events/{code}/join", data=form)
    assert answer.status == 201, await answer.text()


async def _upload(http: aiohttp.ClientSession, event_id: str, admin: dict[str, str]) -> None:
    numbers = iter(range(PHOTOS))

    async def send() -> None:
        for number in numbers:
            people = [(number * FACES + index) % GUESTS for index in range(FACES)]
            async with http.post(
                f"/api/events/{event_id}/photos",
                params={"filename": f"{number}.jpg"},
                data=picture(*people, serial=number),
                headers={**admin, "Content-Type": "image/jpeg"},
            ) as answer:
                assert answer.status == 202

    await asyncio.gather(*(send() for _ in range(4)))


async def _until(http: aiohttp.ClientSession, admin: dict[str, str], size: int) -> None:
    while True:
        async with http.get("/api/admin/queue/stats", headers=admin) as answer:
            if (await answer.json())["queue"]["current_queue_size"] <= size:
                return
        await asyncio.sleep(0.1)


async def _until_matched(
    http: aiohttp.ClientSession, event_id: str, admin: dict[str, str], wanted: int
) -> float:
    while True:
        async with http.get(f"/api/admin/events/{event_id}", headers=admin) as answer:
            if (await answer.json())["counts"]["matches"] >= wanted:
                return time.perf_counter()
        await asyncio.sleep(0.05)
