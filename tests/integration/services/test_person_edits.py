"""Groups of faces are edited without an HTTP request; each edit returns the group it made."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from findme import db
from findme.errors import Conflict, NotFound
from findme.models import EventId, FaceId, PersonId, UserId
from findme.services.person_edits import PersonEdits
from findme.web.keys import PERSON_EDITS
from tests.conftest import App
from tests.support.helpers import add_gala, add_match, add_photos, member
from tests.support.no_engine_app import app, settings

__all__ = ["app", "settings"]

Noted = Callable[[], Awaitable[list[tuple[str, dict[str, object]]]]]


@pytest.fixture
def service(app: App) -> PersonEdits:
    assert app.client.app is not None
    return app.client.app[PERSON_EDITS]


@pytest.fixture
async def event_id(app: App) -> EventId:
    """An event whose two guests are on two photos each."""
    pool = app.resources.pool
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
        photo_ids = await add_photos(conn, {"id": event.id}, 4)
    for number in range(2):
        guest = await member(pool, {"id": event.id}, f"{number}@example.org")
        async with db.transaction(pool) as conn:
            for photo_id in photo_ids[2 * number : 2 * number + 2]:
                await add_match(conn, guest.guest_id, photo_id, 99.0)
    return event.id


async def groups(app: App, service: PersonEdits, event_id: EventId) -> dict[PersonId, set[FaceId]]:
    """Return the faces of each group, once matched faces are in their guests' groups."""
    await service.group(event_id, search=False)
    rows = await app.resources.pool.fetch("select person_id, face_id from person_face")
    found: dict[PersonId, set[FaceId]] = {}
    for row in rows:
        found.setdefault(PersonId(row["person_id"]), set()).add(FaceId(row["face_id"]))
    return found


async def test_each_edit_returns_its_group_and_is_noted_without_a_name(
    app: App, service: PersonEdits, admin_id: UserId, event_id: EventId, noted: Noted
) -> None:
    first = min(before := await groups(app, service, event_id))
    one, two = sorted(before[first])

    named = await service.change(admin_id, event_id, first, name="Ada", hidden=True)
    assert (named.name, named.hidden) == ("Ada", True)
    unnamed = await service.change(admin_id, event_id, first, name="", hidden=False)
    assert (unnamed.name, unnamed.hidden) == (None, False)
    made = await service.split(admin_id, event_id, first, [two])
    assert [face.id for face in made.faces] == [two]
    merged = await service.merge(admin_id, event_id, [first, made.id])
    assert (merged.id, {face.id for face in merged.faces}) == (first, {one, two})
    moved = await service.move(admin_id, event_id, [one], None)
    assert [face.id for face in moved.faces] == [one]

    assert await noted() == [
        ("group.named", {"named": True}),
        ("group.hidden", {"hidden": True}),
        ("group.named", {"named": False}),
        ("group.hidden", {"hidden": False}),
        ("group.split", {"faces": 1}),
        ("group.merged", {"groups": 2}),
        ("group.moved", {"faces": 1}),
    ]


async def test_two_guests_stay_two_groups(
    app: App, service: PersonEdits, admin_id: UserId, event_id: EventId, noted: Noted
) -> None:
    before = await groups(app, service, event_id)
    with pytest.raises(Conflict):
        await service.merge(admin_id, event_id, sorted(before))
    with pytest.raises(NotFound):
        await service.merge(admin_id, event_id, [min(before), PersonId(max(before) + 1)])

    assert await groups(app, service, event_id) == before
    assert await noted() == []


async def test_edits_at_the_same_moment_wait_for_each_other(
    app: App, service: PersonEdits, admin_id: UserId, event_id: EventId
) -> None:
    first = min(before := await groups(app, service, event_id))
    faces = sorted(before[first])

    moved = await asyncio.gather(
        *(service.move(admin_id, event_id, [face], None) for face in faces),
        *(service.change(admin_id, event_id, max(before), name=str(n)) for n in range(4)),
    )

    assert len({group.id for group in moved}) == 3
    after = await groups(app, service, event_id)
    assert sorted(map(sorted, after.values())) == sorted(
        [*([face] for face in faces), sorted(before[max(before)])]
    )


async def test_groups_of_another_event_are_not_found(
    app: App, service: PersonEdits, admin_id: UserId, event_id: EventId
) -> None:
    first = min(before := await groups(app, service, event_id))
    async with db.transaction(app.resources.pool) as conn:
        other = (await add_gala(conn, "Other")).id
    for refused in (
        service.change(admin_id, other, first, name="Ada"),
        service.split(admin_id, other, first, sorted(before[first])[:1]),
        service.merge(admin_id, other, sorted(before)),
        service.move(admin_id, other, sorted(before[first]), None),
    ):
        with pytest.raises(NotFound):
            await refused
    with pytest.raises(NotFound):
        await service.group(EventId(other + 1), search=False)

    assert await groups(app, service, event_id) == before
