"""Hearts and reports: of photos that the guest may see, and for those they are meant for."""

from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from findme.settings import Settings
from tests.support.helpers import bearer, make_token, problem
from tests.support.scripted_event import PAGE, Soiree, open_soiree


@pytest.fixture
async def soiree(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[Soiree]:
    async with open_soiree(aiohttp_client, settings, database) as opened:
        yield opened


async def hearts(soiree: Soiree, path: str, person: int, **query: str) -> dict[str, bool]:
    """Return whether each photo of a list is marked, by its id."""
    found = await soiree.photos(path, soiree.headers(person), **query)
    return {photo["id"]: photo["favourite"] for photo in found}


async def test_a_heart_shows_in_all_lists_of_its_guest_and_nowhere_else(soiree: Soiree) -> None:
    first, second, third = soiree.crowd.photos
    # both lists are in the cache before the heart
    await hearts(soiree, "/api/my-photos", 1)
    await hearts(soiree, "/api/all-photos", 2)
    for _ in range(2):
        path = f"/api/photos/{second}/favourite"
        assert (await soiree.call("PUT", path, soiree.headers(1))).status == 204

    marked = {third: False, second: True, first: False}
    assert await hearts(soiree, "/api/my-photos", 1) == marked
    assert await hearts(soiree, "/api/all-photos", 1) == marked
    assert await hearts(soiree, "/api/my-photos", 1, shelf="favourites") == {second: True}
    assert await hearts(soiree, "/api/all-photos", 2) == dict.fromkeys(marked, False)
    assert await hearts(soiree, "/api/my-photos", 2, shelf="favourites") == {}

    path = f"/api/photos/{second}/favourite"
    for _ in range(2):
        assert (await soiree.call("DELETE", path, soiree.headers(1))).status == 204
    assert await hearts(soiree, "/api/my-photos", 1, shelf="favourites") == {}


async def test_favourites_come_page_by_page(soiree: Soiree) -> None:
    for photo_id in soiree.crowd.photos:
        await soiree.call("PUT", f"/api/photos/{photo_id}/favourite", soiree.headers(1))
    query = {"event": soiree.event_id, "shelf": "favourites", "limit": "2"}
    answer = await soiree.call("GET", "/api/my-photos", soiree.headers(1), params=query)
    assert answer.headers["X-Total-Count"] == "3"
    following = URL(answer.links["next"]["url"]).relative()
    rest = await (await soiree.call("GET", str(following), soiree.headers(1))).json()
    assert [photo["id"] for photo in rest] == [soiree.crowd.photos[0]]


async def test_a_heart_does_not_open_what_a_guest_may_not_see(soiree: Soiree) -> None:
    """Marked while the gallery was everyone's; now each sees their own."""
    first, second, _ = soiree.crowd.photos
    for photo_id in (first, second):
        path = f"/api/photos/{photo_id}/favourite"
        assert (await soiree.call("PUT", path, soiree.headers(2))).status == 204
    await soiree.choose(gallery="own")
    await soiree.app.resources.cache.clear()

    assert await hearts(soiree, "/api/my-photos", 2, shelf="favourites") == {second: True}
    query = {"event": soiree.event_id, "shelf": "favourites"}
    answer = await soiree.call("GET", "/api/my-photos", soiree.headers(2), params=query)
    assert answer.headers["X-Total-Count"] == "1"


@pytest.mark.parametrize(
    ("method", "kind"), [("PUT", "favourite"), ("DELETE", "favourite"), ("POST", "report")]
)
async def test_of_a_photo_that_one_may_not_see_there_is_nothing(
    soiree: Soiree, method: str, kind: str
) -> None:
    first, second, _ = soiree.crowd.photos
    body = {"json": {"reason": "other"}} if kind == "report" else {}

    async def ask(photo_id: str, headers: dict[str, str]) -> tuple[int, str]:
        path = f"/api/photos/{photo_id}/{kind}"
        return await problem(await soiree.call(method, path, headers, **body))

    await soiree.choose(gallery="own")
    await soiree.pool.execute("update photo set review = 'hidden' where id = $1", int(second))
    assert await ask(first, soiree.headers(2)) == (404, "not_found")
    assert await ask(second, soiree.headers(1)) == (404, "not_found")
    assert await ask("999", soiree.headers(1)) == (404, "not_found")
    assert await ask("x", soiree.headers(1)) == (404, "not_found")
    assert await ask(first, await make_token(soiree.app, {"id": soiree.event_id})) == (
        404,
        "not_found",
    )
    assert await ask(first, {}) == (401, "sign_in_required")
    # of another event
    assert await soiree.call("DELETE", f"/api/me/events/{soiree.event_id}", soiree.headers(1))
    assert await ask(first, soiree.headers(1)) == (404, "not_found")
    assert await soiree.count("favourite") == await soiree.count("report") == 0


async def reported(soiree: Soiree, person: int, **members: str) -> str:
    """Report the first photo; return the report's id."""
    path = f"/api/photos/{soiree.crowd.photos[0]}/report"
    answer = await soiree.call("POST", path, soiree.headers(person), json=members)
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["id"])


