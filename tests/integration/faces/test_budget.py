"""What an evening costs: counted at a scripted endpoint, against the exhaustive search."""

import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db
from findme.db import Pool
from findme.faces import matching
from findme.models import EngineFaceId
from findme.recognition.types import Similar
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.event_builder import EventBuilder
from tests.support.face_rows import add_photo, add_reference
from tests.support.helpers import add_gala
from tests.support.scripted_engine import SAME, Scripted
from tests.support.scripted_guests import exhaustive, flush, matched, run_due, until_idle

GUESTS, PHOTOS, FACES = 50, 100, 3


@pytest.fixture
async def patient(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[App]:
    """The application whose sweeps wait until a test asks for them."""
    slow = replace(settings, face_idle_seconds=600.0, face_flush_seconds=3600.0)
    async with application(aiohttp_client, slow, database, endpoint_url=endpoint.url) as app:
        yield app


def evening(seed: int, *, people: int = GUESTS + 20) -> list[list[int]]:
    """Return who is on each photo; some are nobody's guests."""
    chance = random.Random(seed)
    return [chance.sample(range(people), FACES) for _ in range(PHOTOS)]


async def arrive(builder: EventBuilder, people: range) -> None:
    for person in people:
        assert await builder.join(person) == "accepted"


async def test_an_evening_in_one_go_costs_at_most_205_calls(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> None:
    """With the defaults and the queue at work while the photos come in."""
    async with application(
        aiohttp_client, settings, database, endpoint_url=endpoint.url, run_queue=True
    ) as app:
        builder = await EventBuilder.create(app)
        await arrive(builder, range(GUESTS))
        for people in evening(1):
            await builder.upload(*people)
        await until_idle(app)

        assert await matched(app.resources.pool) == exhaustive(endpoint)
        assert endpoint.calls["IndexFaces"] == PHOTOS + GUESTS
        assert endpoint.calls.total() <= 205


async def test_the_worst_order_costs_at_most_450_calls_and_one_for_each_late_guest(
    patient: App, endpoint: Scripted
) -> None:
    """A sweep after each photo, while guests go on joining."""
    builder = await EventBuilder.create(patient)
    late = 0
    for number, people in enumerate(evening(2)):
        if number % 2 == 0:
            await arrive(builder, range(number // 2, number // 2 + 1))
            await run_due(patient)
            late += number > 0
        await builder.upload(*people)
        await run_due(patient)
        await flush(patient)

    assert await matched(patient.resources.pool) == exhaustive(endpoint)
    assert endpoint.paid <= 450 + late


async def test_all_guests_there_and_a_sweep_after_each_photo_costs_at_most_450_calls(
    patient: App, endpoint: Scripted
) -> None:
    builder = await EventBuilder.create(patient)
    await arrive(builder, range(GUESTS))
    for people in evening(3):
        await builder.upload(*people)
        await run_due(patient)
        await flush(patient)

    assert await matched(patient.resources.pool) == exhaustive(endpoint)
    assert endpoint.paid <= 450


async def test_a_late_guest_costs_two_calls(patient: App, endpoint: Scripted) -> None:
    """Whatever the number of photos; and their photos are there at once."""
    builder = await EventBuilder.create(patient)
    await arrive(builder, range(3))
    for people in evening(4)[:30]:
        await builder.upload(*people)
    await run_due(patient)
    await flush(patient)
    before = endpoint.calls.total()

    await arrive(builder, range(7, 8))
    await run_due(patient)
    await flush(patient)

    assert endpoint.calls.total() == before + 2
    assert await matched(patient.resources.pool) == exhaustive(endpoint)


async def test_a_photo_without_a_face_costs_one_call(patient: App, endpoint: Scripted) -> None:
    builder = await EventBuilder.create(patient)
    await arrive(builder, range(2))
    await run_due(patient)
    before = endpoint.calls["IndexFaces"]

    await builder.upload()
    await run_due(patient)
    await flush(patient)

    assert endpoint.calls["IndexFaces"] == before + 1
    assert endpoint.calls["SearchFaces"] == 0


async def test_two_thousand_photos_and_300_guests_cost_at_most_2700_calls(pool: Pool) -> None:
    """On the planner alone, over generated vectors: no pictures, no HTTP."""
    guests, pictures, faces = 300, 2000, 4
    chance = random.Random(5)
    world: dict[str, int] = {}
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
        for person in range(guests):
            world[await add_reference(conn, event.id, person)] = person
        for number in range(pictures):
            on_it = {str(uuid.uuid4()): who for who in chance.sample(range(400), faces)}
            world |= on_it
            await add_photo(conn, event.id, number, list(on_it))
    calls = guests + pictures
    by_person: dict[int, list[str]] = {}
    for vector, who in world.items():
        by_person.setdefault(who, []).append(vector)

    def search(vector: str) -> list[Similar]:
        return [
            Similar(EngineFaceId(other), SAME)
            for other in by_person[world[vector]]
            if other != vector
        ]

    async with db.transaction(pool) as conn:
        plan = await matching.plan_sweep(conn, event.id, settle=0.0)
        for reference in plan.references:
            calls += 1
            similar = search(reference.engine_face_id)
            await matching.save_reference_search(conn, reference, similar, plan.horizon)
        for face in plan.faces:
            calls += 1
            similar = search(face.engine_face_id)
            await matching.save_face_search(conn, face, similar, plan.horizon)
        await matching.close_sweep(conn, event.id, plan.horizon)
        again = await matching.plan_sweep(conn, event.id, settle=0.0)

    assert calls <= 2700
    assert (list(again.references), list(again.faces)) == ([], [])
    rows = await pool.fetch(
        """
        select reference.engine_face_id as guest, face.engine_face_id as face
          from match join reference on reference.id = match.reference_id
               join face on face.id = match.face_id"""
    )
    references = await pool.fetch("select engine_face_id from reference")
    wanted = {
        (row["engine_face_id"], similar.engine_face_id)
        for row in references
        for similar in search(row["engine_face_id"])
    }
    assert {(row["guest"], row["face"]) for row in rows} == wanted
