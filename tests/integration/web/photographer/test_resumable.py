"""Uploads that go on where they stopped, hashes that are asked for, photographers and clocks."""

import asyncio
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from findme.media import resumable_uploads
from findme.models import EventId
from findme.settings import Settings
from tests.conftest import App
from tests.support.helpers import bearer, make_event, make_token, member, problem, upload
from tests.support.no_engine_app import app
from tests.support.pictures import damaged, drawn

__all__ = ["app"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
UNREADABLE = "The picture is damaged and cannot be read."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(findme_data_dir=tmp_path, max_upload_mb=1, photo_queue_max_size=2)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def path_of(event: Mapping[str, Any], data: bytes) -> str:
    return f"/api/events/{event['id']}/uploads/{sha256(data)}"


async def put(
    app: App,
    event: Mapping[str, Any],
    data: bytes,
    headers: Mapping[str, str],
    piece: slice | None = None,
    *,
    named: bytes | None = None,
) -> Any:
    """Send a file, or a piece of it, under the hash of *named* (its own where left out)."""
    sent, ranged = data, {}
    if piece is not None:
        sent = data[piece]
        first = piece.start or 0
        ranged = {"Content-Range": f"bytes {first}-{first + len(sent) - 1}/{len(data)}"}
        if not sent:
            ranged = {"Content-Range": f"bytes */{len(data)}"}
    return await app.client.put(
        path_of(event, data if named is None else named),
        params={"filename": "a.jpg"},
        data=io.BytesIO(sent) if sent else b"",
        headers={"Content-Type": "image/jpeg", **headers, **ranged},
    )


async def received(app: App, event: Mapping[str, Any], data: bytes, headers: Any) -> Any:
    answer = await app.client.get(path_of(event, data), headers=headers)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_a_file_in_pieces_is_the_photo_that_it_would_be_in_one(app: App) -> None:
    event, data = await make_event(app), drawn(1)
    token = await make_token(app, event)
    answer = await put(app, event, data, token, slice(0, 5000))
    assert (answer.status, await answer.json()) == (200, {"received": 5000})
    assert await received(app, event, data, token) == {"received": 5000, "photo_id": None}

    answer = await put(app, event, data, token, slice(5000, None))

    assert answer.status == 202
    (verdict,) = (await answer.json())["results"]
    assert (verdict["status"], verdict["filename"]) == ("queued", "a.jpg")
    assert verdict["sha256"] == sha256(data)
    chunks = await app.resources.pool.fetch("select bytes from image_chunk order by number")
    assert b"".join(chunk["bytes"] for chunk in chunks) == data
    assert await received(app, event, data, token) == {
        "received": 0,
        "photo_id": verdict["photo_id"],
    }


async def test_a_whole_file_needs_no_range(app: App) -> None:
    event, data = await make_event(app), drawn(1)
    answer = await put(app, event, data, app.admin)
    assert answer.status == 202
    again = await put(app, event, data, app.admin)
    assert (await again.json())["results"][0]["status"] == "duplicate"


async def test_a_piece_that_does_not_fit_says_where_to_go_on(app: App) -> None:
    event, data = await make_event(app), drawn(1)
    await put(app, event, data, app.admin, slice(0, 5000))
    for piece in (slice(0, 5000), slice(4999, 6000), slice(5001, None)):
        answer = await put(app, event, data, app.admin, piece)
        body = await answer.json()
        assert (answer.status, body["code"], body["received"]) == (409, "wrong_offset", 5000)


async def test_bytes_under_the_hash_of_others_are_forgotten(app: App) -> None:
    event, data = await make_event(app), drawn(1)
    answer = await put(app, event, data, app.admin, named=drawn(2))
    assert await problem(answer) == (422, "hash_mismatch")
    assert await app.resources.pool.fetchval("select count(*) from photo") == 0
    assert (await received(app, event, drawn(2), app.admin))["received"] == 0


async def test_what_one_uploader_sent_is_nothing_to_another(app: App) -> None:
    event, data = await make_event(app), drawn(1)
    mine, other = await make_token(app, event), await make_token(app, event)
    await put(app, event, data, mine, slice(0, 5000))
    for headers in (other, app.admin):
        assert (await received(app, event, data, headers))["received"] == 0
    assert (await received(app, event, data, mine))["received"] == 5000


async def raw(app: App, event: Mapping[str, Any], data: bytes, start: int = 0) -> Any:
    """Open a connection and send the head of an upload that waits for 100 Continue."""
    reader, writer = await asyncio.open_connection(app.client.host, app.client.port)
    head = (
        f"PUT {path_of(event, data)}?filename=a.jpg HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {app.admin['Authorization']}\r\nExpect: 100-continue\r\n"
        f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}\r\n"
        f"Content-Length: {len(data) - start}\r\n\r\n"
    )
    writer.write(head.encode())
    return reader, writer


async def until_received(app: App, event: Mapping[str, Any], data: bytes, count: int) -> None:
    async with asyncio.timeout(20):
        while (await received(app, event, data, app.admin))["received"] != count:
            pass


async def test_a_body_that_breaks_off_keeps_what_arrived(app: App) -> None:
    event, data = await make_event(app), drawn(1)
    reader, writer = await raw(app, event, data)
    assert await reader.readexactly(len(CONTINUE)) == CONTINUE
    writer.write(data[:7000])
    await until_received(app, event, data, 7000)
    writer.close()

    answer = await put(app, event, data, app.admin, slice(7000, None))

    assert answer.status == 202


