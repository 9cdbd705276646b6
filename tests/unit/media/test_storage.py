"""Files on disk, whoever is cancelled."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from findme.media import spool_folders, storage


class Held:
    """The only thread that works for the loop, which may be kept from beginning anything."""

    def __init__(self) -> None:
        self._let_go = threading.Event()

    def hold(self) -> None:
        asyncio.get_running_loop().run_in_executor(None, self._let_go.wait)

    def let_go(self) -> None:
        self._let_go.set()


@pytest.fixture
async def thread() -> AsyncIterator[Held]:
    held = Held()
    with ThreadPoolExecutor(1) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        yield held
        held.let_go()


async def cancel_twice(task: "asyncio.Task[object]", thread: Held) -> None:
    """Cancel a task while the thread begins nothing, and once more while it still waits."""
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    thread.let_go()
    await asyncio.wait([task])
    assert task.cancelled()


async def never(asked: asyncio.Event) -> AsyncIterator[bytes]:
    asked.set()
    await asyncio.Event().wait()
    yield b""


def open_files(folder: Path) -> list[str]:
    links: Iterator[Path] = Path("/proc/self/fd").iterdir()
    return [str(link) for link in links if str(link.resolve()).startswith(str(folder))]


async def test_a_file_is_closed_whoever_is_cancelled_while_no_thread_is_free(
    thread: Held, tmp_path: Path
) -> None:
    asked = asyncio.Event()
    task: asyncio.Task[object] = asyncio.create_task(
        storage.spool(never(asked), tmp_path / "original", limit=10)
    )
    await asked.wait()
    assert len(open_files(tmp_path)) == 1
    thread.hold()
    await cancel_twice(task, thread)

    assert open_files(tmp_path) == []


@pytest.mark.parametrize("moment", ["made", "used"])
async def test_a_spool_folder_is_removed_whoever_is_cancelled_while_no_thread_is_free(
    thread: Held, tmp_path: Path, moment: str
) -> None:
    async def use() -> None:
        async with storage.spool_folder(tmp_path):
            used.set()
            await asyncio.Event().wait()

    used = asyncio.Event()
    if moment == "made":
        thread.hold()
    task: asyncio.Task[object] = asyncio.create_task(use())
    if moment == "used":
        await used.wait()
        thread.hold()
    else:
        await asyncio.sleep(0)
    await cancel_twice(task, thread)

    assert [*tmp_path.glob("spool/*")] == []


async def test_a_start_removes_the_spool_of_dead_processes_alone(tmp_path: Path) -> None:
    dead = tmp_path / "spool" / "dead"
    dead.mkdir(parents=True)
    (dead / "0").write_bytes(b"half of a photo")

    async with storage.spool_folder(tmp_path) as living:
        (living / "0").write_bytes(b"a photo")
        spool_folders.remove_abandoned(tmp_path)

        assert (living / "0").read_bytes() == b"a photo"
        assert not dead.exists()
    assert list((tmp_path / "spool").iterdir()) == []
    assert open_files(tmp_path) == []


def test_a_start_without_a_spool_makes_none(tmp_path: Path) -> None:
    spool_folders.remove_abandoned(tmp_path)

    assert list(tmp_path.iterdir()) == []