async def test_a_report_reaches_the_organiser_who_settles_it(soiree: Soiree) -> None:
    path = f"/api/admin/events/{soiree.event_id}/reports"
    first = await reported(soiree, 1, reason="of_me", note="  My eyes are closed. ")
    other = await reported(soiree, 2, reason="other")

    listed = await (await soiree.call("GET", path, soiree.app.admin)).json()
    assert [item["id"] for item in listed] == [other, first]
    assert listed[1]["note"] == "My eyes are closed."
    assert listed[1]["guest"]["name"] == "Person 1"
    assert listed[1]["photo_id"] == soiree.crowd.photos[0]
    assert (await soiree.call("GET", listed[1]["thumb_url"], soiree.app.admin)).status == 200

    for _ in range(2):
        assert (await soiree.call("POST", f"{path}/{first}/settle", soiree.app.admin)).status == 204
    answer = await soiree.call("GET", path, soiree.app.admin)
    assert [item["id"] for item in await answer.json()] == [other]
    assert answer.headers["X-Total-Count"] == "1"
    answer = await soiree.call("GET", path, soiree.app.admin, params={"state": "settled"})
    assert [item["id"] for item in await answer.json()] == [first]


async def test_one_open_report_for_each_guest_and_photo(soiree: Soiree) -> None:
    first = await reported(soiree, 1, reason="of_me", note="first")
    assert await reported(soiree, 1, reason="private", note="second") == first
    path = f"/api/admin/events/{soiree.event_id}/reports"
    (only,) = await (await soiree.call("GET", path, soiree.app.admin)).json()
    assert (only["reason"], only["note"]) == ("private", "second")

    await soiree.call("POST", f"{path}/{first}/settle", soiree.app.admin)
    assert await reported(soiree, 1, reason="of_me") != first


@pytest.mark.parametrize(
    "members",
    [{}, {"reason": "because"}, {"reason": 1}, {"reason": "other", "note": 5}, {"reason": None}],
)
async def test_a_report_needs_a_reason_that_there_is(
    soiree: Soiree, members: dict[str, object]
) -> None:
    path = f"/api/photos/{soiree.crowd.photos[0]}/report"
    answer = await soiree.call("POST", path, soiree.headers(1), json=members)
    assert await problem(answer) == (422, "invalid_request")


async def test_reports_are_for_admins(soiree: Soiree) -> None:
    report = await reported(soiree, 1, reason="other")
    path = f"/api/admin/events/{soiree.event_id}/reports"
    assert (await soiree.call("GET", path, soiree.headers(1))).status == 404
    assert (await soiree.call("GET", path)).status == 401
    settle = f"{path}/{report}/settle"
    assert (await soiree.call("POST", settle, soiree.headers(1))).status == 404
    elsewhere = f"/api/admin/events/999/reports/{report}/settle"
    assert (await soiree.call("POST", elsewhere, soiree.app.admin)).status == 404
    assert (
        await soiree.call("GET", "/api/admin/events/999/reports", soiree.app.admin)
    ).status == 404
    assert await soiree.count("report where settled_at is null") == 1


async def test_the_report_of_a_guest_who_left_has_no_name(soiree: Soiree) -> None:
    await reported(soiree, 1, reason="other")
    assert (await soiree.call("DELETE", "/api/me", soiree.headers(1))).status == 204
    path = f"/api/admin/events/{soiree.event_id}/reports"
    (only,) = await (await soiree.call("GET", path, soiree.app.admin)).json()
    assert only["guest"] is None


async def test_a_form_reports_and_marks_without_scripts(soiree: Soiree) -> None:
    photo = soiree.crowd.photos[0]
    session = {**PAGE, **soiree.headers(1)}
    address = f"/gallery/{photo}/report?event={soiree.event_id}&tab=all"
    page = await (await soiree.call("GET", address, session)).text()
    assert "It shows me, and I would rather it did not" in page
    answer = await soiree.call("POST", address, session, data={"reason": "of_me", "note": "No"})
    assert answer.status == 303
    assert (
        "Noted, thank you"
        in await (await soiree.call("GET", answer.headers["Location"], session)).text()
    )
    assert await soiree.count("report") == 1

    heart = f"/gallery/{photo}/favourite?event={soiree.event_id}&tab=all"
    answer = await soiree.call("POST", heart, session)
    assert answer.status == 303
    assert await hearts(soiree, "/api/my-photos", 1, shelf="favourites") == {photo: True}
    assert (await soiree.call("POST", heart, session)).status == 303
    assert await hearts(soiree, "/api/my-photos", 1, shelf="favourites") == {}


async def test_a_photo_says_whose_picture_it_is(soiree: Soiree) -> None:
    await soiree.pool.execute("update photo set credit = 'Zoé Martin'")
    await soiree.app.resources.cache.clear()
    photos = await soiree.photos("/api/my-photos", soiree.headers(1))
    assert {photo["credit"] for photo in photos} == {"Zoé Martin"}
    address = f"/gallery/{photos[0]['id']}?event={soiree.event_id}"
    page = await soiree.call("GET", address, {**PAGE, **bearer(soiree.crowd.guests[1])})
    assert "Zoé Martin" in await page.text()
