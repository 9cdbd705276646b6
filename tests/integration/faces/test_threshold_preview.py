"""The rehearsal: pairs at each similarity, border cases, an event's own thresholds."""

import io
import re
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

from findme import db
from findme.db import Pool
from findme.faces import matching
from findme.media.face_crop import SIDE, cut_out
from findme.models import Box, EngineFaceId
from findme.recognition.types import Reference, Similar
from tests.conftest import App
from tests.support.helpers import (
    Member,
    add_match,
    add_photos,
    bearer,
    make_event,
    make_token,
    member,
    problem,
    someone,
    upload,
)


@pytest.fixture
async def event(app: App) -> dict[str, Any]:
    return await make_event(app)


async def rehearsed(app: App, event: dict[str, Any], **query: object) -> dict[str, Any]:
    answer = await app.client.get(
        f"/api/admin/events/{event['id']}/rehearsal",
        params={name: str(value) for name, value in query.items()},
        headers=app.admin,
    )
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def page(app: App, event: dict[str, Any], query: str = "") -> str:
    answer = await app.client.get(
        f"/admin/events/{event['id']}/thresholds{query}",
        headers={**app.admin, "Accept": "text/html", "Accept-Language": "en"},
    )
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def submit(app: App, event: dict[str, Any], status: int = 303, **fields: str) -> None:
    answer = await app.client.post(
        f"/admin/events/{event['id']}/thresholds",
        data=fields,
        headers={**app.admin, "Accept": "text/html"},
        allow_redirects=False,
    )
    assert answer.status == status, await answer.text()


async def matched(
    pool: Pool, guest: Member, event: dict[str, Any], *similarities: float
) -> list[int]:
    """Let a guest be on as many photos, that similar; return the photos."""
    async with db.transaction(pool) as conn:
        photos = await add_photos(
            conn, event, len(similarities), prefix=f"{guest.guest_id}-{similarities}"
        )
        for photo_id, similarity in zip(photos, similarities, strict=True):
            await add_match(conn, guest.guest_id, photo_id, similarity)
    return photos


async def says(pool: Pool, guest: Member, photo_id: int, word: str) -> None:
    async with db.acquire(pool) as conn:
        await conn.execute(
            "insert into verdict (guest_id, photo_id, says) values ($1, $2, $3)",
            guest.guest_id,
            photo_id,
            word,
        )


def at(found: dict[str, Any], similarity: int) -> tuple[int, int, int]:
    (step,) = [step for step in found["steps"] if step["similarity"] == similarity]
    return step["pairs"], step["confirmed"], step["refused"]


async def test_each_step_counts_the_pairs_from_there_on(app: App, event: dict[str, Any]) -> None:
    pool = app.resources.pool
    guest = await member(pool, event)
    await matched(pool, guest, event, 80.5, 85, 92.4, 92.6, 99.9)

    found = await rehearsed(app, event)

    assert [step["similarity"] for step in found["steps"]] == list(range(80, 100))
    assert [at(found, step)[0] for step in (80, 81, 85, 86, 92, 93, 99)] == [5, 4, 4, 3, 3, 1, 1]
    assert (found["sure"], found["maybe"], found["floor"]) == (90, 80, 80)
    assert (found["tally"]["sure"], found["tally"]["maybe"]) == (3, 2)
    tried = (await rehearsed(app, event, sure=92.5, maybe=85))["tally"]
    assert (tried["sure"], tried["maybe"]) == (2, 2)


async def test_what_guests_said_is_counted_apart(app: App, event: dict[str, Any]) -> None:
    pool = app.resources.pool
    guest = await member(pool, event)
    photos = await matched(pool, guest, event, 95, 94, 83, 82)
    await says(pool, guest, photos[0], "not_me")
    await says(pool, guest, photos[2], "me")

    found = await rehearsed(app, event)

    assert at(found, 80) == (2, 1, 1)
    assert at(found, 90) == (1, 0, 1)
    assert found["tally"] == {
        "sure": 1,
        "maybe": 1,
        "confirmed_sure": 0,
        "confirmed_maybe": 1,
        "refused_sure": 1,
        "refused_maybe": 0,
    }
    assert [border["similarity"] for border in found["borders"]] == [94]


