"""The faces of an event by person: what it costs, and that an admin's word lasts."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from findme.errors import EngineUnavailable
from findme.faces.person_assignment import Neighbour
from findme.indexing.person_grouping import PersonGrouping, choose
from findme.models import EventId, FaceId, PersonId, PhotoId
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import bearer, problem
from tests.support.scripted_engine import Scripted

Group = dict[str, Any]


@pytest.fixture
async def app(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[App]:
    """The application over the scripted endpoint; its jobs run in `drain()`."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as opened:
        yield opened


@pytest.fixture
async def builder(app: App) -> EventBuilder:
    return await EventBuilder.create(app)


def path(builder: EventBuilder, *rest: str) -> str:
    return "/".join([f"/api/admin/events/{builder.event_id}/group-faces", *rest])


async def groups(builder: EventBuilder, **query: str) -> list[Group]:
    answer = await builder.app.client.get(path(builder), params=query, headers=builder.app.admin)
    assert answer.status == 200, await answer.text()
    found: list[Group] = await answer.json()
    return found


async def send(
    builder: EventBuilder, method: str, *rest: str, body: object, status: int = 200
) -> dict[str, Any]:
    answer = await builder.app.client.request(
        method, path(builder, *rest), json=body, headers=builder.app.admin
    )
    assert answer.status == status, await answer.text()
    made: dict[str, Any] = await answer.json()
    return made


def photo_ids(group: Group) -> set[str]:
    return {photo["id"] for photo in group["photos"]}


def face_on(group: Group, photo_id: str) -> str:
    return next(str(p["face_id"]) for p in group["photos"] if p["id"] == photo_id)


async def say(builder: EventBuilder, person: int, photo_id: str, word: str) -> None:
    answer = await builder.app.client.post(
        f"/api/photos/{photo_id}/{word}", json={}, headers=bearer(builder.tokens[person])
    )
    assert answer.status == 204, await answer.text()
    await builder.app.drain()


# What it costs ------------------------------------------------------------------------------


