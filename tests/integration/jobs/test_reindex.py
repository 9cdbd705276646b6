"""A re-index builds a second collection and is switched in one transaction."""

from findme.faces import reindex_state
from findme.gallery import events
from findme.indexing.photo_preparation import PhotoPreparation
from findme.jobs.reindex_job import ReindexJob
from findme.models import EventId
from tests.conftest import App
from tests.support.labelled_event import Evening, evening, two_guests


async def reindex(party: Evening) -> None:
    answer = await party.app.client.post(
        f"/api/admin/events/{party.event['id']}/reindex", headers=party.app.admin
    )
    assert answer.status == 202
    await party.app.drain()


async def collection_of(party: Evening) -> str:
    name: str = await party.app.resources.pool.fetchval(
        "select collection_id from event where id = $1", int(party.event["id"])
    )
    return name


async def test_everybody_keeps_their_photos_over_a_reindex(app: App) -> None:
    one, two, files = two_guests()
    party = await evening(app, [one, two], files)
    before = {name: await party.shown(name) for name in (one, two)}
    old = await collection_of(party)

    await reindex(party)

    assert before == {name: await party.shown(name) for name in (one, two)}
    assert any(before.values())
    new = await collection_of(party)
    assert old != new
    assert await app.resources.faces.face_count(old) == 0
    assert await app.resources.faces.face_count(new) > 0


async def test_what_guests_said_survives_a_reindex(app: App) -> None:
    one, two, files = two_guests()
    party = await evening(app, [one, two], files)
    mine, others = sorted(await party.shown(one)), sorted(await party.shown(two))
    aside, wrong = mine[0], next(name for name in others if name not in mine)
    await party.say(one, aside, "not-me")
    await party.say(one, wrong, "me")

    await reindex(party)

    assert aside not in await party.shown(one)
    assert wrong in await party.shown(one)


async def test_a_guest_who_leaves_during_a_reindex_leaves_nothing_in_either_collection(
    app: App,
) -> None:
    one, two, _ = two_guests()
    party = await evening(app, [one, two], [])
    resources, event_id = app.resources, EventId(int(party.event["id"]))
    # the re-index comes as far as the selfies, and stops there
    async with resources.pool.acquire() as conn:
        second = await reindex_state.begin(conn, event_id, "findme-test-second")
        event = await events.get(conn, event_id)
    await resources.faces.create_collection(second)
    preparation = PhotoPreparation(
        resources.settings, resources.pool, resources.faces, resources.cache, resources.threads
    )
    reindex = ReindexJob(
        resources.pool,
        resources.faces,
        resources.cache,
        preparation=preparation,
        selfies=resources.selfies,
    )
    await reindex.fill(event, second)
    assert await resources.faces.face_count(second) == 2

    answer = await app.client.delete("/api/me", headers=party.tokens[one])
    assert answer.status == 204
    await app.drain()

    assert await resources.faces.face_count(second) == 1
    assert await resources.faces.face_count(event.collection_id) == 1
