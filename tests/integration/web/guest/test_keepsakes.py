"""Hearts and reports: of photos that the guest may see, and for those they are meant for."""

from collections.abc import AsyncIterator, Sequence

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from findme.settings import Settings
from tests.support.helpers import bearer, make_token, problem
from tests.support.scripted_event import PAGE, ScriptedEvent, open_scripted_event


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        yield opened


async def hearts(builder: ScriptedEvent, path: str, person: int, **query: str) -> dict[str, bool]:
    """Return whether each photo of a list is marked, by its id."""
    found = await builder.get_json(path, builder.headers(person), **query)
    return {photo["id"]: photo["favourite"] for photo in found}


async def test_a_heart_shows_in_all_lists_of_its_guest_and_nowhere_else(
    builder: ScriptedEvent,
) -> None:
    first, second, third = builder.photos
    # both lists are in the cache before the heart
    await hearts(builder, "/api/my-photos", 1)
    await hearts(builder, "/api/all-photos", 2)
    for _ in range(2):
        path = f"/api/photos/{second}/favourite"
        assert (await builder.call("PUT", path, builder.headers(1))).status == 204

    marked = {third: False, second: True, first: False}
    assert await hearts(builder, "/api/my-photos", 1) == marked
    assert await hearts(builder, "/api/all-photos", 1) == marked
    assert await hearts(builder, "/api/my-photos", 1, shelf="favourites") == {second: True}
    assert await hearts(builder, "/api/all-photos", 2) == dict.fromkeys(marked, False)
    assert await hearts(builder, "/api/my-photos", 2, shelf="favourites") == {}

    path = f"/api/photos/{second}/favourite"
    for _ in range(2):
        assert (await builder.call("DELETE", path, builder.headers(1))).status == 204
    assert await hearts(builder, "/api/my-photos", 1, shelf="favourites") == {}


async def test_favourites_come_page_by_page(builder: ScriptedEvent) -> None:
    for photo_id in builder.photos:
        await builder.call("PUT", f"/api/photos/{photo_id}/favourite", builder.headers(1))
    query = {"event": builder.event_id, "shelf": "favourites", "limit": "2"}
    answer = await builder.call("GET", "/api/my-photos", builder.headers(1), params=query)
    assert answer.headers["X-Total-Count"] == "3"
    following = URL(answer.links["next"]["url"]).relative()
    rest = await (await builder.call("GET", str(following), builder.headers(1))).json()
    assert [photo["id"] for photo in rest] == [builder.photos[0]]


async def test_a_heart_does_not_open_what_a_guest_may_not_see(builder: ScriptedEvent) -> None:
    """Marked while the gallery was everyone's; now each sees their own."""
    first, second, _ = builder.photos
    for photo_id in (first, second):
        path = f"/api/photos/{photo_id}/favourite"
        assert (await builder.call("PUT", path, builder.headers(2))).status == 204
    await builder.set_columns(gallery="own")
    await builder.app.resources.cache.clear()

    assert await hearts(builder, "/api/my-photos", 2, shelf="favourites") == {second: True}
    query = {"event": builder.event_id, "shelf": "favourites"}
    answer = await builder.call("GET", "/api/my-photos", builder.headers(2), params=query)
    assert answer.headers["X-Total-Count"] == "1"


@pytest.mark.parametrize(
    ("method", "kind"), [("PUT", "favourite"), ("DELETE", "favourite"), ("POST", "report")]
)
async def test_of_a_photo_that_one_may_not_see_there_is_nothing(
    builder: ScriptedEvent, method: str, kind: str
) -> None:
    first, second, _ = builder.photos
    body = {"json": {"reason": "other"}} if kind == "report" else {}

    async def ask(photo_id: str, headers: dict[str, str]) -> tuple[int, str]:
        path = f"/api/photos/{photo_id}/{kind}"
        return await problem(await builder.call(method, path, headers, **body))

    await builder.set_columns(gallery="own")
    await builder.pool.execute("update photo set review = 'hidden' where id = $1", int(second))
    assert await ask(first, builder.headers(2)) == (404, "not_found")
    assert await ask(second, builder.headers(1)) == (404, "not_found")
    assert await ask("999", builder.headers(1)) == (404, "not_found")
    assert await ask("x", builder.headers(1)) == (404, "not_found")
    assert await ask(first, await make_token(builder.app, {"id": builder.event_id})) == (
        404,
        "not_found",
    )
    assert await ask(first, {}) == (401, "sign_in_required")
    # of another event
    assert await builder.call("DELETE", f"/api/me/events/{builder.event_id}", builder.headers(1))
    assert await ask(first, builder.headers(1)) == (404, "not_found")
    assert await builder.count("favourite") == await builder.count("report") == 0


async def reported(builder: ScriptedEvent, person: int, **members: str) -> str:
    """Report the first photo; return the report's id."""
    path = f"/api/photos/{builder.photos[0]}/report"
    answer = await builder.call("POST", path, builder.headers(person), json=members)
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["id"])