async def test_guests_that_matching_found_are_grouped_without_a_call(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.join(1)
    await builder.join(2)
    both, one = await builder.upload(1, 2), await builder.upload(1)
    await builder.app.drain()
    before = endpoint.paid

    first, second = await groups(builder)

    assert endpoint.paid == before
    assert (first["guest"]["name"], first["size"], photo_ids(first)) == ("Person 1", 2, {both, one})
    assert (second["guest"]["name"], second["size"], photo_ids(second)) == ("Person 2", 1, {both})


async def test_each_unknown_person_costs_one_call_and_none_the_next_time(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.join(1)
    for people in [(1, 7, 8), (7, 8), (7,)]:
        await builder.upload(*people)
    await builder.app.drain()
    before = endpoint.calls["SearchFaces"]

    assert [group["size"] for group in await groups(builder)] == [3, 2, 1]
    assert endpoint.calls["SearchFaces"] == before + 2
    await groups(builder)
    assert endpoint.calls["SearchFaces"] == before + 2

    await builder.upload(8, 9)
    await builder.app.drain()
    between = endpoint.calls["SearchFaces"]
    assert [group["size"] for group in await groups(builder)] == [3, 3, 1, 1]
    assert endpoint.calls["SearchFaces"] == between + 2


async def test_without_search_no_call_is_made_and_the_rest_is_counted(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.upload(7, 8)
    await builder.app.drain()
    before = endpoint.calls.total()

    answer = await builder.app.client.get(
        path(builder), params={"search": "0"}, headers=builder.app.admin
    )

    assert await answer.json() == []
    assert answer.headers["X-Ungrouped-Faces"] == "2"
    assert endpoint.calls.total() == before


async def test_what_takes_many_calls_is_left_to_jobs(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    for person in range(10, 17):
        await builder.upload(person, 50)
    await builder.app.drain()
    before = endpoint.calls["SearchFaces"]
    resources = builder.app.resources
    few = PersonGrouping(resources.settings, resources.pool, resources.faces, most=2)

    grouped = await few.group(EventId(int(builder.event_id)), search=True)

    assert grouped.running
    assert grouped.ungrouped > 0
    assert endpoint.calls["SearchFaces"] == before + 2
    answer = await builder.app.client.get(path(builder), headers=builder.app.admin)
    assert answer.headers["X-Grouping"] == "running"
    assert endpoint.calls["SearchFaces"] == before + 2
    await builder.app.drain()
    answer = await builder.app.client.get(path(builder), headers=builder.app.admin)
    assert answer.headers["X-Grouping"] == "done"
    assert [group["size"] for group in await answer.json()] == [7] + [1] * 7
    assert endpoint.calls["SearchFaces"] == before + 8


async def test_an_outage_leaves_the_searches_to_a_job(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.upload(7, 8)
    await builder.app.drain()
    await endpoint.down()

    answer = await builder.app.client.get(path(builder), headers=builder.app.admin)

    assert (answer.status, answer.headers["X-Grouping"]) == (200, "running")
    await endpoint.up()
    await _engine_back(builder.app)
    await builder.app.drain()
    assert [group["size"] for group in await groups(builder)] == [1, 1]


async def _engine_back(app: App) -> None:
    """Ask until the client, which stands back for a while after an outage, reaches the engine."""
    while True:
        try:
            return await app.resources.faces.ping()
        except EngineUnavailable:
            continue


async def test_a_vector_that_the_engine_lost_is_left_alone(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.upload(7)
    await builder.app.drain()
    for held in endpoint.collections.values():
        held.clear()

    answer = await builder.app.client.get(path(builder), headers=builder.app.admin)

    assert await answer.json() == []
    assert (answer.headers["X-Grouping"], answer.headers["X-Ungrouped-Faces"]) == ("done", "1")


# How it is shown ----------------------------------------------------------------------------


async def test_a_group_has_its_guest_size_cover_and_faces(builder: EventBuilder) -> None:
    await builder.join(1)
    photo_id = await builder.upload(1)
    await builder.app.drain()

    (group,) = await groups(builder)

    face_id = group["photos"][0]["face_id"]
    box = {"left": 0.0, "top": 0.0, "width": 1.0, "height": 0.125}
    assert group == {
        "group_id": group["group_id"],
        "guest": {"id": group["guest"]["id"], "name": "Person 1"},
        "name": None,
        "hidden": False,
        "size": 1,
        "cover_face": {
            "face_id": face_id,
            "photo_id": photo_id,
            "box": box,
            "thumb_url": f"/api/photo/{photo_id}?size=thumb",
            "preview_url": f"/api/photo/{photo_id}?size=preview",
        },
        "photos": [{"id": photo_id, "face_id": face_id, "face_box": box, "fixed": False}],
    }


async def test_pages_follow_each_other_biggest_group_first(builder: EventBuilder) -> None:
    for people in [(5, 6, 7), (6, 7), (7,)]:
        await builder.upload(*people)
    await builder.app.drain()
    url, sizes, totals = f"{path(builder)}?limit=1", [], set()

    while url:
        answer = await builder.app.client.get(url, headers=builder.app.admin)
        sizes += [group["size"] for group in await answer.json()]
        totals.add(answer.headers["X-Total-Count"])
        url = URL(answer.links["next"]["url"]).path_qs if "next" in answer.links else ""

    assert sizes == [3, 2, 1]
    assert totals == {"3"}


async def test_a_hidden_group_is_left_out_or_last(builder: EventBuilder) -> None:
    await builder.upload(6, 7)
    await builder.upload(7)
    await builder.app.drain()
    biggest = (await groups(builder))[0]["group_id"]

    await send(builder, "PATCH", biggest, body={"hidden": True, "name": "The  waiter"})

    assert [group["size"] for group in await groups(builder)] == [1]
    last = (await groups(builder, hidden="1"))[-1]
    assert (last["group_id"], last["hidden"], last["name"]) == (biggest, True, "The waiter")
    await builder.upload(7)
    await builder.app.drain()
    assert [group["size"] for group in await groups(builder, hidden="1")] == [1, 3]


async def test_nobody_but_admins_sees_groups(builder: EventBuilder) -> None:
    await builder.join(1)
    calls = [
        ("GET", path(builder)),
        ("PATCH", path(builder, "1")),
        ("POST", path(builder, "merge")),
        ("POST", path(builder, "1", "split")),
    ]
    for method, url in calls:
        anyone = await builder.app.client.request(method, url, json={})
        assert await problem(anyone) == (401, "sign_in_required")
        guest = await builder.app.client.request(
            method, url, json={}, headers=bearer(builder.tokens[1])
        )
        assert await problem(guest) == (404, "not_found")


CANNOT_BE_DONE: Sequence[tuple[str, list[str], dict[str, Any], int]] = [
    ("PATCH", ["{group}"], {"size": 3}, 422),
    ("PATCH", ["{group}"], {"hidden": 1}, 422),
    ("PATCH", ["{group}"], {"name": 7}, 422),
    ("PATCH", ["{group}"], {"name": "x" * 201}, 422),
    ("PATCH", ["999"], {"name": "x"}, 404),
    ("PATCH", ["999"], {}, 404),
    ("POST", ["merge"], {}, 422),
    ("POST", ["merge"], {"group_ids": ["{group}"]}, 422),
    ("POST", ["merge"], {"group_ids": ["{group}", "{group}"]}, 422),
    ("POST", ["merge"], {"group_ids": ["{group}", "999"]}, 404),
    ("POST", ["merge"], {"group_ids": ["{group}", "x"]}, 404),
    ("POST", ["{group}", "split"], {"face_ids": []}, 422),
    ("POST", ["{group}", "split"], {"face_ids": [1]}, 422),
    ("POST", ["{group}", "split"], {"face_ids": ["999"]}, 404),
    ("POST", ["999", "split"], {"face_ids": ["1"]}, 404),
]


async def test_what_cannot_be_done_is_refused(builder: EventBuilder) -> None:
    await builder.upload(7)
    await builder.app.drain()
    group_id = (await groups(builder))[0]["group_id"]
    for method, rest, body, status in CANNOT_BE_DONE:
        for name in ("group_ids", "face_ids"):
            if name in body:
                body = {name: [group_id if item == "{group}" else item for item in body[name]]}

        await send(
            builder,
            method,
            *[part.replace("{group}", group_id) for part in rest],
            body=body,
            status=status,
        )


async def test_a_group_of_another_event_is_not_there(builder: EventBuilder) -> None:
    await builder.upload(7)
    await builder.app.drain()
    group = (await groups(builder))[0]
    other = await EventBuilder.create(builder.app)

    await send(other, "PATCH", group["group_id"], body={"name": "x"}, status=404)
    await send(other, "PATCH", group["group_id"], body={}, status=404)
    face_ids = [group["photos"][0]["face_id"]]
    await send(other, "POST", group["group_id"], "split", body={"face_ids": face_ids}, status=404)


# An admin's word lasts ----------------------------------------------------------------------


async def test_merged_groups_stay_one_through_new_photos(builder: EventBuilder) -> None:
    await builder.join(1)
    await builder.upload(1, 7)
    await builder.upload(7)
    await builder.app.drain()
    stranger, guest = await groups(builder)
    await send(builder, "PATCH", stranger["group_id"], body={"name": "With glasses"})

    ids = [stranger["group_id"], guest["group_id"]]
    merged = await send(builder, "POST", "merge", body={"group_ids": ids})

    assert merged["group_id"] == stranger["group_id"]
    assert (merged["guest"]["name"], merged["name"]) == ("Person 1", "With glasses")
    await builder.upload(1)
    await builder.upload(7)
    await builder.app.drain()
    (after,) = await groups(builder)
    assert (after["group_id"], after["size"]) == (merged["group_id"], 5)
    assert after["guest"]["name"] == "Person 1"


async def test_groups_of_two_guests_are_not_merged(builder: EventBuilder) -> None:
    await builder.join(1)
    await builder.join(2)
    await builder.upload(1, 2)
    await builder.app.drain()
    ids = [group["group_id"] for group in await groups(builder)]

    refused = await send(builder, "POST", "merge", body={"group_ids": ids}, status=409)

    assert refused["code"] == "conflict"
    assert [group["group_id"] for group in await groups(builder)] == ids


async def test_split_faces_stay_apart_through_new_photos(builder: EventBuilder) -> None:
    """Matching goes on to claim them, and a new guest group is not made of them."""
    await builder.join(1)
    wrong, right = await builder.upload(1), await builder.upload(1)
    await builder.app.drain()
    (group,) = await groups(builder)

    made = await send(
        builder,
        "POST",
        group["group_id"],
        "split",
        body={"face_ids": [face_on(group, wrong)]},
        status=201,
    )

    assert (made["guest"], photo_ids(made)) == (None, {wrong})
    new = await builder.upload(1)
    await builder.app.drain()
    mine, apart = await groups(builder)
    assert (mine["group_id"], photo_ids(mine)) == (group["group_id"], {right, new})
    assert (apart["group_id"], photo_ids(apart)) == (made["group_id"], {wrong})


async def test_all_faces_can_be_taken_from_a_guest(builder: EventBuilder) -> None:
    await builder.join(1)
    photo_id = await builder.upload(1)
    await builder.app.drain()
    (group,) = await groups(builder)
    faces = [face_on(group, photo_id)]

    made = await send(
        builder, "POST", group["group_id"], "split", body={"face_ids": faces}, status=201
    )

    (left,) = await groups(builder)
    assert (left["group_id"], left["guest"]) == (made["group_id"], None)


# What guests say and do ---------------------------------------------------------------------


async def test_not_me_leaves_the_guests_group_for_good(builder: EventBuilder) -> None:
    await builder.join(1)
    kept, refused = await builder.upload(1), await builder.upload(1)
    await builder.app.drain()
    await groups(builder)

    await say(builder, 1, refused, "not-me")

    for _ in range(2):
        mine, other = sorted(await groups(builder), key=lambda group: group["guest"] is None)
        assert (mine["guest"]["name"], photo_ids(mine)) == ("Person 1", {kept})
        assert (other["guest"], photo_ids(other)) == (None, {refused})


async def test_thats_me_joins_a_face_that_matching_did_not(builder: EventBuilder) -> None:
    await builder.join(1)
    kept, confirmed = await builder.upload(1), await builder.upload(7)
    await builder.app.drain()
    assert len(await groups(builder)) == 2

    await say(builder, 1, confirmed, "me")

    (group,) = await groups(builder)
    assert (group["guest"]["name"], photo_ids(group)) == ("Person 1", {kept, confirmed})


async def test_a_late_guest_takes_the_group_over_that_shows_them(builder: EventBuilder) -> None:
    await builder.upload(7)
    await builder.upload(7)
    await builder.app.drain()
    (before,) = await groups(builder)
    await send(builder, "PATCH", before["group_id"], body={"name": "Aunt Mary"})

    await builder.join(7)
    await builder.app.drain()

    (after,) = await groups(builder)
    assert (after["group_id"], after["name"]) == (before["group_id"], "Aunt Mary")
    assert after["guest"]["name"] == "Person 7"


async def test_a_guest_who_left_is_no_longer_named(builder: EventBuilder) -> None:
    await builder.join(1)
    photo_id = await builder.upload(1)
    await builder.app.drain()
    group_id = (await groups(builder))[0]["group_id"]
    await send(builder, "PATCH", group_id, body={"name": "Aunt Mary"})

    answer = await builder.app.client.delete("/api/me", headers=bearer(builder.tokens[1]))

    assert answer.status == 204
    (group,) = await groups(builder)
    assert (group["guest"], group["name"], photo_ids(group)) == (None, None, {photo_id})


async def test_a_deleted_photo_leaves_its_groups(builder: EventBuilder) -> None:
    photo_id = await builder.upload(7)
    await builder.app.drain()
    assert len(await groups(builder)) == 1

    answer = await builder.app.client.delete(
        f"/api/admin/photos/{photo_id}", headers=builder.app.admin
    )

    assert answer.status == 204
    assert await groups(builder) == []


# Whose a face is ----------------------------------------------------------------------------


def near(number: int, person: int | None = None, *not_of: int, photo: int = 0) -> Neighbour:
    """Return a face of a person, or of nobody, that is not of these; on a photo of its own."""
    return Neighbour(
        FaceId(number),
        PhotoId(photo or number),
        None if person is None else PersonId(person),
        frozenset(PersonId(one) for one in not_of),
    )


def test_a_face_joins_the_group_of_the_most_similar_one() -> None:
    own = near(1)

    assert choose(own, [own, near(2), near(3, 30), near(4, 40)]) == (30, [1, 2])


def test_a_face_that_cannot_be_of_a_group_joins_the_next_one() -> None:
    own = near(1, None, 30)

    assert choose(own, [own, near(3, 30), near(4, 40)]) == (40, [1])


def test_what_cannot_be_of_the_group_stays_out_of_it() -> None:
    own = near(1)

    assert choose(own, [own, near(2, None, 30), near(3, 30)]) == (30, [1])


def test_nobody_is_twice_on_a_photo() -> None:
    own = near(1, photo=7)
    others = [near(2, photo=7), near(3, photo=8), near(4, photo=8)]

    assert choose(own, [own, *others]) == (None, [1, 3])


def test_faces_that_resemble_nobody_known_are_somebody_new() -> None:
    own = near(1)

    assert choose(own, [own, near(2)]) == (None, [1, 2])
