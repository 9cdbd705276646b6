"""Deletions of events overlap with whatever is written of them, and neither is given up for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db, queue
from findme.db import Pool
from findme.gallery import events
from findme.models import EventId, Job, JobKind
from findme.operations import retention
from findme.periodic import every
from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import add_expiring_event, bearer, event_names, problem
from tests.support.push_service import Browser
from tests.support.scripted_engine import Scripted
from tests.support.scripted_guests import run_due, until

ALICE, BOB = 1, 2

Writer = Callable[[EventBuilder], Awaitable[object]]


async def claim(builder: EventBuilder, kind: JobKind) -> Job:
    """Claim the one waiting job of a kind."""
    pool = builder.app.resources.pool
    await pool.execute("update job set run_at = now() where kind = $1", kind)
    async with db.acquire(pool) as conn:
        (job,) = [
            job
            for job in await queue.claim(conn, builder.app.queue.replica_id, 100)
            if job.kind is kind
        ]
    return job


def job_of(kind: JobKind) -> Writer:
    async def run(builder: EventBuilder) -> None:
        await builder.app.queue.run_job("PhotoWorker-0", await claim(builder, kind))

    return run


def call(method: str, path: str, *, admin: bool = False, json: object = None) -> Writer:
    """Return what calls *path* with the ids of the builder's event and first photo in it."""

    async def ask(builder: EventBuilder) -> None:
        selfie = await builder.app.resources.pool.fetchval("select max(id) from selfie")
        answer = await builder.app.client.request(
            method,
            path.format(event=builder.event_id, photo=builder.photos[0], selfie=selfie),
            headers=builder.app.admin if admin else bearer(builder.tokens[ALICE]),
            json=json,
        )
        assert answer.status in (200, 201, 204, 404), await answer.text()

    return ask


async def review(builder: EventBuilder) -> None:
    body = {"ids": [builder.photos[0]], "review": "hidden"}
    await call("POST", "/api/admin/photos/review", admin=True, json=body)(builder)


async def push(builder: EventBuilder) -> None:
    body = {"endpoint": "https://push.example.org/1", "keys": Browser().keys}
    await call("PUT", "/api/me/events/{event}/push", json=body)(builder)


OF_PHOTO = "/api/photos/{photo}/"


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """Two guests and what was found of them; a photo waits for its sweep."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        builder = await EventBuilder.create(app)
        for person in (ALICE, BOB):
            assert await builder.join(person) == "accepted"
        await builder.upload(ALICE, BOB)
        await builder.upload(ALICE)
        await app.drain()
        await builder.upload(BOB)
        await run_due(app)
        # one that has its small pictures, to be looked at again
        path = f"/api/admin/photos/{builder.photos[1]}/retry"
        assert (await app.client.post(path, headers=app.admin)).status == 202
        yield builder


@pytest.mark.parametrize("taken", ["nothing", "guests"])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(job_of(JobKind.MATCH_EVENT), id="sweep"),
        pytest.param(job_of(JobKind.INDEX_PHOTO), id="faces"),
        pytest.param(call("POST", OF_PHOTO + "me"), id="me"),
        pytest.param(call("POST", OF_PHOTO + "not-me"), id="not me"),
        pytest.param(call("POST", OF_PHOTO + "report", json={"reason": "other"}), id="report"),
        pytest.param(call("DELETE", "/api/me"), id="account"),
        pytest.param(call("DELETE", "/api/me/events/{event}"), id="leave"),
        pytest.param(push, id="push"),
        pytest.param(call("PUT", "/api/me/events/{event}/notify", json={"mail": False}), id="mail"),
        pytest.param(review, id="review"),
        pytest.param(call("DELETE", "/api/admin/photos/{photo}", admin=True), id="delete photo"),
        pytest.param(call("POST", "/api/admin/photos/{photo}/retry", admin=True), id="retry"),
    ],
)
async def test_who_writes_of_an_event_waits_for_its_deletion_with_nothing_in_hand(
    builder: EventBuilder, caplog: pytest.LogCaptureFixture, write: Writer, taken: str
) -> None:
    """The deletion is stopped where it has the event's row, or its guests' rows as well."""
    caplog.set_level(logging.INFO)
    pool, event_id = builder.app.resources.pool, EventId(int(builder.event_id))
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("select from event where id = $1 for update", event_id)
        if taken == "guests":
            await conn.execute("select from guest where event_id = $1 for update", event_id)
        writing = asyncio.ensure_future(write(builder))
        waits = """
            select exists (select from pg_stat_activity
                            where datname = current_database() and wait_event_type = 'Lock')"""
        await until(lambda: pool.fetchval(waits))
        await events.delete(conn, event_id)
    await writing

    assert "deadlock" not in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert await pool.fetchval("select count(*) from guest") == 0


async def give_up(pool: Pool, statement: str, *, times: int) -> None:
    """Have PostgreSQL say so many times of a statement what it says of a deadlock's victim."""
    await pool.execute(f"""
        create sequence victim;
        create function give_up() returns trigger language plpgsql as $$
        begin
            if nextval('victim') <= {times} then
                raise exception 'deadlock detected' using errcode = 'deadlock_detected';
            end if;
            return case tg_op when 'DELETE' then old else new end;
        end $$;
        create trigger give_up before {statement} for each row execute function give_up()""")


async def test_a_deletion_that_was_given_up_is_tried_again(builder: EventBuilder) -> None:
    await give_up(builder.app.resources.pool, "delete on event", times=2)
    answer = await builder.app.client.delete(
        f"/api/admin/events/{builder.event_id}", headers=builder.app.admin
    )
    assert answer.status == 204


async def test_who_was_given_up_for_another_is_asked_to_come_again(builder: EventBuilder) -> None:
    await give_up(builder.app.resources.pool, "delete on event", times=1000)
    answer = await builder.app.client.delete(
        f"/api/admin/events/{builder.event_id}", headers=builder.app.admin
    )
    assert await problem(answer) == (503, "contended")
    assert answer.headers["Retry-After"] == "1"


async def test_house_is_kept_when_a_deletion_was_given_up(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often: it is no reason for the service to end."""
    await add_expiring_event(pool, "over", "-1 second")
    await give_up(pool, "delete on event", times=2 * db.ATTEMPTS)
    task = asyncio.create_task(every(0, "Retention", partial(retention.delete_expired, pool)))

    async def gone() -> bool:
        assert not task.done()
        return await event_names(pool) == []

    await until(gone)
    task.cancel()
    await asyncio.wait([task])


async def test_a_job_that_was_given_up_loses_no_attempt(builder: EventBuilder) -> None:
    pool = builder.app.resources.pool
    await give_up(pool, "update on photo", times=1)
    job = await claim(builder, JobKind.INDEX_PHOTO)
    await builder.app.queue.run_job("PhotoWorker-0", job)
    noted = f"select state || attempts from job where id = {job.id}"
    assert await pool.fetchval(noted) == "queued0"

    await job_of(JobKind.INDEX_PHOTO)(builder)
    assert await pool.fetchval(noted) == "done1"
