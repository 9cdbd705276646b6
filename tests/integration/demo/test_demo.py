"""The demo: a database to look around in, that no engine is ever asked about."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from findme import db
from findme.accounts.auth import verify_password
from findme.db import Pool
from findme.demo import generate, pictures
from findme.demo.generate import DemoRefused
from findme.faces.sweep_requests import request_sweep
from tests.conftest import App
from tests.support.cli import findme
from tests.support.drawing import scenes
from tests.support.helpers import bearer

PASSWORD = "a demo password"


async def test_a_guest_of_the_demo_has_photos_and_questions(app: App) -> None:
    made = await generate.fill(app.resources.pool, photos=16, password=PASSWORD)
    answer = await app.client.post(
        "/api/auth/login", json={"email": made.guest_email, "password": PASSWORD}
    )
    guest = bearer((await answer.json())["token"])
    app.client.session.cookie_jar.clear()
    event = {"event": str(made.event_id)}

    answer = await app.client.get("/api/my-photos", params=event, headers=guest)
    mine = await answer.json()
    answer = await app.client.get("/api/all-photos", params=event, headers=guest)
    everyones = await answer.json()

    assert 0 < len(mine) < len(everyones) == made.photos == 16
    assert {photo["match"] for photo in mine} == {"sure"}
    times = [photo["taken_at"] for photo in everyones]
    assert len(set(times)) > 12
    for size in ("thumb", "preview", "original"):
        answer = await app.client.get(
            f"/api/photo/{mine[0]['id']}", params={"size": size}, headers=guest
        )
        assert (answer.status, answer.content_type) == (200, "image/jpeg")


async def test_the_demo_has_what_admins_look_at(app: App) -> None:
    made = await generate.fill(app.resources.pool, photos=60, password=PASSWORD)
    pool = app.resources.pool

    counts = await pool.fetchrow(
        """
        select (select count(*) from event) as events,
               (select count(*) from event where expires_at < now() + interval '3 days') as ending,
               (select count(*) from photo where state = 'failed') as failed,
               (select count(*) from missed_face) as missed,
               (select count(*) from match where similarity < 90) as maybe,
               (select count(*) from upload_token where event_id = $1) as tokens,
               (select count(*) from person where guest_id is null) as strangers""",
        made.event_id,
    )

    assert counts is not None
    assert (counts["events"], counts["ending"], counts["failed"], counts["tokens"]) == (3, 1, 1, 2)
    assert counts["missed"] > 0
    assert counts["maybe"] > 0
    assert counts["strangers"] > 0


async def test_no_search_is_made_for_the_demo(app: App) -> None:
    """A sweep over its events plans nothing, so that no job fails for vectors nobody has."""
    made = await generate.fill(app.resources.pool, photos=12, password=PASSWORD)
    async with db.transaction(app.resources.pool) as conn:
        await request_sweep(conn, made.event_id, app.resources.settings)

    await app.drain()

    states = await app.resources.pool.fetch(
        "select state from job where kind = 'match_event' and event_id = $1", made.event_id
    )
    assert [row["state"] for row in states] == ["done"]


async def test_a_yes_in_the_demo_fails_no_job(app: App) -> None:
    """Whoever looks around answers "Is this you?"; the desk must not turn red of it."""
    made = await generate.fill(app.resources.pool, photos=60, password=PASSWORD)
    answer = await app.client.post(
        "/api/auth/login", json={"email": made.guest_email, "password": PASSWORD}
    )
    guest = bearer((await answer.json())["token"])
    app.client.session.cookie_jar.clear()
    shelf = {"event": str(made.event_id), "shelf": "maybe"}
    asked = await (await app.client.get("/api/my-photos", params=shelf, headers=guest)).json()
    answer = await app.client.post(f"/api/photos/{asked[0]['id']}/me", headers=guest)
    assert answer.status == 204

    await app.drain()

    states = await app.resources.pool.fetch(
        "select distinct state from job where kind = 'match_event' and event_id = $1",
        made.event_id,
    )
    assert [row["state"] for row in states] == ["done"]


async def test_the_demo_is_made_once_and_not_beside_real_events(pool: Pool) -> None:
    first = await generate.fill(pool, photos=4)
    with pytest.raises(DemoRefused, match="exists already"):
        await generate.fill(pool, photos=4)
    second = await generate.fill(pool, photos=4, force=True)
    assert second.guest_email != first.guest_email
    stored = "select password_hash from account where email = $1"
    assert await verify_password(await pool.fetchval(stored, second.admin_email), second.password)

    await pool.execute("delete from account")
    with pytest.raises(DemoRefused, match="holds events"):
        await generate.fill(pool, photos=4)


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    done = findme("demo", cwd=tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert done.returncode == 1
    assert done.stderr.startswith("findme: The database cannot be reached: ")


def test_every_picture_is_installed_and_has_its_faces_inside() -> None:
    folder = files("findme.demo") / "pictures"
    index = json.loads((folder / "pictures.json").read_text("utf-8"))
    photos = [*index["wedding"], *index["gala"]]
    named = {*index["selfies"], *(photo["file"] for photo in photos)}

    assert {file.name for file in folder.iterdir()} == named | {"pictures.json"}
    assert len(index["selfies"]) == len(index["cast"])
    for photo in photos:
        for person, left, top, width, height in photo["faces"]:
            assert 0 <= person < len(index["cast"])
            assert 0 <= left < left + width <= 1
            assert 0 <= top < top + height <= 1


def test_a_part_of_the_photos_is_spread_over_the_event() -> None:
    hours = [photo.seconds / 3600 for photo in pictures.read_wedding(4)]

    assert hours == sorted(hours)
    assert hours[0] < 2
    assert hours[-1] > 4


def test_a_drawing_is_the_same_each_time_and_says_where_its_faces_are() -> None:
    drawn = scenes.draw_group(3, "hall", [0, 2, 5], 600, 400)

    assert drawn.jpeg == scenes.draw_group(3, "hall", [0, 2, 5], 600, 400).jpeg
    assert drawn.jpeg != scenes.draw_group(4, "hall", [0, 2, 5], 600, 400).jpeg
    assert {person for person, _ in drawn.faces} == {0, 2, 5}
