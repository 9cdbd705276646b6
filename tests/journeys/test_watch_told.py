"""What a photographer is told: of pictures that turn out damaged, and by the bar of a terminal."""

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.watching import Desk, Watch, desk_of, told
from tests.pictures import damaged, drawn
from tests.service import Service


@pytest.fixture
async def desk(service: Service) -> AsyncIterator[Desk]:
    async with desk_of(service) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Event"
    made.mkdir()
    return made


@pytest.fixture
def watch(desk: Desk, folder: Path, tmp_path: Path) -> Watch:
    return Watch(folder, desk.url, desk.token, tmp_path / "journal.sqlite3")


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
