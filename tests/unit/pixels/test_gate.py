"""A gate lets in what there is room for, in order."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from findme.pixels.gate import Gate, Urgency


class Visitors:
    """Tasks that go through a gate, and the order in which they came in."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.inside: list[str] = []
        self.leave = asyncio.Event()

    async def visit(self, name: str, wanted: int, urgency: Urgency = Urgency.LAST) -> None:
        async with self.gate.hold(wanted, urgency):
            self.inside.append(name)
            await self.leave.wait()

    async def settle(self) -> None:
        """Let every task run until it waits."""
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def visitors() -> Visitors:
    return Visitors(Gate(10))


async def test_what_fits_comes_in_together(visitors: Visitors) -> None:
    tasks = [asyncio.create_task(visitors.visit(name, 5)) for name in "abc"]
    await visitors.settle()
    assert visitors.inside == ["a", "b"]

    visitors.leave.set()
    await asyncio.gather(*tasks)
    assert visitors.inside == ["a", "b", "c"]


async def test_a_large_one_is_not_overtaken_and_gets_all_the_room(visitors: Visitors) -> None:
    sizes = {"first": 6, "large": 99, "small": 1}
    tasks = [asyncio.create_task(visitors.visit(*each)) for each in sizes.items()]
    await visitors.settle()
    assert visitors.inside == ["first"]

    visitors.leave.set()
    await asyncio.gather(*tasks)
    assert visitors.inside == ["first", "large", "small"]


async def test_the_urgent_come_first(visitors: Visitors) -> None:
    tasks = [asyncio.create_task(visitors.visit("first", 10))]
    await visitors.settle()
    for name, urgency in (("c", Urgency.LAST), ("b", Urgency.NEXT), ("a", Urgency.FIRST)):
        tasks.append(asyncio.create_task(visitors.visit(name, 10, urgency)))
    await visitors.settle()

    visitors.leave.set()
    await asyncio.gather(*tasks)
    assert visitors.inside == ["first", "a", "b", "c"]


async def test_who_gives_up_leaves_no_room_taken(visitors: Visitors) -> None:
    first = asyncio.create_task(visitors.visit("first", 10))
    await visitors.settle()
    waiting = asyncio.create_task(visitors.visit("waiting", 10))
    await visitors.settle()
    # one is let in at the very moment when it gives up
    visitors.leave.set()
    await first
    waiting.cancel()
    await asyncio.wait([waiting])

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(visitors.gate.hold(10))
