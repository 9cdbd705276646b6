"""The watcher and what photographers' disks hold: odd names, growing files, journals that broke."""

import asyncio
import io
import os
import sqlite3
from pathlib import Path

import pytest

from findme.settings import Settings
from findme.watcher import picture_files
from findme.watcher.api_client import open_server
from findme.watcher.journal import FileEntry, FileState, open_journal
from findme.watcher.picture_files import IncompleteFile, Picture
from findme.watcher.reporter import LineReporter, RunTally, open_reporter
from findme.watcher.watcher import Options, Watcher
from tests.conftest import App
from tests.support.dng import make
from tests.support.helpers import make_event, make_token
from tests.support.no_engine_app import app
from tests.support.pictures import drawn

__all__ = ["app"]

NOT_UTF8 = os.fsdecode(b"caf\xe9.jpg")
#: The longest name that a folder takes: no suffix longer than its own fits.
LONGEST = "n" * 251 + ".dng"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(findme_data_dir=tmp_path / "var")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Event"
    made.mkdir()
    return made


@pytest.fixture
async def token(app: App) -> str:
    return (await make_token(app, await make_event(app)))["Authorization"].split()[1]


async def run(
    app: App, token: str, folder: Path, out: io.StringIO, journal_path: Path | None = None
) -> RunTally:
    """Make one pass over a folder that tells *out*; pictures count as looked at."""
    url = str(app.client.make_url("/"))
    async with open_journal(journal_path) as journal, open_server(url, token) as server:
        options = Options(once=True, settle=0.01, patience=0.05)
        watcher = Watcher(folder, journal, server, LineReporter(out), options)
        work = asyncio.create_task(watcher.run(asyncio.Event()))
        while not work.done():
            await app.resources.pool.execute("update photo set ready_at = now()")
            await asyncio.wait([work], timeout=0.1)
        await work
    return watcher.tally


async def test_whatever_a_file_is_called_it_is_sent_and_known_again(
    app: App, token: str, folder: Path, tmp_path: Path
) -> None:
    names = ["Müller é.jpg", "📷👩‍👧.jpg", "two\nlines\x1b[2J.jpg", NOT_UTF8, "a&b?c=#%.jpg"]
    for seed, name in enumerate(names):
        (folder / name).write_bytes(drawn(seed))
    (folder / LONGEST).write_bytes(make(drawn(9), 640, 480))
    out = io.StringIO()
    journal = tmp_path / "journal.sqlite3"
    tally = await run(app, token, folder, out, journal)
    assert (tally.sent, tally.refused, tally.left) == (6, {}, {})
    lines = out.getvalue().splitlines()
    assert sorted(line for line in lines if line.startswith("sent: "))[-1] == "sent: 📷👩‍👧.jpg"
    assert r"sent: two\nlines\x1b[2J.jpg" in lines
    assert r"sent: caf\udce9.jpg" in lines

    tally = await run(app, token, folder, out, journal)
    assert (tally.sent, tally.there, tally.left) == (0, 6, {})
    async with open_journal(journal) as opened:
        assert set(await opened.read()) == {*names, LONGEST}


def test_a_terminal_that_lacks_a_letter_still_shows_the_line() -> None:
    raw = io.BytesIO()
    reporter = open_reporter(as_json=False, out=io.TextIOWrapper(raw, encoding="cp1252"))
    reporter.report("sent", "é📷.jpg", "")
    assert raw.getvalue().decode("cp1252") == "sent: é\\U0001f4f7.jpg\n"


def test_nobody_who_reads_is_no_reason_to_stop() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8", closefd=False) as out:
        reporter = open_reporter(as_json=False, out=out)
        for _ in range(3):
            reporter.report("sent", "a.jpg", "")
        # what was not written is dropped here, not when the file is closed
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), writer)
    os.close(writer)


async def test_a_pass_waits_for_a_file_that_grows(
    app: App, token: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, path = drawn(1), folder / "a.jpg"
    path.write_bytes(whole[:1000])
    sizes = iter([2000, 3000, len(whole)])
    examine = picture_files.examine

    def examine_while_it_grows(path: Path) -> Picture:
        try:
            return examine(path)
        except IncompleteFile:
            path.write_bytes(whole[: next(sizes)])
            raise

    monkeypatch.setattr(picture_files, "examine", examine_while_it_grows)
    tally = await run(app, token, folder, io.StringIO())
    assert (tally.sent, tally.refused, tally.left) == (1, {}, {})


async def test_a_journal_with_a_damaged_page_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    async with open_journal(path) as journal:
        await journal.begin("1")
        await journal.note(
            FileEntry(f"{n}.jpg", 1, 1, FileState.SENT, "00", "1") for n in range(2000)
        )
    with path.open("r+b") as file:
        file.seek(12 * 4096)  # not where a journal is begun
        file.write(bytes(range(256)) * 32)
    async with open_journal(path) as journal:
        assert await journal.read() == {}
    assert path.with_name("journal.sqlite3.damaged").exists()
    with (
        pytest.raises(sqlite3.DatabaseError),
        sqlite3.connect(path.with_name("journal.sqlite3.damaged")) as damaged,
    ):
        damaged.execute("select sum(length(name)) from file").fetchone()
    damaged.close()
