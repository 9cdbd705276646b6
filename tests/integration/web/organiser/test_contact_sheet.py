"""The organiser's contact sheet: photos by state, several at once, one closely; JSON and pages."""

import io
import re
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import bearer, problem
from tests.support.pictures import drawn
from tests.support.scripted_engine import Scripted


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """An event of the application over the scripted endpoint; its jobs run in `drain()`."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as opened:
        yield await EventBuilder.create(opened)


async def ask(
    builder: EventBuilder, method: str, path: str, status: int = 200, **options: Any
) -> Any:
    answer = await builder.app.client.request(method, path, headers=builder.app.admin, **options)
    assert answer.status == status, await answer.text()
    return await answer.json()


async def sheet(builder: EventBuilder, view: str) -> list[str]:
    path = f"/api/admin/events/{builder.event_id}/contact-sheet"
    return [photo["id"] for photo in await ask(builder, "GET", path, params={"view": view})]


async def page(builder: EventBuilder, rest: str = "", event_id: str | None = None) -> str:
    answer = await builder.app.client.get(
        f"/admin/events/{event_id or builder.event_id}/photos{rest}",
        headers={**builder.app.admin, "Accept": "text/html", "Accept-Language": "en"},
    )
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def press(builder: EventBuilder, word: str, *photo_ids: str, status: int = 303) -> Any:
    """Press a button of the form, as a browser without scripts does."""
    answer = await builder.app.client.post(
        f"/admin/events/{builder.event_id}/photos",
        data=[("act", word), *(("ids", photo_id) for photo_id in photo_ids)],
        headers={**builder.app.admin, "Accept": "text/html", "Accept-Language": "en"},
        allow_redirects=False,
    )
    assert answer.status == status, await answer.text()
    return answer


async def upload_cut(builder: EventBuilder) -> str:
    """Upload a photo that fails."""
    answer = await builder.app.client.post(
        f"/api/events/{builder.event_id}/photos",
        params={"filename": "cut.jpg"},
        data=io.BytesIO(drawn(3)[:-4000]),
        headers={**builder.app.admin, "Content-Type": "image/jpeg"},
    )
    assert answer.status == 202
    return str((await answer.json())["results"][0]["photo_id"])


async def test_each_view_has_its_photos_and_their_number(builder: EventBuilder) -> None:
    hidden, shown = await builder.upload(1), await builder.upload(2)
    failed = await upload_cut(builder)
    await builder.app.drain()
    new = await builder.upload(3)
    body = {"ids": [hidden], "review": "hidden"}
    await ask(builder, "POST", "/api/admin/photos/review", json=body)

    assert await sheet(builder, "all") == [new, failed, shown, hidden]
    assert await sheet(builder, "hidden") == [hidden]
    assert await sheet(builder, "shown") == [shown]
    assert await sheet(builder, "failed") == [failed]
    assert await sheet(builder, "working") == [new]
    assert await sheet(builder, "waiting") == []
    counts = await ask(builder, "GET", f"/api/admin/events/{builder.event_id}/contact-sheet/counts")
    assert counts == {
        "all": 4,
        "waiting": 0,
        "shown": 1,
        "hidden": 1,
        "failed": 1,
        "working": 1,
        "missed": 0,
    }


async def test_pages_follow_each_other_within_a_view(builder: EventBuilder) -> None:
    ids = [await builder.upload(1) for _ in range(3)]
    path = f"/api/admin/events/{builder.event_id}/contact-sheet?view=working&limit=2"
    first = await builder.app.client.get(path, headers=builder.app.admin)

    assert [photo["id"] for photo in await first.json()] == [ids[2], ids[1]]
    assert first.headers["X-Total-Count"] == "3"
    following = re.findall(r"<(.+)>", first.headers["Link"])[0]
    assert [photo["id"] for photo in await ask(builder, "GET", following)] == [ids[0]]


async def test_a_photo_closely_names_its_guests_faces_and_work(builder: EventBuilder) -> None:
    await builder.join(1)
    photo_id = await builder.upload(1, 2)
    await builder.app.drain()

    found = await ask(builder, "GET", f"/api/admin/photos/{photo_id}")

    (guest,) = found["shows"]
    assert (guest["name"], guest["match"], guest["says"]) == ("Person 1", "sure", None)
    assert guest["face_id"] in [face["face_id"] for face in found["on_it"]]
    assert (len(found["on_it"]), found["missed_faces"]) == (2, [])
    assert [job["kind"] for job in found["jobs"]] == ["index_photo"]
    shown = await page(builder, f"/{photo_id}")
    assert shown.count('class="box"') == 2
    assert "Person 1" in shown


async def test_what_a_guest_says_of_a_photo_is_shown_as_that(builder: EventBuilder) -> None:
    await builder.join(1)
    photo_id = await builder.upload(1)
    await builder.app.drain()
    said = await builder.app.client.post(
        f"/api/photos/{photo_id}/not-me", headers=bearer(builder.tokens[1])
    )
    assert said.status == 204

    (guest,) = (await ask(builder, "GET", f"/api/admin/photos/{photo_id}"))["shows"]

    assert (guest["match"], guest["says"]) == (None, "not_me")
    assert "Says: not me" in await page(builder, f"/{photo_id}")


async def test_several_photos_are_deleted_at_once_with_their_vectors(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    one, two, kept = [await builder.upload(person) for person in (1, 2, 3)]
    await builder.app.drain()
    assert len(endpoint.faces) == 3

    gone = await ask(builder, "POST", "/api/admin/photos/delete", json={"ids": [two, one, "999"]})

    assert gone == {"deleted": [one, two]}
    assert await sheet(builder, "all") == [kept]
    assert len(endpoint.faces) == 1


async def test_photos_in_work_are_left_out_of_a_retry(builder: EventBuilder) -> None:
    done = await builder.upload(1)
    await builder.app.drain()
    working = await builder.upload(2)

    body = {"ids": [done, working], "thorough": True}
    asked = await ask(builder, "POST", "/api/admin/photos/retry", 202, json=body)

    assert asked == {"queued": [done]}
    jobs = (await ask(builder, "GET", f"/api/admin/photos/{done}"))["jobs"]
    assert [(job["state"], job["thorough"]) for job in jobs] == [("queued", True), ("done", False)]


@pytest.mark.parametrize("word", ["delete", "retry"])
async def test_a_body_without_a_list_of_ids_is_refused(builder: EventBuilder, word: str) -> None:
    for ids in (None, [], "1", [1], ["1"] * 1001):
        answer = await builder.app.client.post(
            f"/api/admin/photos/{word}",
            json={} if ids is None else {"ids": ids},
            headers=builder.app.admin,
        )
        assert await problem(answer) == (422, "invalid_request"), ids


async def test_chosen_originals_are_downloaded_as_one_archive(builder: EventBuilder) -> None:
    one, two, _ = [await builder.upload(person) for person in (1, 2, 3)]
    other = await EventBuilder.create(builder.app)
    foreign = await other.upload(4)

    answer = await press(builder, "zip", one, two, foreign)
    archive = await builder.app.client.get(answer.headers["Location"], headers=builder.app.admin)

    with zipfile.ZipFile(io.BytesIO(await archive.read())) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["0.jpg", "1.jpg"]
    nothing = await builder.app.client.get(
        f"/api/admin/events/{builder.event_id}/contact-sheet.zip?ids={foreign}",
        headers=builder.app.admin,
    )
    assert await problem(nothing) == (404, "not_found")


async def test_the_buttons_of_the_page_work_without_scripts(builder: EventBuilder) -> None:
    photo_id = await builder.upload(1)
    await builder.app.drain()

    await press(builder, "hidden", photo_id)
    assert await sheet(builder, "hidden") == [photo_id]
    await press(builder, "shown", photo_id)
    assert await sheet(builder, "shown") == [photo_id]
    await press(builder, "thorough", photo_id)
    assert await sheet(builder, "working") == []
    asked = await press(builder, "delete", photo_id, status=200)
    assert "Delete 1 photo?" in await asked.text()
    assert await sheet(builder, "all") == [photo_id]
    await press(builder, "delete-surely", photo_id)
    assert await sheet(builder, "all") == []


async def test_a_form_cannot_reach_photos_of_another_event_nor_lead_elsewhere(
    builder: EventBuilder,
) -> None:
    other = await EventBuilder.create(builder.app)
    foreign = await other.upload(4)

    await press(builder, "delete-surely", foreign)
    unknown = await press(builder, "burn", foreign, status=422)

    assert await sheet(other, "all") == [foreign]
    assert "burn" not in await unknown.text()
    answer = await builder.app.client.post(
        f"/admin/events/{builder.event_id}/photos",
        data={"act": "retry", "back": "https://example.org/"},
        headers=builder.app.admin,
        allow_redirects=False,
    )
    assert answer.status == 422
    answer = await builder.app.client.get(
        f"/admin/events/{builder.event_id}/photos/{foreign}", headers=builder.app.admin
    )
    assert answer.status == 404


async def test_the_page_says_why_a_photo_failed(builder: EventBuilder) -> None:
    await upload_cut(builder)
    await builder.app.drain()

    assert "The file is cut off: its end is missing." in await page(builder, "?view=failed")


async def test_only_admins_find_any_of_it(builder: EventBuilder) -> None:
    await builder.join(1)
    photo_id = await builder.upload(1)
    await builder.app.drain()
    base = f"/api/admin/events/{builder.event_id}/contact-sheet"
    calls = [
        ("GET", base),
        ("GET", f"{base}/counts"),
        ("GET", f"{base}.zip?ids={photo_id}"),
        ("GET", f"/api/admin/photos/{photo_id}"),
        ("POST", "/api/admin/photos/delete"),
        ("POST", "/api/admin/photos/retry"),
        ("GET", f"/admin/events/{builder.event_id}/photos"),
        ("POST", f"/admin/events/{builder.event_id}/photos"),
        ("GET", f"/admin/events/{builder.event_id}/photos/{photo_id}"),
    ]
    for method, path in calls:
        body = {"ids": [photo_id]} if method == "POST" else None
        for headers, status in ((bearer(builder.tokens[1]), 404), ({}, 401)):
            answer = await builder.app.client.request(
                method, path, headers=headers, allow_redirects=False, json=body
            )
            assert answer.status == status, (method, path)
    assert await sheet(builder, "all") == [photo_id]