async def test_a_report_reaches_the_organiser_who_settles_it(builder: ScriptedEvent) -> None:
    path = f"/api/admin/events/{builder.event_id}/reports"
    first = await reported(builder, 1, reason="of_me", note="  My eyes are closed. ")
    other = await reported(builder, 2, reason="other")

    listed = await (await builder.call("GET", path, builder.app.admin)).json()
    assert [item["id"] for item in listed] == [other, first]
    assert listed[1]["note"] == "My eyes are closed."
    assert listed[1]["guest"]["name"] == "Person 1"
    assert listed[1]["photo_id"] == builder.photos[0]
    assert (await builder.call("GET", listed[1]["thumb_url"], builder.app.admin)).status == 200

    for _ in range(2):
        assert (
            await builder.call("POST", f"{path}/{first}/settle", builder.app.admin)
        ).status == 204
    answer = await builder.call("GET", path, builder.app.admin)
    assert [item["id"] for item in await answer.json()] == [other]
    assert answer.headers["X-Total-Count"] == "1"
    answer = await builder.call("GET", path, builder.app.admin, params={"state": "settled"})
    assert [item["id"] for item in await answer.json()] == [first]


async def test_one_open_report_for_each_guest_and_photo(builder: ScriptedEvent) -> None:
    first = await reported(builder, 1, reason="of_me", note="first")
    assert await reported(builder, 1, reason="private", note="second") == first
    path = f"/api/admin/events/{builder.event_id}/reports"
    (only,) = await (await builder.call("GET", path, builder.app.admin)).json()
    assert (only["reason"], only["note"]) == ("private", "second")

    await builder.call("POST", f"{path}/{first}/settle", builder.app.admin)
    assert await reported(builder, 1, reason="of_me") != first


NO_REASONS: Sequence[dict[str, object]] = [
    {},
    {"reason": "because"},
    {"reason": 1},
    {"reason": "other", "note": 5},
    {"reason": None},
]


async def test_a_report_needs_a_reason_that_there_is(builder: ScriptedEvent) -> None:
    for members in NO_REASONS:
        path = f"/api/photos/{builder.photos[0]}/report"
        answer = await builder.call("POST", path, builder.headers(1), json=members)
        assert await problem(answer) == (422, "invalid_request"), members


async def test_reports_are_for_admins(builder: ScriptedEvent) -> None:
    report = await reported(builder, 1, reason="other")
    path = f"/api/admin/events/{builder.event_id}/reports"
    assert (await builder.call("GET", path, builder.headers(1))).status == 404
    assert (await builder.call("GET", path)).status == 401
    settle = f"{path}/{report}/settle"
    assert (await builder.call("POST", settle, builder.headers(1))).status == 404
    elsewhere = f"/api/admin/events/999/reports/{report}/settle"
    assert (await builder.call("POST", elsewhere, builder.app.admin)).status == 404
    assert (
        await builder.call("GET", "/api/admin/events/999/reports", builder.app.admin)
    ).status == 404
    assert await builder.count("report where settled_at is null") == 1


async def test_the_report_of_a_guest_who_left_has_no_name(builder: ScriptedEvent) -> None:
    await reported(builder, 1, reason="other")
    assert (await builder.call("DELETE", "/api/me", builder.headers(1))).status == 204
    path = f"/api/admin/events/{builder.event_id}/reports"
    (only,) = await (await builder.call("GET", path, builder.app.admin)).json()
    assert only["guest"] is None


async def test_a_form_reports_and_marks_without_scripts(builder: ScriptedEvent) -> None:
    photo = builder.photos[0]
    session = {**PAGE, **builder.headers(1)}
    address = f"/gallery/{photo}/report?event={builder.event_id}&tab=all"
    page = await (await builder.call("GET", address, session)).text()
    assert "It shows me, and I would rather it did not" in page
    answer = await builder.call("POST", address, session, data={"reason": "of_me", "note": "No"})
    assert answer.status == 303
    assert (
        "Noted, thank you"
        in await (await builder.call("GET", answer.headers["Location"], session)).text()
    )
    assert await builder.count("report") == 1

    heart = f"/gallery/{photo}/favourite?event={builder.event_id}&tab=all"
    answer = await builder.call("POST", heart, session)
    assert answer.status == 303
    assert await hearts(builder, "/api/my-photos", 1, shelf="favourites") == {photo: True}
    assert (await builder.call("POST", heart, session)).status == 303
    assert await hearts(builder, "/api/my-photos", 1, shelf="favourites") == {}


async def test_a_photo_says_whose_picture_it_is(builder: ScriptedEvent) -> None:
    await builder.pool.execute("update photo set credit = 'Zoé Martin'")
    await builder.app.resources.cache.clear()
    photos = await builder.get_json("/api/my-photos", builder.headers(1))
    assert {photo["credit"] for photo in photos} == {"Zoé Martin"}
    address = f"/gallery/{photos[0]['id']}?event={builder.event_id}"
    page = await builder.call("GET", address, {**PAGE, **bearer(builder.tokens[1])})
    assert "Zoé Martin" in await page.text()
