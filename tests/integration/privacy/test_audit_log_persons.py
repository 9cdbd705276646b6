"""What is done to an event's people stands in the audit log: by whom and how many, never who."""

import orjson

from tests.support.helpers import bearer
from tests.support.persons_page import api, crowd, page, press, ticks
from tests.support.scripted_guests import Crowd

__all__ = ["crowd"]

Noted = list[tuple[str, dict[str, object]]]


async def noted(crowd: Crowd) -> Noted:
    """Return what is noted of the event, the oldest first; nothing of it has a subject."""
    rows = await crowd.app.resources.pool.fetch(
        """
        select action, detail, subjects, actor_id is not null as by_admin from audit
         where event_id = $1 and action not like 'event.%' order by id""",
        int(crowd.event_id),
    )
    assert [row["subjects"] for row in rows] == [[]] * len(rows)
    assert [row["by_admin"] for row in rows] == [row["action"] != "selfie.erased" for row in rows]
    return [(row["action"], orjson.loads(row["detail"])) for row in rows]


async def test_what_the_pages_do_to_groups_is_noted(crowd: Crowd) -> None:
    await press(crowd, "", act="sort")
    unknown, _ = ticks(await page(crowd), "group_ids")
    face = ticks(await page(crowd, f"/{unknown}"), "face_ids")[0]

    await press(crowd, f"/{unknown}", act="name", name="Aunt Mary")
    await press(crowd, f"/{unknown}", act="hide")
    apart = (await press(crowd, f"/{unknown}", act="split", face_ids=face)).rpartition("/")[2]
    await press(crowd, "", act="merge", group_ids=[unknown, apart])

    assert await noted(crowd) == [
        ("group.named", {"named": True}),
        ("group.hidden", {"hidden": True}),
        ("group.split", {"faces": 1}),
        ("group.merged", {"groups": 2}),
    ]


async def test_what_the_api_does_to_groups_is_noted(crowd: Crowd) -> None:
    await press(crowd, "", act="sort")
    unknown, guest = ticks(await page(crowd), "group_ids")
    faces = ticks(await page(crowd, f"/{unknown}"), "face_ids")

    await api(crowd, "PATCH", guest, {"name": None, "hidden": False})
    apart = (await api(crowd, "POST", f"{unknown}/split", {"face_ids": faces[:2]}, 201))["group_id"]
    await api(crowd, "POST", "merge", {"group_ids": [unknown, apart]})
    await api(crowd, "POST", "move", {"face_ids": faces[:1], "group_id": None})

    assert await noted(crowd) == [
        ("group.named", {"named": False}),
        ("group.hidden", {"hidden": False}),
        ("group.split", {"faces": 2}),
        ("group.merged", {"groups": 2}),
        ("group.moved", {"faces": 1}),
    ]


async def test_what_is_refused_is_not_noted(crowd: Crowd) -> None:
    await press(crowd, "/999", 404, act="name", name="Nobody")
    await press(crowd, "", 404, act="merge", group_ids=["998", "999"])

    assert await noted(crowd) == []


async def test_a_guest_who_removes_one_selfie_is_noted_without_a_name(crowd: Crowd) -> None:
    base = f"/api/me/events/{crowd.event_id}/selfies"
    headers = bearer(crowd.guests[1])
    (selfie,) = await (await crowd.app.client.get(base, headers=headers)).json()
    # the last one cannot be removed alone
    await crowd.app.resources.pool.execute(
        "insert into selfie (guest_id, state, replaces) select guest_id, state, false from selfie"
    )

    unknown = await crowd.app.client.delete(f"{base}/999", headers=headers)
    gone = await crowd.app.client.delete(f"{base}/{selfie['id']}", headers=headers)

    assert (unknown.status, gone.status) == (404, 204)
    assert await noted(crowd) == [("selfie.erased", {})]
