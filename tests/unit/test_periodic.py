"""Work that repeats: its first run, its errors, and its last run."""

import asyncio
import logging

import pytest

from findme.periodic import every

LONG = 3600.0


class Counted:
    """Work that counts its runs, and raises what it is told to."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.runs = 0
        self.ran = asyncio.Semaphore(0)

    async def __call__(self) -> None:
        self.runs += 1
        self.ran.release()
        if self.errors:
            raise self.errors.pop(0)


async def cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_runs_at_once_and_again_and_again() -> None:
    work = Counted()
    task = asyncio.create_task(every(0, "Test", work))
    for _ in range(5):
        await work.ran.acquire()
    await cancel(task)


async def test_the_first_run_can_wait() -> None:
    work = Counted()
    task = asyncio.create_task(every(0, "Test", work, first=LONG))
    await asyncio.sleep(0)
    await cancel(task)
    assert work.runs == 0


async def test_a_lost_connection_is_logged_and_the_next_run_tries_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Counted(ConnectionResetError("gone"), ConnectionResetError("still gone"))
    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(every(0, "Test", work))
        for _ in range(3):
            await work.ran.acquire()
        await cancel(task)
    assert caplog.messages == [
        "[Test] The next run tries again: gone",
        "[Test] The next run tries again: still gone",
    ]


async def test_any_other_error_ends_it() -> None:
    with pytest.raises(ValueError, match="a bug"):
        await every(0, "Test", Counted(ValueError("a bug")), at_stop=True)


async def test_the_last_run_is_at_the_stop_and_its_trouble_keeps_nobody() -> None:
    work, failing = Counted(), Counted(ConnectionResetError("gone"))
    for each in (work, failing):
        task = asyncio.create_task(every(LONG, "Test", each, first=LONG, at_stop=True))
        await asyncio.sleep(0)
        await cancel(task)
    assert (work.runs, failing.runs) == (1, 1)
