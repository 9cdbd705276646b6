"""A re-index of labelled pictures: everybody keeps their photos, and what they said of them."""

from tests.conftest import App
from tests.support.event_builder import EventBuilder
from tests.support.labelled_event import labelled_event, two_guests


async def reindex(builder: EventBuilder) -> None:
    answer = await builder.app.client.post(
        f"/api/admin/events/{builder.event['id']}/reindex", headers=builder.app.admin
    )
    assert answer.status == 202
    await builder.app.drain()


async def collection_of(builder: EventBuilder) -> str:
    name: str = await builder.app.resources.pool.fetchval(
        "select collection_id from event where id = $1", int(builder.event["id"])
    )
    return name


async def test_everybody_keeps_their_photos_over_a_reindex(app: App) -> None:
    one, two, files = two_guests()
    builder = await labelled_event(app, [one, two], files)
    before = {name: await builder.guest_filenames(name) for name in (one, two)}
    old = await collection_of(builder)

    await reindex(builder)

    assert before == {name: await builder.guest_filenames(name) for name in (one, two)}
    assert any(before.values())
    new = await collection_of(builder)
    assert old != new
    assert await app.resources.faces.face_count(old) == 0
    assert await app.resources.faces.face_count(new) > 0


async def test_what_guests_said_survives_a_reindex(app: App) -> None:
    one, two, files = two_guests()
    builder = await labelled_event(app, [one, two], files)
    mine, others = (
        sorted(await builder.guest_filenames(one)),
        sorted(await builder.guest_filenames(two)),
    )
    aside, wrong = mine[0], next(name for name in others if name not in mine)
    await builder.send_verdict(one, aside, "not-me")
    await builder.send_verdict(one, wrong, "me")

    await reindex(builder)

    assert aside not in await builder.guest_filenames(one)
    assert wrong in await builder.guest_filenames(one)
