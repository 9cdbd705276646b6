"""A child that dies, hangs, lies or takes too much costs the file that it worked on."""

import asyncio
import json
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from findme.pixels import sealed_files
from findme.pixels.header import Kind, Reason
from findme.pixels.lane import Answer, Deadline, Lane, LaneUnavailable, PictureRefused
from findme.pixels.memory import MIB
from findme.pixels.worker import ChildKind
from tests.support.pixel_tasks import small_picture
from tests.support.scripted_guests import until

LONG = Deadline(60, 60)
MEMORY = 64 * MIB


@contextmanager
def opened(*, workers: int = 1, tasks: str = "tests.support.pixel_tasks") -> Iterator[Lane]:
    """A lane of children for tests."""
    lane = Lane("tests", ChildKind(tasks, 5, MEMORY), workers=workers, walk=Deadline(1, 1))
    try:
        yield lane
    finally:
        lane.close()


@pytest.fixture
def lane() -> Iterator[Lane]:
    with opened() as one:
        yield one


async def run(
    lane: Lane,
    task: str,
    deadline: Deadline = LONG,
    **arguments: object,
) -> dict[str, Any]:
    """Run a task on a small picture and return the values of its answer."""
    with sealed_files.opened(small_picture()) as file:
        return await lane.run(
            task, file, arguments, deadline=deadline, read=lambda answer: answer.values
        )


async def refusal(lane: Lane, task: str, deadline: Deadline = LONG, **arguments: object) -> Reason:
    """Return why a task refuses the picture."""
    with pytest.raises(PictureRefused) as refused:
        await run(lane, task, deadline, **arguments)
    return refused.value.reason


async def test_a_child_answers_with_values_and_files(lane: Lane) -> None:
    def read(answer: Answer) -> tuple[Any, bytes]:
        return answer.values["said"], sealed_files.read(answer.files[0], 100)

    with sealed_files.opened(small_picture()) as file:
        said = await lane.run("echo", file, {"say": "é" * 9}, deadline=LONG, read=read)

    assert said == ("é" * 9, b"\x89PNG\r\n\x1a\n")


async def test_an_answer_may_be_longer_than_a_message(lane: Lane) -> None:
    answer = await run(lane, "echo", say="a" * 65_000)

    assert answer["said"] == "a" * 65_000


async def test_a_child_serves_one_task_after_the_other(lane: Lane) -> None:
    first, second = await run(lane, "echo"), await run(lane, "echo")

    assert first["pid"] == second["pid"]
    assert await refusal(lane, "refuse") is Reason.CUT_OFF
    assert (await run(lane, "echo"))["pid"] == first["pid"]
    assert lane.replaced == 0


async def test_a_child_inherits_nothing(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINDME_ADMIN_PASSWORD", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with sealed_files.opened(b"another file that is open"):
        found = await run(lane, "situation")

    assert not [name for name in found["environment"] if name.startswith(("FINDME", "AWS"))]
    # nothing in, nothing out; the socket to the parent; the picture
    assert sorted(found["files"].values()) == sorted(
        [*[stat.S_IFCHR] * 3, stat.S_IFSOCK, stat.S_IFREG]
    )
    assert found["user"] != 0
    assert found["core"] == 0


async def test_a_task_gets_the_memory_that_it_named_and_no_more(lane: Lane) -> None:
    assert (await run(lane, "take", need=1, bytes=1000))["taken"] == 1000

    # less than the lane has, but more than the task named
    assert await refusal(lane, "take", need=1, bytes=150 * MIB) is Reason.TOO_MUCH_MEMORY

    # the child that ran out of memory was replaced
    assert lane.replaced == 1
    assert (await run(lane, "take", need=60 * MIB, bytes=100 * MIB))["taken"] == 100 * MIB


async def test_a_picture_above_the_lanes_memory_is_not_decoded(lane: Lane) -> None:
    with pytest.raises(PictureRefused) as refused:
        await run(lane, "crash", need=1, judged=2 * MEMORY)

    assert refused.value.reason is Reason.TOO_MUCH_MEMORY
    facts = refused.value.facts
    assert facts is not None
    assert (facts.kind, facts.width, facts.height) == (Kind.PNG, 64, 48)
    assert refused.value.most_pixels == 64 * 48 // 2
    assert lane.replaced == 0


@pytest.mark.parametrize("task", ["spin", "sleep"])
async def test_the_kernel_ends_a_task_at_its_deadline(lane: Lane, task: str) -> None:
    """Neither a loop in C that holds the interpreter nor a wait without end needs the parent."""
    deadline = Deadline(60, 0.2) if task == "spin" else Deadline(0.2, 60)

    assert await refusal(lane, task, deadline) is Reason.TOO_SLOW

    assert (await run(lane, "echo"))["said"] is None
    assert lane.replaced == 1


async def test_the_walk_through_the_structure_has_a_deadline_too(lane: Lane) -> None:
    assert await refusal(lane, "walk long") is Reason.TOO_SLOW


async def test_a_crash_costs_its_own_file(lane: Lane) -> None:
    assert await refusal(lane, "crash") is Reason.CRASHED

    assert (await run(lane, "echo", say="next"))["said"] == "next"
    assert lane.replaced == 1


async def test_an_error_that_no_decoder_raises_costs_its_own_file(
    lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    assert await refusal(lane, "fail") is Reason.CRASHED

    assert "no decoder raises this" in caplog.text
    assert lane.replaced == 0


async def test_a_child_that_is_killed_is_replaced_and_its_file_tried_again(
    lane: Lane, tmp_path: Path
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(small_picture())
    size = path.stat().st_size

    async def begins() -> bool:
        return path.stat().st_size > size

    with os.fdopen(os.open(path, os.O_RDWR), "r+b") as file:
        begun = asyncio.create_task(
            lane.run(
                "until grown",
                file.fileno(),
                {"size": size},
                deadline=LONG,
                read=lambda answer: answer.values,
            )
        )
        await until(begins)
        (killed,) = lane.pids
        os.kill(killed, signal.SIGKILL)
        os.pwrite(file.fileno(), b"!!", size)

        answer = await begun

    assert answer["pid"] != killed
    assert lane.replaced == 1


async def test_a_child_that_died_while_idle_costs_nothing(lane: Lane) -> None:
    first = await run(lane, "echo")
    os.kill(first["pid"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first["pid"])], timeout=30)

    second = await run(lane, "echo")

    assert second["pid"] != first["pid"]


async def test_a_child_that_died_while_idle_is_replaced_before_it_is_needed(lane: Lane) -> None:
    first = (await run(lane, "echo"))["pid"]
    os.kill(first, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first)], timeout=30)

    lane.renew()

    (second,) = lane.pids
    assert second != first
    assert (await run(lane, "echo"))["pid"] == second


