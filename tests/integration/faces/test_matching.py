"""Guests and faces brought together over the real face service, whatever comes at once."""

import asyncio
from typing import Any

from findme import db, queue
from findme.faces.sweep_requests import enqueue_sweep
from findme.models import EventId
from tests.conftest import App
from tests.support.helpers import ask_to_join, join, make_event, selfie_of, someone, upload
from tests.support.pictures import drawn


def calls(app: App) -> dict[str, int]:
    return dict(app.resources.faces.meter.calls)


async def mine(app: App, event: dict[str, Any], headers: dict[str, str]) -> list[str]:
    answer = await app.client.get("/api/my-photos", params={"event": event["id"]}, headers=headers)
    return [photo["filename"] for photo in await answer.json()]


async def run_at_once(app: App) -> None:
    """Claim all that is due and run it at the same moment."""
    async with db.acquire(app.resources.pool) as conn:
        jobs = await queue.claim(conn, app.queue.replica_id, 100)
    await asyncio.gather(*(app.queue.run_job(f"PhotoWorker-{job.id}", job) for job in jobs))


async def test_a_collection_is_made_once_whoever_comes_first(app: App) -> None:
    event = await make_event(app)
    for number in range(3):
        await upload(app, event, f"{number}.jpg", drawn(number))
    await asyncio.gather(
        run_at_once(app),
        *(
            ask_to_join(app, event["code"], selfie_of(n), email=f"{n}@example.org")
            for n in range(2)
        ),
    )
    assert calls(app)["CreateCollection"] == 1
    assert calls(app)["IndexFaces"] == 5


async def test_guests_who_wait_for_the_engine_are_indexed_once(app: App) -> None:
    """Their selfies came during an outage; then three workers start on the event at once."""
    event = await make_event(app)
    for number in range(2):
        await join(app, event, selfie_of(number), f"{number}@example.org")
    pool = app.resources.pool
    await pool.execute("delete from reference")
    await pool.execute("update selfie set state = 'pending', claimed_until = null")
    for number in range(3):
        await upload(app, event, f"{number}.jpg", drawn(number))
    before = calls(app)["IndexFaces"]
    await run_at_once(app)
    assert calls(app)["IndexFaces"] - before == 2 + 3
    assert await pool.fetchval("select count(*) from selfie where state = 'accepted'") == 2


async def test_a_selfie_never_finds_photos_of_another_event(app: App) -> None:
    selfie, photo = someone()
    event, other = await make_event(app), await make_event(app, "Other")
    headers = await join(app, event, selfie)
    await upload(app, other, "theirs.jpg", photo)
    await app.drain()
    assert await mine(app, event, headers) == []
    assert await app.resources.pool.fetchval("select count(*) from match") == 0


async def test_a_job_that_runs_twice_adds_nothing(app: App) -> None:
    selfie, photo = someone()
    event = await make_event(app)
    headers = await join(app, event, selfie)
    await upload(app, event, "them.jpg", photo)
    await app.drain()
    pool = app.resources.pool
    tables = ("photo", "face", "image", "reference", "match")
    before = [await pool.fetchval(f"select count(*) from {name}") for name in tables]
    await pool.execute("update job set state = 'queued' where kind <> 'match_event'")
    await app.drain()
    assert [await pool.fetchval(f"select count(*) from {name}") for name in tables] == before
    assert await mine(app, event, headers) == ["them.jpg"]


async def test_a_list_that_was_cached_shows_a_new_match_at_once(app: App) -> None:
    selfie, photo = someone()
    event = await make_event(app)
    headers = await join(app, event, selfie)
    await app.drain()
    assert await mine(app, event, headers) == []
    await upload(app, event, "them.jpg", photo)
    await app.drain()
    assert await mine(app, event, headers) == ["them.jpg"]


async def test_what_is_compared_already_is_not_searched_again(app: App) -> None:
    selfie, photo = someone()
    event = await make_event(app)
    await join(app, event, selfie)
    await upload(app, event, "them.jpg", photo)
    await app.drain()
    before = calls(app)
    async with db.acquire(app.resources.pool) as conn:
        await enqueue_sweep(conn, EventId(int(event["id"])), delay=0, latest=0)
    await app.drain()
    assert calls(app) == before
