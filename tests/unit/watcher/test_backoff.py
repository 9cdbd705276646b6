"""When the watcher tries again."""

import io
import random

import pytest

from findme.watcher import backoff
from findme.watcher.api_client import RetryLater, TokenRejected
from findme.watcher.backoff import OutageLog, Pace
from findme.watcher.reporter import LineReporter, RunTally


def pacing(*, once: bool = False) -> tuple[Pace, RunTally]:
    """Return a pace, and what it counts."""
    tally = RunTally()
    return Pace(once=once, outage_log=OutageLog(tally, LineReporter(io.StringIO()))), tally


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chance always choose the longest wait."""
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)


@pytest.mark.usefixtures("longest")
def test_waits_grow_up_to_a_bound() -> None:
    assert [backoff.jittered(tries) for tries in (1, 2, 3, 4, 9, 99)] == [1, 2, 4, 8, 30, 30]


@pytest.mark.usefixtures("longest")
def test_an_outage_that_all_notice_at_once_is_one_failure() -> None:
    pace, tally = pacing()
    for _ in range(4):
        pace.note(RetryLater("away", offline=True))
    assert 0 < pace.closed_s <= 1
    assert (tally.errors, tally.last_error) == (4, "away")


@pytest.mark.usefixtures("longest")
def test_a_busy_server_is_given_the_time_it_asks_for() -> None:
    pace, _ = pacing()
    pace.note(RetryLater("busy", after=100))
    assert 100 < pace.closed_s <= 120
    pace.note(RetryLater("gone fishing", after=1e9))
    assert pace.closed_s <= 1.2 * backoff.MOST_ASKED


def test_trouble_with_one_file_closes_nothing() -> None:
    pace, _ = pacing()
    pace.note(RetryLater("odd"))
    assert pace.closed_s == 0


async def test_a_single_pass_gives_up_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.0)
    tries = []

    async def call() -> None:
        tries.append(1)
        raise RetryLater("away", offline=True)

    with pytest.raises(TokenRejected, match="Given up: away"):
        await pacing(once=True)[0].keep_trying(call)
    assert len(tries) == backoff.MOST_TRIES


async def test_a_single_pass_waits_as_long_as_a_busy_server_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.0)
    asked = iter(range(3 * backoff.MOST_TRIES))

    async def call() -> str:
        if next(asked) < 2 * backoff.MOST_TRIES:
            raise RetryLater("busy", after=0.0)
        return "answer"

    assert await pacing(once=True)[0].keep_trying(call) == "answer"


def test_the_same_trouble_is_told_once_and_again_when_it_comes_back() -> None:
    tally, out = RunTally(), io.StringIO()
    outage_log = OutageLog(tally, LineReporter(out))
    # somebody else has met it, and told nobody
    tally.last_error = "away"
    for now in (0.0, 1.0, 100.0):
        outage_log.note("away", now)
    assert out.getvalue() == "later: away\n"
    outage_log.is_over = True
    outage_log.note("away", 101.0)
    assert out.getvalue() == "later: away\n" * 2
    # busy, and not, and busy: that is one trouble
    outage_log.is_over = True
    outage_log.note("away", 110.0)
    assert out.getvalue() == "later: away\n" * 2
    outage_log.note("the connection broke", 111.0)
    assert out.getvalue().endswith("later: the connection broke\n")
    assert tally.errors == 6
