"""The log as text and as JSON: the same sentences, and the ids of what they are about."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from findme import logs

log = logging.getLogger("findme.test")


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """Leave the root logger and the hooks as they were."""
    root = logging.getLogger()
    before = [*root.handlers], root.level, sys.excepthook
    yield
    root.handlers[:], root.level, sys.excepthook = before
    threading.excepthook = threading.__excepthook__


def written(form: str) -> io.StringIO:
    """Return where the log is written in this form."""
    stream = io.StringIO()
    # pytest's own handlers stay away: `configure` owns the root logger
    logging.getLogger().handlers.clear()
    logs.configure(form, stream)
    return stream


def test_text_is_the_line_that_operators_search_for() -> None:
    stream = written("text")
    log.info("[PhotoQueue] Job %s enqueued (queue size: %d)", 17, 42)
    assert stream.getvalue().endswith(" INFO [PhotoQueue] Job 17 enqueued (queue size: 42)\n")


def test_json_has_the_same_sentence_and_the_ids_of_the_job() -> None:
    stream = written("json")
    with logs.within(job_id=17, event_id=4):
        log.info("[PhotoWorker-0] Processing job %s: %s", 17, "photo1.jpg")
    log.warning("alone")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["message"] == "[PhotoWorker-0] Processing job 17: photo1.jpg"
    assert (first["level"], first["logger"]) == ("INFO", "findme.test")
    assert (first["job_id"], first["event_id"]) == ("17", "4")
    assert first["time"]
    assert second["message"] == "alone"
    assert not {"job_id", "event_id", "request_id"} & set(second)


async def test_ids_of_tasks_that_run_together_are_not_mixed_up() -> None:
    stream = written("json")
    turn = asyncio.Barrier(2)

    async def work(number: int) -> None:
        with logs.within(job_id=number):
            await turn.wait()
            log.info("of %d", number)

    await asyncio.gather(work(1), work(2))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert sorted((line["message"], line["job_id"]) for line in lines) == [
        ("of 1", "1"),
        ("of 2", "2"),
    ]


def test_an_error_keeps_its_traceback_in_one_line() -> None:
    stream = written("json")
    try:
        int("broken")
    except ValueError:
        log.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exc_info"]


def test_what_ends_the_program_is_in_the_log() -> None:
    program = "from findme import logs; logs.configure('json'); raise ValueError('the end')"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert json.loads(line)["message"] == "[Shutdown] Uncaught: the end"
    assert json.loads(line)["level"] == "CRITICAL"