async def test_who_comes_later_takes_over_from_a_connection_that_is_silent(app: App) -> None:
    event, data = await make_event(app), drawn(1)
    reader, writer = await raw(app, event, data)
    await reader.readexactly(len(CONTINUE))
    writer.write(data[:7000])
    await until_received(app, event, data, 7000)

    answer = await put(app, event, data, app.admin, slice(7000, None))

    assert answer.status == 202
    assert await reader.read() == b""
    writer.close()


async def test_what_is_refused_is_refused_before_the_body(app: App) -> None:
    event, data = await make_event(app), drawn(1)
    await put(app, event, data, app.admin, slice(0, 5000))
    reader, writer = await raw(app, event, data)
    assert (await reader.readline()).startswith(b"HTTP/1.1 409 ")
    writer.close()
    await put(app, event, data, app.admin, slice(5000, None))
    reader, writer = await raw(app, event, data)
    assert (await reader.readline()).startswith(b"HTTP/1.1 202 ")
    writer.close()


async def test_a_full_queue_keeps_what_arrived_for_later(app: App) -> None:
    event, data = await make_event(app), drawn(1)
    await put(app, event, data, app.admin, slice(0, 5000))
    for seed in (2, 3):
        await upload(app, event, f"{seed}.jpg", drawn(seed))
    answer = await put(app, event, data, app.admin, slice(5000, None))
    assert await problem(answer) == (503, "queue_full")
    assert answer.headers["Retry-After"] == "20"
    assert (await received(app, event, data, app.admin))["received"] == 5000


async def test_a_file_that_is_all_there_needs_its_verdict_alone(app: App) -> None:
    """The service was killed between the last byte and the commit."""
    event, data = await make_event(app), drawn(1)
    account = await app.resources.pool.fetchval("select id from account")
    folder = app.resources.settings.findme_data_dir
    left = resumable_uploads.find(
        folder, EventId(int(event["id"])), f"account{account}", sha256(data)
    )
    left.path.parent.mkdir(parents=True)
    left.path.write_bytes(data)

    answer = await put(app, event, data, app.admin, slice(len(data), None))

    assert answer.status == 202
    assert not left.path.exists()


async def test_bad_files_and_bad_heads_are_refused(app: App) -> None:
    event = await make_event(app)
    text = b"no picture at all"
    answer = await put(app, event, text, app.admin)
    body = await answer.json()
    assert (answer.status, body["code"]) == (422, "rejected")
    assert body["results"][0]["error"] == "This is not a JPEG, PNG, WebP or HEIC picture."
    assert (await received(app, event, text, app.admin))["received"] == 0

    large = bytes(1024**2 + 1)
    assert await problem(await put(app, event, large, app.admin)) == (413, "upload_too_large")
    for told in ("bytes 0-4/3", "bytes 0-9/20", "pages 0-9/20", "bytes 3-2/20", "bytes */5"):
        answer = await app.client.put(
            path_of(event, text), data=b"12345", headers={**app.admin, "Content-Range": told}
        )
        assert await problem(answer) == (422, "invalid_request")
    answer = await app.client.put(
        f"/api/events/{event['id']}/uploads/abc", data=b"1", headers=app.admin
    )
    assert await problem(answer) == (422, "invalid_request")


async def test_only_who_uploads_to_the_event_may_ask_and_send(app: App) -> None:
    event, other, data = await make_event(app), await make_event(app, "Other"), drawn(1)
    guest = await member(app.resources.pool, event)
    strangers = [
        (404, "not_found", await make_token(app, other)),
        (404, "not_found", guest.headers),
        (401, "sign_in_required", bearer("fmu_gone")),
        (401, "sign_in_required", {}),
    ]
    for status, code, headers in strangers:
        answers = [
            await put(app, event, data, headers),
            await app.client.get(path_of(event, data), headers=headers),
            await app.client.post(
                f"/api/events/{event['id']}/photos/known", json={"hashes": []}, headers=headers
            ),
        ]
        assert [await problem(answer) for answer in answers] == [(status, code)] * 3


async def test_an_event_knows_its_own_photos_by_their_hash(app: App) -> None:
    event, other = await make_event(app), await make_event(app, "Other")
    token = await make_token(app, event)
    mine = await upload(app, event, "a.jpg", drawn(1))
    await upload(app, other, "b.jpg", drawn(2))
    asked = [sha256(drawn(seed)) for seed in range(4)]
    answer = await app.client.post(
        f"/api/events/{event['id']}/photos/known", json={"hashes": asked}, headers=token
    )
    known = {asked[1]: mine["photo_id"]}
    told = {"known": known, "pending": [asked[1]], "failed": {}}
    assert (answer.status, await answer.json()) == (200, told)


async def test_who_sent_a_picture_learns_that_it_is_damaged_in_its_middle(app: App) -> None:
    event, other = await make_event(app), await make_event(app, "Other")
    await upload(app, event, "bad.png", damaged(2))
    await app.drain()
    asked = {"hashes": [sha256(damaged(2))]}
    for where, failed in ((event, {asked["hashes"][0]: UNREADABLE}), (other, {})):
        answer = await app.client.post(
            f"/api/events/{where['id']}/photos/known",
            json=asked,
            headers=await make_token(app, where),
        )
        told = await answer.json()
        assert list(told["known"]) == list(failed)
        assert (told["pending"], told["failed"]) == ([], failed)


NO_HASHES: Sequence[object] = [None, "abc", ["abc"], [1], ["z" * 64], ["0" * 64] * 1001]


async def test_what_is_no_list_of_hashes_is_refused(app: App) -> None:
    event = await make_event(app)
    for hashes in NO_HASHES:
        answer = await app.client.post(
            f"/api/events/{event['id']}/photos/known", json={"hashes": hashes}, headers=app.admin
        )
        assert await problem(answer) == (422, "invalid_request"), hashes
