"""Photo lists: order, paging, shelves, the cache in front, and what a list never reads."""

import gzip
from collections.abc import Sequence
from typing import Any

import pytest
from asyncpg.connection import LoggedQuery
from yarl import URL

from findme import db
from tests.conftest import App
from tests.support.helpers import Member, add_match, add_photos, make_event, member, problem
from tests.support.no_engine_app import app, settings

__all__ = ["app", "settings"]


class Listing:
    """A guest of an event, asking for lists."""

    def __init__(self, app: App, event: dict[str, Any], guest: Member) -> None:
        self.app, self.event, self.guest = app, event, guest
        self.pool = app.resources.pool

    async def answer(self, path: str = "/api/all-photos", **query: str) -> Any:
        return await self.app.client.get(
            path, params={"event": self.event["id"], **query}, headers=self.guest.headers
        )

    async def ids(self, path: str = "/api/all-photos", **query: str) -> list[int]:
        answer = await self.answer(path, **query)
        assert answer.status == 200, await answer.text()
        return [int(photo["id"]) for photo in await answer.json()]

    async def mine(self, shelf: str = "sure") -> list[int]:
        return await self.ids("/api/my-photos", shelf=shelf)

    async def add_photos(self, count: int, prefix: str = "photo") -> list[int]:
        async with db.transaction(self.pool) as conn:
            return await add_photos(conn, self.event, count, prefix=prefix)

    async def add_match(
        self, photo_id: int, similarity: float, guest: Member | None = None
    ) -> None:
        async with db.transaction(self.pool) as conn:
            await add_match(conn, (guest or self.guest).guest_id, photo_id, similarity)

    async def overhear(self) -> list[LoggedQuery]:
        """Return a list to which every query of the application is added from now on."""
        heard: list[LoggedQuery] = []
        conns = [await self.pool.acquire() for _ in range(self.pool.get_max_size())]
        for conn in conns:
            conn.add_query_logger(heard.append)
            await self.pool.release(conn)
        return heard

    async def patch(self, **members: object) -> None:
        answer = await self.app.client.patch(
            f"/api/admin/events/{self.event['id']}", json=members, headers=self.app.admin
        )
        assert answer.status == 200, await answer.text()


@pytest.fixture
async def listing(app: App) -> Listing:
    event = await make_event(app)
    return Listing(app, event, await member(app.resources.pool, event))


