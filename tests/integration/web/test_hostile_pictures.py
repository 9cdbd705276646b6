"""Pictures that were made to hurt, on every way in: refused by a status of theirs, and at once."""

import hashlib
import io
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import pytest

from tests.conftest import App
from tests.support import hostile_pictures
from tests.support.helpers import ask_to_join, make_event, make_token, upload
from tests.support.hostile_pictures import BY_SIZE, BY_STRUCTURE
from tests.support.no_engine_app import app, settings
from tests.support.pictures import drawn

__all__ = ["app", "settings"]

HOSTILE = {**BY_SIZE, **BY_STRUCTURE}
EVERY_ONE = pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)


async def sent_raw(app: App, event: Mapping[str, Any], data: bytes) -> Any:
    """Upload one picture as the body."""
    return await app.client.post(
        f"/api/events/{event['id']}/photos",
        params={"filename": "a.jpg"},
        data=io.BytesIO(data),
        headers={"Content-Type": "image/jpeg", **await make_token(app, event)},
    )


async def sent_in_a_form(app: App, event: Mapping[str, Any], data: bytes) -> Any:
    """Upload one picture in a form, beside a good one."""
    form = aiohttp.FormData()
    form.add_field("files", io.BytesIO(data), filename="bad.jpg")
    form.add_field("files", io.BytesIO(drawn(1)), filename="good.jpg")
    return await app.client.post(
        f"/api/events/{event['id']}/photos", data=form, headers=await make_token(app, event)
    )


async def sent_in_pieces(app: App, event: Mapping[str, Any], data: bytes) -> Any:
    """Upload one picture under its hash."""
    return await app.client.put(
        f"/api/events/{event['id']}/uploads/{hashlib.sha256(data).hexdigest()}",
        params={"filename": "a.jpg"},
        data=io.BytesIO(data),
        headers={"Content-Type": "image/jpeg", **await make_token(app, event)},
    )


async def sent_as_cover(app: App, event: Mapping[str, Any], data: bytes) -> Any:
    """Make one picture the event's cover."""
    return await app.client.put(
        f"/api/admin/events/{event['id']}/cover",
        data=io.BytesIO(data),
        headers={"Content-Type": "image/jpeg", **app.admin},
    )


@EVERY_ONE
async def test_a_hostile_picture_is_refused_wherever_it_is_sent(
    app: App, make: Callable[[], bytes]
) -> None:
    event, data = await make_event(app), make()

    statuses = [
        (await send(app, event, data)).status for send in (sent_raw, sent_in_pieces, sent_as_cover)
    ]
    selfie = await ask_to_join(app, event["code"], data)

    assert [status for status in statuses if status not in (413, 415, 422)] == []
    assert (selfie.status, (await selfie.json())["code"]) == (422, "invalid_image")


async def test_a_hostile_picture_costs_its_own_file_alone(app: App) -> None:
    event = await make_event(app)

    answer = await sent_in_a_form(app, event, hostile_pictures.webp_bomb())

    assert answer.status == 202
    bad, good = (await answer.json())["results"]
    assert (bad["status"], good["status"]) == ("rejected", "queued")
    assert "more memory" in bad["error"]


async def test_good_pictures_are_taken_after_bad_ones(app: App) -> None:
    event = await make_event(app)
    for make in HOSTILE.values():
        await sent_raw(app, event, make())

    verdict = await upload(app, event, "good.jpg", drawn(1))

    assert verdict["status"] == "queued"


async def test_without_any_child_uploads_are_asked_to_come_again(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may have no process to give; no photo is lost or called damaged for that."""
    event = await make_event(app)
    lanes = app.resources.image_workers.lanes
    for pid in (*lanes.photos.pids, *lanes.selfies.pids):
        os.kill(pid, signal.SIGKILL)
    monkeypatch.setattr("sys.executable", "/nonexistent/python")

    raw = await sent_raw(app, event, drawn(1))
    cover = await sent_as_cover(app, event, drawn(1))
    selfie = await ask_to_join(app, event["code"], drawn(1))

    for answer in (raw, cover, selfie):
        assert answer.status == 503
        assert "pictures_unavailable" in await answer.text()
        assert answer.headers["Retry-After"] == "5"
