"""Guests' lists go by the corrected clock of the cameras: two photographers, one dated."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from yarl import URL

from findme import db
from findme.db import Pool
from tests.conftest import App
from tests.support.helpers import Member, add_match, add_photos, make_event, member, problem
from tests.support.no_engine_app import app, settings

__all__ = ["app", "settings"]

NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
LISTS = ("/api/all-photos", "/api/my-photos")


class DatedPhotos:
    """An event with a guest who is on every photo."""

    def __init__(self, app: App, event: dict[str, Any], guest: Member) -> None:
        self.app, self.event, self.guest = app, event, guest
        self.batches = 0

    async def add(self, *taken: timedelta | None) -> list[int]:
        """Add photos in the order of their arrival, taken so long before NOW (None: no clock)."""
        async with db.transaction(self.app.resources.pool) as conn:
            self.batches += 1
            prefix = f"card {self.batches}"
            photos = await add_photos(conn, self.event, len(taken), prefix=prefix)
            for photo_id, ago in zip(photos, taken, strict=True):
                await conn.execute(
                    "update photo set uploaded_at = $2, taken_at = $3 where id = $1",
                    photo_id,
                    NOW,
                    None if ago is None else NOW - ago,
                )
                await add_match(conn, self.guest.guest_id, photo_id, 99)
        return photos

    async def page(self, path: str, **query: str) -> Any:
        query = {"event": self.event["id"], **query}
        return await self.app.client.get(path, params=query, headers=self.guest.headers)

    async def walk(self, path: str) -> list[int]:
        """Follow the pages of a list, two photos each."""
        seen: list[int] = []
        answer = await self.page(path, limit="2")
        while True:
            seen += [int(photo["id"]) for photo in await answer.json()]
            if "next" not in answer.links:
                return seen
            url = URL(answer.links["next"]["url"]).relative()
            answer = await self.app.client.get(url, headers=self.guest.headers)


@pytest.fixture
async def dated(app: App, pool: Pool) -> DatedPhotos:
    event = await make_event(app)
    return DatedPhotos(app, event, await member(pool, event))


def minutes(*numbers: int) -> list[timedelta]:
    return [timedelta(minutes=number) for number in numbers]


@pytest.mark.parametrize("path", LISTS)
async def test_two_cameras_make_one_evening(dated: DatedPhotos, path: str) -> None:
    """What arrives late goes where it was taken, on every page."""
    first, second, third = await dated.add(*minutes(60, 40, 20))
    late, latest = await dated.add(*minutes(50, 10))
    assert await dated.walk(path) == [latest, third, second, late, first]


@pytest.mark.parametrize("path", LISTS)
async def test_a_moment_of_many_photos_is_told_apart_by_arrival(
    dated: DatedPhotos, path: str
) -> None:
    photos = await dated.add(*minutes(5, 5, 5, 5, 5))
    assert await dated.walk(path) == photos[::-1]


@pytest.mark.parametrize("path", LISTS)
async def test_a_clock_that_cannot_be_right_gives_way_to_the_arrival(
    dated: DatedPhotos, path: str
) -> None:
    """Ahead by more than time zones are, back in its maker's year, or none at all."""
    hours = [timedelta(hours=3), timedelta(hours=-20)]
    earlier, ahead = await dated.add(*hours)
    wrong = await dated.add(timedelta(days=-2), timedelta(days=4000), None)
    assert await dated.walk(path) == [ahead, *wrong[::-1], earlier]
    shown = {int(photo["id"]): photo for photo in await (await dated.page(path)).json()}
    assert {shown[photo_id]["dated_at"] for photo_id in wrong} == {"2026-11-21T23:30:00.000Z"}
    assert shown[wrong[0]]["taken_at"] == "2026-11-23T23:30:00.000Z"
    assert shown[earlier]["dated_at"] == shown[earlier]["taken_at"] == "2026-11-21T20:30:00.000Z"


async def test_a_photo_that_goes_at_the_end_of_a_page_takes_none_along(dated: DatedPhotos) -> None:
    photos = await dated.add(*minutes(1, 2, 3, 4, 5))
    answer = await dated.page("/api/all-photos", limit="2")
    gone = f"/api/admin/photos/{photos[1]}"
    assert (await dated.app.client.delete(gone, headers=dated.app.admin)).status == 204
    url = URL(answer.links["next"]["url"]).relative()
    rest = await dated.app.client.get(url, headers=dated.guest.headers)
    assert [int(photo["id"]) for photo in await rest.json()] == photos[2:4]


async def test_a_corrected_clock_moves_what_is_there(dated: DatedPhotos) -> None:
    """The organiser sets the second camera right: its photos find their place in the dated."""
    client, admin = dated.app.client, dated.app.admin
    tokens = f"/api/admin/events/{dated.event['id']}/tokens"
    token = await (await client.post(tokens, json={"label": "Zoe"}, headers=admin)).json()
    early, late = await dated.add(*minutes(50, 10))
    slow, fast = await dated.add(*minutes(90, 30))
    await dated.app.resources.pool.execute(
        "update photo set upload_token_id = $1 where id = any($2)", int(token["id"]), [slow, fast]
    )
    assert await dated.walk("/api/all-photos") == [late, fast, early, slow]
    answer = await client.patch(
        f"{tokens}/{token['id']}", json={"clock_offset_s": 1800}, headers=admin
    )
    assert answer.status == 200
    assert await dated.walk("/api/all-photos") == [fast, late, early, slow]
    answer = await client.patch(
        f"{tokens}/{token['id']}", json={"clock_offset_s": 2700}, headers=admin
    )
    assert await dated.walk("/api/all-photos") == [fast, late, slow, early]


@pytest.mark.parametrize("tab", ["mine", "all"])
async def test_a_photos_page_leads_to_the_next_by_time(dated: DatedPhotos, tab: str) -> None:
    first, third = await dated.add(*minutes(60, 20))
    (second,) = await dated.add(*minutes(40))
    answer = await dated.app.client.get(
        f"/gallery/{second}?event={dated.event['id']}&tab={tab}", headers=dated.guest.headers
    )
    page = await answer.text()
    assert answer.status == 200
    assert f"/gallery/{first}?" in page
    assert f"/gallery/{third}?" in page


NO_PAGES: Sequence[str] = ["7", "x", "1-", "-1", "1_000-5", "9" * 18 + "-1", "٣-٣"]


async def test_a_page_that_no_link_named_is_refused(dated: DatedPhotos) -> None:
    for before in NO_PAGES:
        for path in LISTS:
            answer = await dated.page(path, before=before)
            assert await problem(answer) == (422, "invalid_request"), before
