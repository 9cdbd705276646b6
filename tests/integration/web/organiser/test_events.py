"""Events as organisers make, change and delete them, and what goes along with them."""

from collections.abc import Sequence
from typing import Any

from yarl import URL

from findme.operations import retention
from tests.conftest import App
from tests.support.helpers import (
    add_photos,
    join,
    make_event,
    make_token,
    member,
    problem,
    selfie_of,
    upload,
)
from tests.support.pictures import drawn

PATH = "/api/admin/events"


async def counted(app: App, *tables: str) -> list[int]:
    return [await app.resources.pool.fetchval(f"select count(*) from {name}") for name in tables]


async def collection_of(app: App, event: dict[str, Any]) -> str:
    name: str = await app.resources.pool.fetchval(
        "select collection_id from event where id = $1", int(event["id"])
    )
    return name


async def test_an_event_is_made_as_the_contract_says(app: App) -> None:
    event = await make_event(
        app, "  Inès &\u00a0Malik ", starts_at="2099-11-21T20:00:00+02:00", gallery="own"
    )
    assert event["name"] == "Inès & Malik"
    assert event["starts_at"] == "2099-11-21T18:00:00.000Z"
    assert (event["gallery"], event["join_open"]) == ("own", True)
    assert event["expires_at"] == "2099-12-21T18:00:00.000Z"
    assert len(event["code"]) == 8
    assert not set(event["code"]) & set("01OILUV")
    assert event["join_url"] == str(app.client.make_url(f"/e/{event['code']}"))
    assert event["counts"] == {"photos": 0, "guests": 0, "faces": 0, "matches": 0, "waiting": 0}
    assert await (await app.client.get(f"{PATH}/{event['id']}", headers=app.admin)).json() == event


NO_EVENTS: Sequence[dict[str, object]] = [
    {},
    {"name": ""},
    {"name": " "},
    {"name": 5},
    {"name": "x" * 201},
    {"name": "a\x00b"},
    {"name": "A", "gallery": "some"},
    {"name": "A", "gallery": []},
    {"name": "A", "join_open": "yes"},
    {"name": "A", "starts_at": "tomorrow"},
    {"name": "A", "expires_at": "0001-01-01T00:00+14:00"},
]


async def test_what_is_no_event_is_said(app: App) -> None:
    for members in NO_EVENTS:
        answer = await app.client.post(PATH, json=members, headers=app.admin)
        assert await problem(answer) == (422, "invalid_request"), members
        assert await counted(app, "event") == [0], members


async def test_events_are_listed_newest_first_with_their_counts(app: App) -> None:
    events = [await make_event(app, name) for name in ("one", "two", "three")]
    await member(app.resources.pool, events[0])
    async with app.resources.pool.acquire() as conn:
        await add_photos(conn, events[0], 2)
    answer = await app.client.get(f"{PATH}?limit=2", headers=app.admin)
    assert [event["name"] for event in await answer.json()] == ["three", "two"]
    assert answer.headers["X-Total-Count"] == "3"
    rest = await app.client.get(URL(answer.links["next"]["url"]).relative(), headers=app.admin)
    (last,) = await rest.json()
    assert last["counts"] == {"photos": 2, "guests": 1, "faces": 0, "matches": 0, "waiting": 0}
    assert "Link" not in rest.headers
    whole = await app.client.get(f"{PATH}?limit=3", headers=app.admin)
    assert "Link" not in whole.headers


async def test_tokens_are_listed_page_by_page(app: App) -> None:
    path = f"{PATH}/{(await make_event(app))['id']}/tokens"
    for label in ("one", "two", "three"):
        await app.client.post(path, json={"label": label}, headers=app.admin)
    answer = await app.client.get(f"{path}?limit=2", headers=app.admin)
    assert [token["label"] for token in await answer.json()] == ["three", "two"]
    assert answer.headers["X-Total-Count"] == "3"
    rest = await app.client.get(URL(answer.links["next"]["url"]).relative(), headers=app.admin)
    assert [token["label"] for token in await rest.json()] == ["one"]
    assert "Link" not in rest.headers
    assert (await app.client.get(f"{path}?limit=0", headers=app.admin)).status == 422


async def test_an_event_begins_with_thresholds_of_its_own(app: App) -> None:
    own = {"match_threshold": 95.5, "maybe_threshold": 85}
    answer = await app.client.post(PATH, json={"name": "A", **own}, headers=app.admin)
    made = await answer.json()
    assert {name: made[name] for name in own} == own
    crossed = {"name": "B", "match_threshold": 50, "maybe_threshold": 60}
    answer = await app.client.post(PATH, json=crossed, headers=app.admin)
    assert await problem(answer) == (422, "invalid_request")
    assert await counted(app, "event") == [1]


