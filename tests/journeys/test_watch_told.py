"""What a photographer is told: of pictures that turn out damaged, and by the bar of a terminal."""

import asyncio
import json
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.pictures import damaged, drawn
from tests.support.terminal import terminal
from tests.support.watching import Desk, Watch, noisy, told


async def test_what_is_damaged_in_its_middle_is_told_of_once_the_server_knows(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    why = "The picture is damaged and cannot be read."
    (folder / "good.jpg").write_bytes(drawn(1))
    (folder / "bad.png").write_bytes(damaged(2))
    code, events = await watch.once()
    assert code == 1
    assert told(events, "sent") == ["bad.png", "good.jpg"]
    assert (events[-1]["damaged"], events[-1]["unchecked"]) == ({"bad.png": why}, 0)
    assert (events[-1]["refused"], events[-1]["missing"]) == ({}, {})
    # another run says so as well, whether it has its journal or not, and under another name too
    shutil.copy(folder / "bad.png", folder / "copy.png")
    for _ in range(2):
        code, events = await watch.once()
        assert (code, events[-1]["sent"], events[-1]["there"]) == (1, 0, 3)
        assert events[-1]["damaged"] == {"bad.png": why, "copy.png": why}
        watch.journal.unlink()
    # put right, it is another photo
    for name in ("bad.png", "copy.png"):
        (folder / name).write_bytes(drawn(3))
    code, events = await watch.once()
    assert (code, events[-1]["damaged"]) == (0, {})


async def test_live_it_tells_of_damaged_pictures_as_they_are_found(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    (folder / "bad.png").write_bytes(damaged(1))
    process = watch.start()
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    found = await asyncio.to_thread(next, (line for line in lines if '"damaged"' in line))
    assert json.loads(found)["file"] == "bad.png"
    (folder / "bad.png").write_bytes(drawn(1))
    await asyncio.to_thread(next, (line for line in lines if '"sent"' in line))
    process.send_signal(signal.SIGINT)
    *_, last = await asyncio.to_thread(lambda: list(lines))
    assert json.loads(last)["damaged"] == {}
    assert await asyncio.to_thread(process.wait, 30) == 0
    process.stdout.close()


def frames(shown: str) -> list[str]:
    """Return the lines that a terminal showed one after the other, without their colours."""
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", re.sub(r"\x1b\[[0-9;]*m", "", shown))
    return [line for line in re.split(r"[\r\n]+", plain) if line]


@pytest.mark.parametrize("columns", [80, 40])
async def test_a_terminal_has_a_bar_that_fits_and_is_left_clean(
    desk: Desk, folder: Path, watch: Watch, columns: int
) -> None:
    for seed in range(6):
        (folder / f"{seed}.jpg").write_bytes(noisy(drawn(seed), 500_000, seed))
    (folder / f"{'long ' * 10}.jpg").write_bytes(drawn(9)[:-2000])

    with terminal(
        watch.words("--once", "--limit-kbps", "8000", as_json=False),
        columns,
        FINDME_TOKEN=desk.token,
    ) as run:
        shown = await asyncio.to_thread(run.read)
        code = await asyncio.to_thread(run.process.wait, 60)

    assert code == 1
    bars = [line for line in frames(shown) if "━" in line]
    assert max(len(line) for line in bars) <= columns
    assert any(re.search(r"━ .*\b[1-9] left · \d\.\d MB/s", line) for line in bars)
    assert any(re.search(r"━ 7 done · [1-9] to be checked$", line) for line in bars)
    # the bar is gone, the cursor is back, and the report is what is left
    end = shown.rpartition("\x1b[?25h")[2]
    assert "\x1b[?25l" not in end
    assert shown.count("\x1b[?25l") == 1
    assert "━" not in end
    assert frames(end)[0] == "Sent: 6. Already there: 0. Refused: 1."
    assert f"refused: {'long ' * 10}.jpg: its end is missing" in end


async def test_ctrl_c_on_a_terminal_ends_with_the_report(
    desk: Desk, folder: Path, watch: Watch
) -> None:
    (folder / "a.jpg").write_bytes(drawn(1))
    with terminal(watch.words(as_json=False), 80, FINDME_TOKEN=desk.token) as run:
        await asyncio.to_thread(run.read, "1 done")
        run.type(b"\x03")
        shown = await asyncio.to_thread(run.read)
        code = await asyncio.to_thread(run.process.wait, 60)

    assert code == 0
    end = shown.rpartition("\x1b[?25h")[2]
    assert frames(end)[0] == "Sent: 1. Already there: 0. Refused: 0."
    assert "━" not in end
    assert "Traceback" not in shown
