"""A photo whose job has failed for good is failed itself, so that nobody waits for it."""

from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.db import Record
from findme.jobs import job_runner
from findme.settings import Settings
from tests.support.scripted_event import ScriptedEvent, open_scripted_event

INTERRUPTED = "The service was interrupted each time this job ran."


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    """The evening on a scripted engine."""
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        yield opened


async def photo_of(builder: ScriptedEvent, photo_id: str) -> Record:
    row = await builder.pool.fetchrow(
        """
        select photo.state, photo.error, job.id as job_id, job.state as job_state
          from photo join job on photo_id = photo.id
         where photo.id = $1 order by job.id desc limit 1""",
        int(photo_id),
    )
    assert row is not None
    return row


async def interrupt(builder: ScriptedEvent) -> None:
    """Let the waiting jobs have taken too many processes down with them."""
    await builder.pool.execute(
        "update job set attempts = $1, interruptions = $1 where state = 'queued'",
        job_runner.MAX_INTERRUPTIONS + 1,
    )


async def retry(builder: ScriptedEvent, job_id: int, every: bool) -> None:
    path = "/api/admin/queue/jobs/retry" if every else f"/api/admin/queue/jobs/{job_id}/retry"
    body = {"state": "failed"} if every else None
    answer = await builder.call("POST", path, builder.app.admin, json=body)
    assert answer.status == 202, await answer.text()


@pytest.mark.parametrize(
    ("table", "before", "every"), [("image", "received", False), ("face", "prepared", True)]
)
async def test_a_bug_fails_the_photo_with_its_job_and_a_retry_brings_both_back(
    builder: ScriptedEvent, table: str, before: str, every: bool
) -> None:
    photo_id = await builder.upload(1)
    told: list[object] = []
    await builder.pool.execute("""
        create function trip() returns trigger language plpgsql as $$ begin
            raise 'tripped'; end $$""")
    await builder.pool.execute(
        f"create trigger trip before insert on {table} execute function trip()"
    )
    builder.app.resources.cache.listen(told.append)

    await builder.app.drain()

    row = await photo_of(builder, photo_id)
    assert (row["state"], row["error"]) == ("failed", "Unexpected error: tripped")
    assert row["job_state"] == "failed"
    # open pages look once more: when it was given up, and before that when its pictures were there
    assert len(told) == (1 if before == "received" else 2)

    await builder.pool.execute(f"drop trigger trip on {table}")
    await retry(builder, row["job_id"], every)
    row = await photo_of(builder, photo_id)
    assert (row["state"], row["error"], row["job_state"]) == (before, None, "queued")
    await builder.app.drain()
    assert (await photo_of(builder, photo_id))["state"] == "indexed"
    assert photo_id in await builder.guest_photos(1)


async def test_a_photo_that_takes_every_process_down_with_it_is_failed(
    builder: ScriptedEvent,
) -> None:
    photo_id = await builder.upload(1)
    await interrupt(builder)

    await builder.app.drain()

    row = await photo_of(builder, photo_id)
    assert (row["state"], row["error"], row["job_state"]) == ("failed", INTERRUPTED, "failed")


async def test_a_photo_keeps_its_faces_where_a_closer_look_at_it_fails(
    builder: ScriptedEvent,
) -> None:
    photo_id = builder.photos[0]
    answer = await builder.call(
        "POST", f"/api/admin/photos/{photo_id}/retry", builder.app.admin, json={"thorough": True}
    )
    assert answer.status == 202
    await interrupt(builder)

    await builder.app.drain()

    row = await photo_of(builder, photo_id)
    assert (row["state"], row["error"], row["job_state"]) == ("indexed", None, "failed")