async def test_a_child_that_stands_still_is_replaced(lane: Lane) -> None:
    """A stopped process gets no alarm: the parent ends it a moment later."""
    stopped = (await run(lane, "echo"))["pid"]
    os.kill(stopped, signal.SIGSTOP)

    assert (await run(lane, "echo"))["pid"] != stopped
    assert not psutil.pid_exists(stopped) or psutil.Process(stopped).status() != "stopped"


async def test_the_machine_is_to_blame_if_every_child_is_killed(lane: Lane) -> None:
    with pytest.raises(LaneUnavailable):
        await run(lane, "vanish")

    assert lane.replaced == 2


async def test_a_child_that_cannot_start_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with opened(tasks="tests.support.no_such_tasks") as lane, pytest.raises(LaneUnavailable):
        await run(lane, "echo")

    assert "No module named 'tests.support.no_such_tasks'" in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        "no message",
        "[]",
        '"text"',
        json.dumps({"serial": 10**9, "answer": {}}),
        json.dumps({"serial": 1, "answer": [1]}),
        json.dumps({"serial": 1}),
        json.dumps({"serial": 1, "refused": "for fun"}),
        "\ud800",
        "{" * 5000,
    ],
)
async def test_what_no_child_of_ours_says_ends_the_child(lane: Lane, said: str) -> None:
    sent = said if said.isascii() else "\x80"

    assert await refusal(lane, "rogue", bytes=sent) is Reason.CRASHED

    assert lane.replaced == 1
    assert (await run(lane, "echo", say="next"))["said"] == "next"


async def test_an_answer_that_its_reader_does_not_take_ends_the_child(lane: Lane) -> None:
    def read(answer: Answer) -> bytes:
        return sealed_files.read(answer.files[0], 7)

    with (
        sealed_files.opened(small_picture()) as file,
        pytest.raises(PictureRefused, match="crashed"),
    ):
        await lane.run("echo", file, {}, deadline=LONG, read=read)

    assert lane.replaced == 1


async def test_a_caller_who_gives_up_ends_the_child(lane: Lane) -> None:
    pid = (await run(lane, "echo"))["pid"]
    begun = asyncio.create_task(run(lane, "sleep"))
    await asyncio.sleep(0)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun

    assert (await run(lane, "echo"))["pid"] != pid


async def test_a_hanging_task_holds_no_other_child_up() -> None:
    with opened(workers=2) as lane:
        hanging = asyncio.create_task(run(lane, "sleep"))
        for number in range(5):
            assert (await run(lane, "echo", say=number))["said"] == number
        assert not hanging.done()
        hanging.cancel()
        await asyncio.wait([hanging])


async def test_no_more_children_run_than_were_asked_for() -> None:
    with opened(workers=2) as lane:
        lane.start()
        answers = await asyncio.gather(*(run(lane, "echo") for _ in range(10)))

        assert len({answer["pid"] for answer in answers}) <= 2
        assert len(lane.pids) == 2


async def test_children_end_with_their_lane() -> None:
    with opened(workers=2) as lane:
        lane.start()
        children = [psutil.Process(pid) for pid in lane.pids]
        assert len(children) == 2

    assert psutil.wait_procs(children, timeout=30)[1] == []