async def test_a_pair_counts_once_with_its_best_match(app: App, event: dict[str, Any]) -> None:
    pool = app.resources.pool
    guest = await member(pool, event)
    (photo_id,) = await matched(pool, guest, event, 84)
    async with db.transaction(pool) as conn:
        await add_match(conn, guest.guest_id, photo_id, 91)

    assert at(await rehearsed(app, event), 80) == (1, 0, 0)
    assert at(await rehearsed(app, event), 91) == (1, 0, 0)


async def test_what_a_photo_finds_of_itself_proves_nothing(app: App, event: dict[str, Any]) -> None:
    """A face that became a further reference finds itself there, and its mirror image."""
    pool = app.resources.pool
    guest = await member(pool, event)
    await matched(pool, guest, event, 88)
    async with db.transaction(pool) as conn:
        row = await conn.fetchrow(
            """
            insert into reference (event_id, guest_id, kind, face_id, engine_face_id, number,
                                   searched, indexed_at)
            select event_id, $1, 'confirmed', id, engine_face_id, 99, true, now() from face
            returning id, guest_id, engine_face_id, kind""",
            guest.guest_id,
        )
        assert row is not None
        await conn.execute(
            """
            insert into face (event_id, photo_id, engine_face_id, number, box_left, box_top,
                              box_width, box_height, confidence, indexed_at)
            select event_id, photo_id, 'mirror', 99, 0, 0, 0.1, 0.1, 99, now() from face"""
        )
        mirrored = [Similar(EngineFaceId("mirror"), 97.0)]
        await matching.save_reference_search(
            conn, Reference.of(dict(row)), mirrored, matching.Horizon(99, 99, 0)
        )

    found = await rehearsed(app, event)

    assert at(found, 88) == (1, 0, 0)
    assert at(found, 89) == (0, 0, 0)
    assert [border["similarity"] for border in found["borders"]] == [88]


async def test_borders_are_the_nearest_pairs_beside_a_sure_face_of_the_guest(
    app: App, event: dict[str, Any]
) -> None:
    pool = app.resources.pool
    one, two = await member(pool, event), await member(pool, event, "two@example.org")
    first = await matched(pool, one, event, 89, 98)
    lonely = await matched(pool, two, event, 91.5)
    await matched(pool, two, event, 60)

    borders = (await rehearsed(app, event))["borders"]

    assert [border["photo_id"] for border in borders] == [str(first[0]), str(lonely[0])]
    async with db.acquire(pool) as conn:
        best = await conn.fetchval("select id from face where photo_id = $1", first[1])
    assert [border["beside_url"] for border in borders] == [f"/api/admin/faces/{best}.jpg", None]
    low = (await rehearsed(app, event, near="maybe", maybe=62))["borders"]
    assert [border["similarity"] for border in low] == [60]


NO_THRESHOLDS: Sequence[dict[str, str]] = [
    {"sure": "x"},
    {"maybe": "101"},
    {"sure": "nan"},
    {"near": "x"},
]


async def test_thresholds_that_make_no_sense_are_refused(app: App, event: dict[str, Any]) -> None:
    for query in NO_THRESHOLDS:
        answer = await app.client.get(
            f"/api/admin/events/{event['id']}/rehearsal", params=query, headers=app.admin
        )

        assert await problem(answer) == (422, "invalid_request"), query


async def test_the_form_saves_and_resets_the_events_own_thresholds(
    app: App, event: dict[str, Any]
) -> None:
    async def own() -> tuple[float | None, float | None]:
        found = (await rehearsed(app, event))["own"]
        return found["match_threshold"], found["maybe_threshold"]

    assert "keeps to the usual thresholds" in await page(app, event)
    await submit(app, event, act="save", sure="92,5", maybe="85")
    assert await own() == (92.5, 85)
    assert "has thresholds of its own" in await page(app, event, "?saved=1")
    await submit(app, event, 422, act="save", sure="80", maybe="90")
    await submit(app, event, 422, act="save", sure="80")
    await submit(app, event, 422, act="burn", sure="80", maybe="70")
    assert await own() == (92.5, 85)
    await submit(app, event, act="reset")
    assert await own() == (None, None)


