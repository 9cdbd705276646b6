"""Tasks that outlive whoever waits for them."""

import asyncio
import gc

import pytest

from findme.tasks import run_shielded


async def test_a_result_and_an_error_reach_the_caller() -> None:
    async def fail() -> None:
        raise ValueError("odd")

    assert await run_shielded(asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ValueError, match="odd"):
        await run_shielded(fail())


async def test_work_ends_without_a_cancelled_caller_and_its_error_is_retrieved() -> None:
    seen: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: seen.append(context["message"])
    )
    begun, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def fail_later() -> None:
        begun.set()
        await go.wait()
        ended.set()
        raise ValueError("odd")

    caller = asyncio.create_task(run_shielded(fail_later()))
    await begun.wait()
    caller.cancel()
    await asyncio.wait([caller])
    assert caller.cancelled()
    gc.collect()  # nothing but the set of running tasks holds the work now
    go.set()
    await ended.wait()
    await asyncio.sleep(0)
    gc.collect()
    assert seen == []