async def test_past_its_time_an_event_takes_nobody(app: App) -> None:
    over = await make_event(app, "Over")
    await app.resources.pool.execute("update event set expires_at = now() - interval '1 second'")
    answer = await app.client.get(f"/api/events/{over['code']}")
    assert await problem(answer) == (404, "not_found")


async def test_what_is_sent_changes_and_the_rest_stays(app: App) -> None:
    event = await make_event(app, expires_at="2100-01-01T00:00:00Z")
    changes = {"join_open": False, "match_threshold": 92.6, "maybe_threshold": 81}
    answer = await app.client.patch(f"{PATH}/{event['id']}", json=changes, headers=app.admin)
    assert await answer.json() == {**event, **changes}
    cleared = {"expires_at": None, "match_threshold": None}
    answer = await app.client.patch(f"{PATH}/{event['id']}", json=cleared, headers=app.admin)
    assert await answer.json() == {**event, **changes, **cleared}


NO_CHANGES: Sequence[dict[str, object]] = [
    {"name": ""},
    {"name": None},
    {"gallery": "none"},
    {"join_open": 1},
    {"match_threshold": 101},
    {"match_threshold": "90"},
    {"maybe_threshold": True},
    {"maybe_threshold": 95, "match_threshold": 90},
    {"maybe_threshold": 95},
    {"match_threshold": 70},
    {"code": "AAAAAAAA"},
    {"nonsense": 1},
]


async def test_a_change_that_cannot_be_is_said(app: App) -> None:
    event = await make_event(app)
    for members in NO_CHANGES:
        answer = await app.client.patch(f"{PATH}/{event['id']}", json=members, headers=app.admin)
        assert await problem(answer) == (422, "invalid_request"), members
        assert (
            await (await app.client.get(f"{PATH}/{event['id']}", headers=app.admin)).json() == event
        ), members


async def test_what_is_not_there_is_404(app: App) -> None:
    for method, path in (
        ("GET", "/999"),
        ("PATCH", "/999"),
        ("DELETE", "/999"),
        ("GET", "/x"),
        ("GET", "/999/qr.svg"),
        ("POST", "/999/tokens"),
        ("GET", "/999/guests"),
        ("GET", "/999/photos"),
    ):
        answer = await app.client.request(method, PATH + path, json={}, headers=app.admin)
        assert await problem(answer) == (404, "not_found"), path


async def test_a_deleted_event_takes_everything_along(app: App) -> None:
    event, other = await make_event(app), await make_event(app, "Other")
    collection = await collection_of(app, event)
    headers = await join(app, event, selfie_of())
    token = await make_token(app, event)
    await upload(app, event, "a.jpg", selfie_of(1))
    await upload(app, event, "waiting.jpg", drawn(1))
    await upload(app, other, "kept.jpg", drawn(2))
    await app.drain()
    assert await app.resources.faces.face_count(collection) == 2
    answer = await app.client.delete(f"{PATH}/{event['id']}", headers=app.admin)
    assert answer.status == 204
    await app.drain()
    tables = ("event", "photo", "guest", "selfie", "face", "match", "upload_token")
    assert await counted(app, *tables) == [1, 1, 0, 0, 0, 0, 0]
    assert await counted(app, "image where selfie_id is not null") == [0]
    assert await counted(app, "image_chunk where image_id not in (select id from image)") == [0]
    assert await app.resources.faces.face_count(collection) == 0
    answer = await app.client.get("/api/my-photos", params={"event": event["id"]}, headers=headers)
    assert (await problem(answer))[0] == 404
    answer = await app.client.post(f"/api/events/{event['id']}/photos", data=drawn(), headers=token)
    assert (await problem(answer))[0] in (401, 404)
    assert (await app.client.delete(f"{PATH}/{event['id']}", headers=app.admin)).status == 404


