"""What is left of interrupted uploads: how long, how much, and that it goes with its event."""

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from findme.media import resumable_uploads
from findme.models import EventId
from findme.settings import Settings
from tests.conftest import App
from tests.support.helpers import make_event
from tests.support.no_engine_app import app, settings
from tests.support.pictures import drawn

__all__ = ["app", "settings"]


def path_of(event: Mapping[str, Any], data: bytes) -> str:
    return f"/api/events/{event['id']}/uploads/{hashlib.sha256(data).hexdigest()}"


def test_old_partial_uploads_go_and_the_oldest_of_too_many(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    now = time.time()
    for age, name in enumerate(names):
        left = resumable_uploads.find(tmp_path, EventId(1), "token1", name)
        left.path.parent.mkdir(parents=True, exist_ok=True)
        left.path.write_bytes(bytes(100))
        # a is the oldest
        stamp = now - 100 * (len(names) - age)
        os.utime(left.path, (stamp, stamp))

    def there() -> list[str]:
        return [
            name
            for name in names
            if resumable_uploads.find(tmp_path, EventId(1), "token1", name).received
        ]

    assert resumable_uploads.tidy(tmp_path, now=now) == 0
    assert resumable_uploads.tidy(tmp_path, now=now, most=200) == 1
    assert there() == ["b", "c"]
    assert resumable_uploads.tidy(tmp_path, now=now + resumable_uploads.KEPT_SECONDS - 150) == 1
    assert there() == ["c"]


def test_who_holds_the_most_makes_room_for_the_others(tmp_path: Path) -> None:
    now = time.time()

    def hold(uploader: str, name: str, size: int, age: float) -> resumable_uploads.Partial:
        left = resumable_uploads.find(tmp_path, EventId(1), uploader, name)
        left.path.parent.mkdir(parents=True, exist_ok=True)
        left.path.write_bytes(bytes(size))
        os.utime(left.path, (now - age, now - age))
        return left

    # one waits since yesterday evening; another has just sent a lot
    patient = hold("token1", "a", 100, 50_000)
    many = [hold("token2", f"{n}", 100, 100 - n) for n in range(8)]
    assert resumable_uploads.tidy(tmp_path, now=now, most=450) == 5
    assert patient.received == 100
    assert [each.received for each in many] == [0] * 5 + [100] * 3


async def test_with_their_event_partial_uploads_go(app: App, settings: Settings) -> None:
    event, other = await make_event(app), await make_event(app)
    data = drawn(1)
    for each in (event, other):
        answer = await app.client.put(
            path_of(each, data),
            data=data[:1000],
            headers={**app.admin, "Content-Range": f"bytes 0-999/{len(data)}"},
        )
        assert (await answer.json()) == {"received": 1000}
    pool, folder = app.resources.pool, settings.findme_data_dir
    assert await resumable_uploads.forget_events(folder, pool) == 0
    answer = await app.client.delete(f"/api/admin/events/{event['id']}", headers=app.admin)
    assert answer.status == 204

    assert await resumable_uploads.forget_events(folder, pool) == 1

    assert [path.name for path in (folder / "partial").iterdir()] == [other["id"]]
    answer = await app.client.get(path_of(other, data), headers=app.admin)
    assert (await answer.json())["received"] == 1000
