"""What breaks into an evening: a card that is pulled, an event that ends, a full disk."""

import asyncio
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.pictures import drawn
from tests.support.watching import Desk, Watch, noisy, run_text, told

#: Slow enough that most of the folder is still to be sent when the first file is.
SLOW = ("--limit-kbps", "1600")
FILES = 8


@pytest.fixture
def full(folder: Path) -> Path:
    """The folder, with more in it than can be sent before something happens."""
    for seed in range(FILES):
        (folder / f"{seed}.jpg").write_bytes(noisy(drawn(seed), 200_000, seed))
    return folder


async def until_told(
    process: subprocess.Popen[str], what: str, count: int = 1
) -> list[dict[str, Any]]:
    """Return what a watcher tells up to the time that it has told *what* so often."""
    assert process.stdout is not None
    events: list[dict[str, Any]] = []
    while len(told(events, what)) < count:
        line = await asyncio.to_thread(process.stdout.readline)
        assert line, events
        events.append(json.loads(line))
    return events


async def to_the_end(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code, and what a watcher tells from now on."""
    out, _ = await asyncio.to_thread(process.communicate)
    return process.returncode, [json.loads(line) for line in out.splitlines()]


async def test_a_pass_whose_card_is_pulled_names_what_it_has_not_sent(
    desk: Desk, full: Path, watch: Watch
) -> None:
    process = watch.start("--once", *SLOW)
    sent = told(await until_told(process, "sent"), "sent")
    full.rename(full.with_name("pulled"))
    code, events = await to_the_end(process)

    sent += told(events, "sent")
    missing = events[-1]["missing"]
    assert code == 1
    assert told(events, "unreadable") == [str(full)]
    assert "No such file or directory" in missing.pop(str(full))
    assert set(missing.values()) == {"it is gone, and was not sent"}
    assert sorted([*sent, *missing]) == [f"{n}.jpg" for n in range(FILES)]
    assert events[-1]["sent"] == len(sent)
    # one more may have arrived at the moment of the end
    assert set(sent) <= {photo["filename"] for photo in await desk.photos()}


async def test_a_card_that_comes_back_is_sent_to_its_end(
    desk: Desk, full: Path, watch: Watch
) -> None:
    process = watch.start(*SLOW)
    events = await until_told(process, "sent")
    pulled = full.rename(full.with_name("pulled"))
    events += await until_told(process, "unreadable")
    pulled.rename(full)
    events += await until_told(process, "sent", FILES - len(told(events, "sent")))
    process.send_signal(signal.SIGINT)
    code, rest = await to_the_end(process)

    assert (code, rest[-1]["sent"], rest[-1]["missing"]) == (0, FILES, {})
    assert len(told(events, "sent")) == FILES == len(await desk.photos())


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("close", "This event is closed: it takes no more photos."),
        (
            "delete",
            "The server rejects this token: it was revoked, or the event is over.",
        ),
    ],
)
async def test_an_event_that_ends_in_the_middle_ends_the_watcher_in_one_line(
    desk: Desk, full: Path, watch: Watch, end: str, why: str
) -> None:
    process = watch.start(*SLOW)
    sent = told(await until_told(process, "sent"), "sent")
    path = f"/api/admin/events/{desk.event_id}"
    if end == "close":
        await desk.call("PATCH", path, json={"closes_at": "2020-01-01T00:00:00Z"})
    else:
        await desk.call("DELETE", path)
    code, events = await to_the_end(process)

    assert code == 1
    assert [event["text"] for event in events if event["event"] == "ended"] == [why]
    sent += told(events, "sent")
    assert set(events[-1]["missing"].values()) == {"not sent yet"}
    assert sorted([*sent, *events[-1]["missing"]]) == [f"{n}.jpg" for n in range(FILES)]


async def test_a_disk_without_room_for_the_journal_sends_all_the_same(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    for seed in range(20):
        (folder / f"{seed}.jpg").write_bytes(drawn(seed))
    # nothing that the watcher writes may become larger
    words = ["prlimit", "--fsize=24576", *watch.words("--once", as_json=False)]
    code, out = await run_text(words, desk.token)
    lines = out.splitlines()
    assert code == 0
    assert sum(line.startswith("journal: it cannot be written (") for line in lines) == 1
    assert lines[-1] == "Sent: 20. Already there: 0. Refused: 0."
    assert len(await desk.photos()) == 20

    code, events = await watch.once()
    assert (code, events[-1]["there"], events[-1]["bytes_sent"]) == (0, 20, 0)


async def test_a_pass_that_is_stopped_before_it_knew_what_to_send_has_not_succeeded(
    tmp_path: Path, folder: Path
) -> None:
    watch = Watch(folder, "http://127.0.0.1:9", "fmu_x", tmp_path / "journal.sqlite3")
    process = watch.start("--once")
    assert process.stdout is not None
    first = json.loads(await asyncio.to_thread(process.stdout.readline))
    assert (first["event"], first["text"]) == ("later", "the server cannot be reached")
    process.send_signal(signal.SIGINT)
    code, events = await to_the_end(process)
    assert (code, events[-1]["event"], events[-1]["sent"]) == (1, "summary", 0)
