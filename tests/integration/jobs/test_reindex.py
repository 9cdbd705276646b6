"""A re-index of labelled pictures: everybody keeps their photos, and what they said of them."""

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
