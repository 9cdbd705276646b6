"""A disk without room: what is uploaded waits, and is taken when there is room again."""

import errno

import pytest

from findme.errors import DiskFull
from findme.media import storage
from tests.conftest import App
from tests.support.helpers import make_event, problem
from tests.support.no_engine_app import app, settings
from tests.support.pictures import drawn

__all__ = ["app", "settings"]


@pytest.mark.parametrize("relation", ["photo", "image_chunk"])
async def test_a_full_disk_is_told_as_one_that_can_be_waited_for(app: App, relation: str) -> None:
    """PostgreSQL says what it says when its disk is full; afterwards the same file is taken."""
    event = await make_event(app)
    pool = app.resources.pool
    await pool.execute("""
        create function no_room() returns trigger language plpgsql as $$ begin
            raise 'could not extend file: No space left on device' using errcode = '53100';
        end $$""")
    await pool.execute(
        f"create trigger no_room before insert on {relation} execute function no_room()"
    )
    url, headers = f"/api/events/{event['id']}/photos", {"Content-Type": "image/jpeg"}
    answer = await app.client.post(url, data=drawn(1), headers={**headers, **app.admin})
    assert answer.headers["Retry-After"] == "60"
    assert await problem(answer) == (503, "disk_full")
    assert await pool.fetchval("select count(*) from photo") == 0
    await pool.execute(f"drop trigger no_room on {relation}")
    answer = await app.client.post(url, data=drawn(1), headers={**headers, **app.admin})
    assert answer.status == 202


def test_a_file_without_room_is_a_full_disk_and_another_failure_is_not() -> None:
    with pytest.raises(DiskFull), storage.disk_full_errors():
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), storage.disk_full_errors():
        raise PermissionError(errno.EACCES, "Permission denied")