async def test_a_photo_is_shown_as_the_contract_says(listing: Listing) -> None:
    (photo_id,) = await listing.add_photos(1)
    await listing.add_match(photo_id, 95)
    (photo,) = await (await listing.answer("/api/my-photos")).json()
    assert set(photo) >= {
        "id", "event_id", "filename", "width", "height", "taken_at", "uploaded_at", "faces",
        "has_face_match", "match", "face_box", "thumb_url", "preview_url", "original_url",
        "placeholder",
    }  # fmt: skip
    assert (photo["id"], photo["event_id"]) == (str(photo_id), listing.event["id"])
    assert (photo["match"], photo["has_face_match"], photo["faces"]) == ("sure", True, 1)
    assert photo["face_box"] == {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
    assert photo["thumb_url"] == f"/api/photo/{photo_id}?size=thumb"
    assert photo["uploaded_at"].endswith("Z")


async def test_pages_go_from_the_newest_to_the_oldest_and_miss_nothing(listing: Listing) -> None:
    photos = await listing.add_photos(25)
    seen: list[int] = []
    url: Any = f"/api/all-photos?event={listing.event['id']}&limit=10"
    pages = 0
    while url is not None:
        answer = await listing.app.client.get(url, headers=listing.guest.headers)
        assert answer.headers["X-Total-Count"] == "25"
        seen += [int(photo["id"]) for photo in await answer.json()]
        following = answer.links.get("next")
        url = None if following is None else URL(following["url"]).relative()
        pages += 1
    assert seen == sorted(photos, reverse=True)
    assert pages == 3


async def test_a_page_that_ends_with_the_last_photo_names_no_next_one(listing: Listing) -> None:
    await listing.add_photos(6)
    first = await listing.answer(limit="3")
    last = await listing.app.client.get(
        URL(first.links["next"]["url"]).relative(), headers=listing.guest.headers
    )
    assert len(await last.json()) == 3
    assert "Link" not in last.headers
    assert "Link" not in (await listing.answer(limit="6")).headers


async def test_what_is_added_between_two_pages_moves_none(listing: Listing) -> None:
    photos = await listing.add_photos(6)
    first = await listing.answer(limit="3")
    await listing.add_photos(3, "later")
    second = await listing.app.client.get(
        URL(first.links["next"]["url"]).relative(), headers=listing.guest.headers
    )
    shown = [int(photo["id"]) for photo in await first.json() + await second.json()]
    assert shown == sorted(photos, reverse=True)


NO_LIMITS: Sequence[str] = ["0", "1001", "x", "", "-1"]


async def test_a_limit_out_of_bounds_is_422(listing: Listing) -> None:
    for limit in NO_LIMITS:
        for path in ("/api/all-photos", "/api/my-photos"):
            assert await problem(await listing.answer(path, limit=limit)) == (
                422,
                "invalid_request",
            ), limit
        answer = await listing.app.client.get(
            f"/api/admin/events?limit={limit}", headers=listing.app.admin
        )
        assert (await problem(answer))[0] == 422, limit


async def test_a_shelf_or_event_that_is_none_is_said(listing: Listing) -> None:
    assert (await problem(await listing.answer("/api/my-photos", shelf="both")))[0] == 422
    for event in ("x", "999999"):
        assert (await problem(await listing.answer(event=event)))[0] == 404


async def test_the_shelves_part_at_the_thresholds(listing: Listing) -> None:
    photos = await listing.add_photos(4)
    for photo_id, similarity in zip(photos, (90.0, 89.9, 80.0, 79.9), strict=True):
        await listing.add_match(photo_id, similarity)
    assert await listing.mine() == [photos[0]]
    assert await listing.mine("maybe") == [photos[2], photos[1]]
    everyone = await (await listing.answer()).json()
    assert [photo["match"] for photo in everyone] == [None, "maybe", "maybe", "sure"]
    assert [photo["face_box"] is None for photo in everyone] == [True, False, False, False]


async def test_an_event_has_thresholds_of_its_own(listing: Listing) -> None:
    photos = await listing.add_photos(3)
    for photo_id, similarity in zip(photos, (99.0, 95.0, 85.0), strict=True):
        await listing.add_match(photo_id, similarity)
    assert await listing.mine() == [photos[1], photos[0]]
    await listing.patch(match_threshold=98.5, maybe_threshold=90.1)
    assert await listing.mine() == [photos[0]]
    assert await listing.mine("maybe") == [photos[1]]
    await listing.patch(match_threshold=None, maybe_threshold=None)
    assert await listing.mine() == [photos[1], photos[0]]


async def test_the_best_face_of_a_photo_decides_its_shelf(listing: Listing) -> None:
    (photo_id,) = await listing.add_photos(1)
    await listing.add_match(photo_id, 85)
    await listing.add_match(photo_id, 95)
    assert await listing.mine() == [photo_id]
    assert await listing.mine("maybe") == []
    assert (await listing.answer("/api/my-photos")).headers["X-Total-Count"] == "1"


async def test_guests_see_their_own_matches_alone(listing: Listing) -> None:
    other = await member(listing.pool, listing.event, "other@example.org")
    photos = await listing.add_photos(2)
    await listing.add_match(photos[0], 95)
    await listing.add_match(photos[1], 95, other)
    assert await listing.mine() == [photos[0]]
    assert [photo["match"] for photo in await (await listing.answer()).json()] == [None, "sure"]


async def test_a_guest_of_another_event_sees_no_list(listing: Listing) -> None:
    other = await make_event(listing.app, "Other")
    stranger = await member(listing.pool, other, "stranger@example.org")
    for path in ("/api/all-photos", "/api/my-photos"):
        answer = await listing.app.client.get(
            path, params={"event": listing.event["id"]}, headers=stranger.headers
        )
        assert await problem(answer) == (404, "not_found")
        anyone = await listing.app.client.get(path, params={"event": listing.event["id"]})
        assert await problem(anyone) == (401, "sign_in_required")


async def test_a_private_gallery_shows_nobody_everything(listing: Listing) -> None:
    photos = await listing.add_photos(2)
    await listing.add_match(photos[0], 95)
    assert len(await listing.ids()) == 2
    await listing.patch(gallery="own")
    assert await problem(await listing.answer()) == (403, "gallery_own")
    assert await listing.mine() == [photos[0]]


async def test_photos_in_the_making_are_not_listed(listing: Listing) -> None:
    photos = await listing.add_photos(2)
    await listing.pool.execute("update photo set ready_at = null where id = $1", photos[0])
    answer = await listing.answer()
    assert [photo["id"] for photo in await answer.json()] == [str(photos[1])]
    assert answer.headers["X-Total-Count"] == "1"


async def stats_of(listing: Listing) -> dict[str, Any]:
    answer = await listing.app.client.get("/api/admin/queue/stats", headers=listing.app.admin)
    cache: dict[str, Any] = (await answer.json())["cache"]["user_photos_cache"]
    return cache


async def test_a_list_that_is_asked_for_again_comes_from_the_cache(listing: Listing) -> None:
    await listing.add_photos(3)
    first = await (await listing.answer()).read()
    for _ in range(3):
        assert await (await listing.answer()).read() == first
    assert await stats_of(listing) == {"size": 1, "hits": 3, "misses": 1, "hit_rate": "75.00%"}


async def test_a_cached_list_is_dropped_when_something_of_its_event_changes(
    listing: Listing,
) -> None:
    photos = await listing.add_photos(1)
    assert len(await listing.ids()) == 1
    photos += await listing.add_photos(1, "later")
    assert len(await listing.ids()) == 1
    await listing.app.resources.cache.forget_event(int(listing.event["id"]))  # type: ignore[arg-type]  # an id
    assert len(await listing.ids()) == 2
    deleted = await listing.app.client.delete(
        f"/api/admin/photos/{photos[0]}", headers=listing.app.admin
    )
    assert deleted.status == 204
    assert await listing.ids() == [photos[1]]


async def test_one_guests_list_is_never_anothers(listing: Listing) -> None:
    other = await member(listing.pool, listing.event, "other@example.org")
    (photo_id,) = await listing.add_photos(1)
    await listing.add_match(photo_id, 95)
    assert await listing.mine() == [photo_id]
    answer = await listing.app.client.get(
        "/api/my-photos", params={"event": listing.event["id"]}, headers=other.headers
    )
    assert await answer.json() == []


async def test_an_admin_empties_the_cache(listing: Listing) -> None:
    await listing.add_photos(1)
    await listing.ids()
    answer = await listing.app.client.post("/api/admin/cache/clear", headers=listing.app.admin)
    assert (await answer.json())["cleared"] >= 1
    assert (await stats_of(listing))["size"] == 0
    assert len(await listing.ids()) == 1


async def test_a_list_of_100_photos_is_small_and_reads_no_picture(
    listing: Listing,
) -> None:
    for photo_id in await listing.add_photos(100, "IMG_20261121_"):
        await listing.add_match(photo_id, 90 + photo_id % 10)
    asked = await listing.overhear()
    for path in ("/api/my-photos", "/api/all-photos"):
        answer = await listing.app.client.get(
            path,
            params={"event": listing.event["id"]},
            headers={**listing.guest.headers, "Accept-Encoding": "gzip"},
            auto_decompress=False,
        )
        assert answer.headers["Content-Encoding"] == "gzip"
        body = await answer.read()
        assert len(body) <= 10_000
        assert body[:2] == b"\x1f\x8b"
        assert gzip.decompress(body).count(b'"id"') == 100
    assert any("photo" in record.query for record in asked)
    assert not any("image" in record.query for record in asked)


async def test_galleries_are_read_by_index(listing: Listing) -> None:
    """The queries that the application really makes, among the photos of five events."""
    mine = await listing.add_photos(4000)
    for name in ("one", "two", "three", "four"):
        other = await make_event(listing.app, name)
        async with db.transaction(listing.pool) as conn:
            await add_photos(conn, other, 4000, prefix=name)
    for photo_id in mine[:5]:
        await listing.add_match(photo_id, 95)
    await listing.pool.execute("analyze")
    heard = await listing.overhear()
    await listing.ids()
    await listing.mine()
    lists = [record for record in heard if "placeholder" in record.query]
    assert len(lists) == 2
    async with db.acquire(listing.pool) as conn:
        for record in lists:
            plan = await conn.fetch("explain " + record.query, *record.args)
            text = "\n".join(row[0] for row in plan)
            assert "Seq Scan on photo" not in text, text
            assert "Index" in text
