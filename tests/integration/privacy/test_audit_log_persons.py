"""What is done to an event's people stands in the audit log: by whom and how many, never who."""

import orjson

from tests.support.event_builder import EventBuilder
from tests.support.helpers import bearer
from tests.support.persons_page import api, builder, page, press, ticks

__all__ = ["builder"]

Noted = list[tuple[str, dict[str, object]]]


async def noted(builder: EventBuilder) -> Noted:
    """Return what is noted of the event, the oldest first; nothing of it has a subject."""
    rows = await builder.app.resources.pool.fetch(
        """
        select action, detail, subjects, actor_id is not null as by_admin from audit
         where event_id = $1 and action not like 'event.%' order by id""",
        int(builder.event_id),
    )
    assert [row["subjects"] for row in rows] == [[]] * len(rows)
    assert [row["by_admin"] for row in rows] == [row["action"] != "selfie.erased" for row in rows]
    return [(row["action"], orjson.loads(row["detail"])) for row in rows]


async def test_what_the_pages_do_to_groups_is_noted(builder: EventBuilder) -> None:
    await press(builder, "", act="sort")
    unknown, _ = ticks(await page(builder), "group_ids")
    face = ticks(await page(builder, f"/{unknown}"), "face_ids")[0]

    await press(builder, f"/{unknown}", act="name", name="Aunt Mary")
    await press(builder, f"/{unknown}", act="hide")
    apart = (await press(builder, f"/{unknown}", act="split", face_ids=face)).rpartition("/")[2]
    await press(builder, "", act="merge", group_ids=[unknown, apart])

    assert await noted(builder) == [
        ("group.named", {"named": True}),
        ("group.hidden", {"hidden": True}),
        ("group.split", {"faces": 1}),
        ("group.merged", {"groups": 2}),
    ]


async def test_what_the_api_does_to_groups_is_noted(builder: EventBuilder) -> None:
    await press(builder, "", act="sort")
    unknown, guest = ticks(await page(builder), "group_ids")
    faces = ticks(await page(builder, f"/{unknown}"), "face_ids")

    await api(builder, "PATCH", guest, {"name": None, "hidden": False})
    apart = (await api(builder, "POST", f"{unknown}/split", {"face_ids": faces[:2]}, 201))[
        "group_id"
    ]
    await api(builder, "POST", "merge", {"group_ids": [unknown, apart]})
    await api(builder, "POST", "move", {"face_ids": faces[:1], "group_id": None})

    assert await noted(builder) == [
        ("group.named", {"named": False}),
        ("group.hidden", {"hidden": False}),
        ("group.split", {"faces": 2}),
        ("group.merged", {"groups": 2}),
        ("group.moved", {"faces": 1}),
    ]


async def test_what_is_refused_is_not_noted(builder: EventBuilder) -> None:
    await press(builder, "/999", 404, act="name", name="Nobody")
    await press(builder, "", 404, act="merge", group_ids=["998", "999"])

    assert await noted(builder) == []


async def test_a_guest_who_removes_one_selfie_is_noted_without_a_name(
    builder: EventBuilder,
) -> None:
    base = f"/api/me/events/{builder.event_id}/selfies"
    headers = bearer(builder.tokens[1])
    (selfie,) = await (await builder.app.client.get(base, headers=headers)).json()
    # the last one cannot be removed alone
    await builder.app.resources.pool.execute(
        "insert into selfie (guest_id, state, replaces) select guest_id, state, false from selfie"
    )

    unknown = await builder.app.client.delete(f"{base}/999", headers=headers)
    gone = await builder.app.client.delete(f"{base}/{selfie['id']}", headers=headers)

    assert (unknown.status, gone.status) == (404, 204)
    assert await noted(builder) == [("selfie.erased", {})]
