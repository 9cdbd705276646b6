"""The watcher in this process: how it deals with a busy server, limits, and its own clock."""

import asyncio
import io
from pathlib import Path

import pytest

from findme.errors import QueueFull
from findme.settings import Settings
from findme.watcher.api_client import Throttle, open_server
from findme.watcher.journal import FileEntry, FileState, open_journal
from findme.watcher.reporter import LineReporter, RunTally
from findme.watcher.watcher import Options, Watcher
from tests.conftest import App
from tests.support.helpers import make_event, make_token, upload
from tests.support.no_engine_app import app
from tests.support.pictures import drawn
from tests.support.scripted_guests import until

__all__ = ["app"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(findme_data_dir=tmp_path / "var", photo_queue_max_size=1, max_upload_mb=1)


async def run(app: App, folder: Path, out: io.StringIO) -> RunTally:
    """Make one pass over a folder that tells *out*."""
    token = (await make_token(app, await make_event(app)))["Authorization"].split()[1]
    url = str(app.client.make_url("/"))
    async with open_journal(None) as journal, open_server(url, token) as server:
        options = Options(once=True, settle=0.01, patience=0.05)
        watcher = Watcher(folder, journal, server, LineReporter(out), options)
        await watcher.run(asyncio.Event())
    return watcher.tally


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Event"
    made.mkdir()
    return made


async def test_a_busy_server_is_waited_for_and_no_file_is_given_up(
    app: App, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QueueFull, "retry_after", 0)
    await upload(app, await make_event(app), "first.jpg", drawn(9))
    for seed in range(3):
        (folder / f"{seed}.jpg").write_bytes(drawn(seed))
    out = io.StringIO()
    under_way = asyncio.create_task(run(app, folder, out))

    async def busy() -> bool:
        return "later: Queue is full, try again later" in out.getvalue()

    async def through() -> bool:
        # as a worker would do it
        await app.resources.pool.execute("update job set state = 'done' where state = 'queued'")
        await app.resources.pool.execute("update photo set ready_at = now()")
        return under_way.done()

    await until(busy)
    await until(through)
    tally = await under_way
    assert (tally.sent, tally.refused, tally.left) == (3, {}, {})


async def test_a_file_that_is_too_large_is_refused_by_its_size(app: App, folder: Path) -> None:
    (folder / "large.jpg").write_bytes(drawn(1) + bytes(1024**2))
    out = io.StringIO()
    tally = await run(app, folder, out)
    assert tally.refused == {"large.jpg": "The file is larger than the 1 MB this server takes."}
    assert tally.bytes_sent == 0
    assert "refused: large.jpg: The file is larger" in out.getvalue()


def test_a_limit_spreads_the_bytes_evenly() -> None:
    throttle = Throttle(1000)
    assert throttle.step == 1024
    assert [throttle.wait_for(500, 10.0) for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]
    assert throttle.wait_for(500, 20.0) == 0.0
    assert Throttle(None).wait_for(10**9, 0.0) == 0.0


async def test_the_journal_keeps_what_was_noted_and_knows_its_event(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.sqlite3"
    entry = FileEntry("a/b.jpg", 10, 20, FileState.SENT, "ab", "7")
    async with open_journal(path) as journal:
        assert await journal.begin("1")
        await journal.note([entry])
    async with open_journal(path) as journal:
        assert await journal.begin("1")
        assert await journal.read() == {"a/b.jpg": entry}
        assert not await journal.begin("2")
        assert await journal.read() == {}


def test_the_report_names_the_first_of_many_refusals() -> None:
    tally = RunTally(sent=2, there=1, skipped=3)
    tally.refused = {f"{n:02}.jpg": "it is empty" for n in range(60)}
    tally.waiting = {"z.jpg": 10}
    lines = tally.lines()
    assert lines[0] == (
        "Sent: 2. Already there: 1. Refused: 60. RAW files with a JPEG beside them: 3."
    )
    assert lines[1] == "refused: 00.jpg: it is empty"
    assert lines[-2:] == ["refused: 10 more", "missing: z.jpg: not sent yet"]