async def test_past_its_time_an_event_ends_by_itself(app: App) -> None:
    over = await make_event(app, "Over")
    await make_event(app, "Later", expires_at="2100-01-01T00:00:00Z")
    await make_event(app, "Never")
    collection = await collection_of(app, over)
    await join(app, over, selfie_of())
    await app.drain()
    past = {"expires_at": "2020-01-01T00:00:00Z"}
    answer = await app.client.patch(f"{PATH}/{over['id']}", json=past, headers=app.admin)
    assert await problem(answer) == (422, "invalid_request")
    pool = app.resources.pool
    assert await retention.delete_expired_events(pool) == 0
    await pool.execute(
        "update event set expires_at = now() - interval '1 second' where id = $1", int(over["id"])
    )
    assert await retention.delete_expired_events(pool) == 1
    assert await retention.delete_expired_events(pool) == 0
    await app.drain()
    names = [row["name"] for row in await pool.fetch("select name from event order by id")]
    assert names == ["Later", "Never"]
    assert await app.resources.faces.face_count(collection) == 0


async def test_a_deleted_photo_takes_its_faces_along(app: App) -> None:
    event = await make_event(app)
    verdict = await upload(app, event, "a.jpg", selfie_of())
    await app.drain()
    assert await app.resources.faces.face_count(await collection_of(app, event)) == 1
    path = f"/api/admin/photos/{verdict['photo_id']}"
    assert (await app.client.delete(path, headers=app.admin)).status == 204
    await app.drain()
    assert await counted(app, "photo", "face", "image", "image_chunk") == [0, 0, 0, 0]
    assert await app.resources.faces.face_count(await collection_of(app, event)) == 0
    assert (await app.client.delete(path, headers=app.admin)).status == 404


async def test_an_admin_sees_each_photo_with_its_state(app: App) -> None:
    event = await make_event(app)
    broken = selfie_of()[: len(selfie_of()) // 2]
    await upload(app, event, "broken.jpg", broken)
    await upload(app, event, "good.jpg", selfie_of())
    await app.drain()
    answer = await app.client.get(f"{PATH}/{event['id']}/photos", headers=app.admin)
    good, bad = await answer.json()
    assert (good["filename"], good["state"], good["error"], good["faces"]) == (
        "good.jpg",
        "indexed",
        None,
        1,
    )
    assert (bad["filename"], bad["state"]) == ("broken.jpg", "failed")
    assert bad["error"]


async def test_a_photo_that_failed_is_shown_after_a_retry_that_works(app: App) -> None:
    """As after an update that reads what the last version could not."""
    event = await make_event(app)
    verdict = await upload(app, event, "a.jpg", selfie_of())
    pool = app.resources.pool
    await pool.execute("update photo set state = 'failed', error = 'It is damaged.'")
    await pool.execute("update job set state = 'failed', error = 'It is damaged.'")
    path = f"/api/admin/queue/jobs/{verdict['job_id']}"
    assert (await app.client.post(f"{path}/retry", headers=app.admin)).status == 202
    await app.drain()
    assert (await (await app.client.get(path, headers=app.admin)).json())["state"] == "done"
    answer = await app.client.get(f"/api/photo/{verdict['photo_id']}", headers=app.admin)
    assert answer.status == 200


async def test_an_upload_token_is_shown_once(app: App) -> None:
    event = await make_event(app)
    path = f"{PATH}/{event['id']}/tokens"
    made = await (await app.client.post(path, json={"label": " Zoé "}, headers=app.admin)).json()
    assert {"id", "label", "token"} <= set(made)
    assert made["label"] == "Zoé"
    (listed,) = await (await app.client.get(path, headers=app.admin)).json()
    assert (listed["id"], listed["label"]) == (made["id"], "Zoé")
    assert made["token"] not in str(listed)
    assert (await app.client.delete(f"{path}/{made['id']}", headers=app.admin)).status == 204
    assert (await app.client.delete(f"{path}/{made['id']}", headers=app.admin)).status == 404
    assert await (await app.client.get(path, headers=app.admin)).json() == []


async def test_the_join_link_comes_as_a_qr_code(app: App) -> None:
    event = await make_event(app)
    answer = await app.client.get(f"{PATH}/{event['id']}/qr.svg", headers=app.admin)
    assert (answer.status, answer.content_type) == (200, "image/svg+xml")
    assert (await answer.text()).startswith("<svg ")


async def test_anyone_with_the_code_learns_what_a_join_page_shows(app: App) -> None:
    event = await make_event(app, starts_at="2099-11-21T18:00:00Z")
    answer = await app.client.get(f"/api/events/{event['code']}")
    body = await answer.json()
    assert (body["name"], body["starts_at"], body["join_open"]) == (
        "Gala",
        "2099-11-21T18:00:00.000Z",
        True,
    )
    assert not {"id", "counts", "code"} & set(body)
