"""An event's people as pages without scripts, and faces moved between groups by the API."""

import re
from collections.abc import Sequence

import pytest

from tests.support.event_builder import EventBuilder
from tests.support.helpers import bearer, problem
from tests.support.persons_page import api, builder, page, press, ticks
from tests.support.scripted_engine import Scripted

__all__ = ["builder"]


async def test_opening_the_page_groups_guests_and_asks_the_engine_nothing(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    before = endpoint.calls.total()

    text = await page(builder)

    assert endpoint.calls.total() == before
    assert len(ticks(text, "group_ids")) == 1
    assert "Person 1" in text
    assert "3 faces are in no group" in text
    assert len(ticks(await page(builder, "/loose"), "face_ids")) == 3


async def test_sorting_begins_with_the_button(builder: EventBuilder) -> None:
    assert await press(builder, "", act="sort") == f"/admin/events/{builder.event_id}/faces"

    text = await page(builder)
    assert [int(size) for size in re.findall(r'<span class="num muted">(\d+)</span>', text)] == [
        3,
        2,
    ]
    assert "in no group" not in text
    assert "Every face is in a group." in await page(builder, "/loose")


async def test_a_group_is_named_hidden_and_shown_again(builder: EventBuilder) -> None:
    (group_id,) = ticks(await page(builder), "group_ids")

    await press(builder, f"/{group_id}", act="name", name="  Aunt   Mary ")
    await press(builder, f"/{group_id}", act="hide")
    group = await api(builder, "GET", group_id)
    assert (group["name"], group["hidden"]) == ("Aunt Mary", True)
    assert "Hidden group" in await page(builder)
    await press(builder, f"/{group_id}", act="name", name="")
    await press(builder, f"/{group_id}", act="show")
    group = await api(builder, "GET", group_id)
    assert (group["name"], group["hidden"]) == (None, False)


async def test_groups_are_merged_and_faces_split_off_by_forms(builder: EventBuilder) -> None:
    await press(builder, "", act="sort")
    unknown, guest = ticks(await page(builder), "group_ids")
    face = ticks(await page(builder, f"/{unknown}"), "face_ids")[0]

    apart = (await press(builder, f"/{unknown}", act="split", face_ids=face)).rpartition("/")[2]
    assert ticks(await page(builder, f"/{apart}"), "face_ids") == [face]
    await press(builder, "", act="merge", group_ids=[unknown, apart])

    assert (await api(builder, "GET", unknown))["size"] == 3
    assert ticks(await page(builder), "group_ids") == [unknown, guest]


async def test_loose_faces_are_gathered_into_a_group(builder: EventBuilder) -> None:
    faces = ticks(await page(builder, "/loose"), "face_ids")

    made = (await press(builder, "/loose", act="gather", face_ids=faces[:2])).rpartition("/")[2]

    assert ticks(await page(builder, f"/{made}"), "face_ids") == faces[:2]
    assert ticks(await page(builder, "/loose"), "face_ids") == faces[2:]


async def test_moving_faces_back_undoes_a_merge(builder: EventBuilder) -> None:
    await press(builder, "", act="sort")
    unknown, guest = ticks(await page(builder), "group_ids")
    faces = ticks(await page(builder, f"/{unknown}"), "face_ids")
    await press(builder, "", act="merge", group_ids=[guest, unknown])
    assert (await api(builder, "GET", guest))["size"] == 5

    made = await api(builder, "POST", "move", {"face_ids": faces, "group_id": None})

    assert (made["size"], made["guest"]) == (3, None)
    left = await api(builder, "GET", guest)
    assert (left["size"], left["guest"]["name"]) == (2, "Person 1")
    await api(builder, "POST", "move", {"face_ids": faces, "group_id": guest})
    await api(builder, "GET", made["group_id"], status=404)


NOTHING_TO_MOVE: Sequence[tuple[dict[str, object], int]] = [
    ({}, 422),
    ({"face_ids": []}, 404),
    ({"face_ids": ["999"]}, 404),
    ({"face_ids": ["x"]}, 404),
    ({"face_ids": ["1"], "group_id": "999"}, 404),
    ({"face_ids": ["1"], "group_id": 1}, 422),
]


async def test_only_faces_and_groups_that_are_there_are_moved(builder: EventBuilder) -> None:
    for body, status in NOTHING_TO_MOVE:
        answer = await builder.app.client.post(
            f"/api/admin/events/{builder.event_id}/group-faces/move",
            json=body,
            headers=builder.app.admin,
        )

        assert (await problem(answer))[0] == status, (body, status)


async def test_faces_of_another_event_are_not_there(builder: EventBuilder) -> None:
    other = await EventBuilder.create(builder.app)
    faces = ticks(await page(builder, "/loose"), "face_ids")
    (group_id,) = ticks(await page(builder), "group_ids")

    await press(other, "/loose", 404, act="gather", face_ids=faces)
    await press(other, f"/{group_id}", 404, act="hide")
    await page(other, f"/{group_id}", 404)
    body = {"face_ids": faces[:1], "group_id": None}
    await api(other, "POST", "move", body, status=404)


@pytest.mark.parametrize(
    ("rest", "fields"),
    [
        ("", {"act": "burn"}),
        ("", {"act": "merge"}),
        ("", {"act": "merge", "group_ids": "1"}),
        ("/loose", {"act": "gather"}),
    ],
)
async def test_a_button_without_a_choice_is_refused(
    builder: EventBuilder, rest: str, fields: dict[str, str]
) -> None:
    await press(builder, rest, 422, **fields)


async def test_only_admins_find_the_pages(builder: EventBuilder) -> None:
    base = f"/admin/events/{builder.event_id}/faces"
    for method, path in [
        ("GET", base),
        ("POST", base),
        ("GET", f"{base}/loose"),
        ("POST", f"{base}/loose"),
        ("GET", f"{base}/1"),
        ("POST", f"{base}/1"),
        ("GET", f"/api{base}".replace("faces", "group-faces/1")),
        ("POST", f"/api{base}".replace("faces", "group-faces/move")),
    ]:
        for headers, status in ((bearer(builder.tokens[1]), 404), ({}, 401)):
            answer = await builder.app.client.request(method, path, headers=headers)
            assert answer.status == status, (method, path)