async def test_the_page_draws_what_was_tried(app: App, event: dict[str, Any]) -> None:
    guest = await member(app.resources.pool, event)
    await matched(app.resources.pool, guest, event, 81, 88, 95)

    text = await page(app, event, "?sure=87&maybe=82")

    assert "2 sure, 0 asked" in text
    assert 'name="sure" type="number" min="80.0" max="100" step="0.1" value="87.0"' in text
    points = re.search(r'<polyline class="line" points="([^"]+)"', text)
    assert points is not None
    assert len(points[1].split()) == 21


async def test_an_event_without_matches_has_a_page_too(app: App, event: dict[str, Any]) -> None:
    assert "There is no pair to look at." in await page(app, event)


async def test_a_face_is_cut_out_of_its_photo(app: App, event: dict[str, Any]) -> None:
    _, picture = someone()
    await upload(app, event, "a.jpg", picture)
    await app.drain()
    async with db.acquire(app.resources.pool) as conn:
        face_id = await conn.fetchval("select id from face order by id limit 1")

    answer = await app.client.get(f"/api/admin/faces/{face_id}.jpg", headers=app.admin)

    assert (answer.status, answer.content_type) == (200, "image/jpeg")
    with Image.open(io.BytesIO(await answer.read())) as face:
        assert face.size == (SIDE, SIDE)
    missing = await app.client.get(f"/api/admin/faces/{face_id + 999}.jpg", headers=app.admin)
    assert await problem(missing) == (404, "not_found")


@pytest.mark.parametrize(
    "box",
    [
        Box(0.4, 0.4, 0.2, 0.2),
        Box(-0.1, 0.9, 0.3, 0.3),
        Box(0.0, 0.0, 1.0, 1.0),
        Box(0.999, 0.999, 0.0, 0.0),
    ],
)
def test_a_face_at_any_edge_gives_a_square(box: Box) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "a camera's maker"
    Image.new("RGB", (300, 100), "#777").save(out, "JPEG", exif=exif)

    with Image.open(io.BytesIO(cut_out(out.getvalue(), box))) as face:
        assert face.size == (SIDE, SIDE)
        assert dict(face.getexif()) == {}


def test_the_middle_of_the_square_is_the_face() -> None:
    picture = Image.new("RGB", (400, 200), "white")
    picture.paste("black", (300, 80, 340, 120))
    out = io.BytesIO()
    picture.save(out, "JPEG")

    with Image.open(io.BytesIO(cut_out(out.getvalue(), Box(0.75, 0.4, 0.1, 0.2)))) as face:
        grey = face.convert("L")
        assert grey.getpixel((SIDE // 2, SIDE // 2)) == pytest.approx(0, abs=20)
        assert grey.getpixel((8, 8)) == pytest.approx(255, abs=20)


async def test_other_callers_find_nothing_of_it(app: App, event: dict[str, Any]) -> None:
    guest = await member(app.resources.pool, event)
    await matched(app.resources.pool, guest, event, 90)
    photographer = await make_token(app, event)
    for method, path in [
        ("GET", f"/api/admin/events/{event['id']}/rehearsal"),
        ("GET", "/api/admin/faces/1.jpg"),
        ("GET", f"/admin/events/{event['id']}/thresholds"),
        ("POST", f"/admin/events/{event['id']}/thresholds"),
    ]:
        for headers, status in ((guest.headers, 404), (photographer, 404), ({}, 401)):
            answer = await app.client.request(method, path, headers=headers)
            assert answer.status == status, (method, path)
    wrong = await app.client.get("/api/admin/faces/1.jpg", headers=bearer("fms_wrong"))
    assert wrong.status == 401
