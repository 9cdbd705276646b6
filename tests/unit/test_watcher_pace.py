"""When the watcher tries again."""

import random

import pytest

from findme import watcher_pace
from findme.watcher_pace import Pace
from findme.watcher_server import Later, Unwelcome


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chance always choose the longest wait."""
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)


@pytest.mark.usefixtures("longest")
def test_waits_grow_up_to_a_bound() -> None:
    assert [watcher_pace.jittered(tries) for tries in (1, 2, 3, 4, 9, 99)] == [1, 2, 4, 8, 30, 30]


@pytest.mark.usefixtures("longest")
def test_an_outage_that_all_notice_at_once_is_one_failure() -> None:
    told: list[str] = []
    pace = Pace(once=False, on_trouble=told.append)
    for _ in range(4):
        pace.note(Later("away", offline=True))
    assert 0 < pace.closed_s <= 1
    assert told == ["away"] * 4


@pytest.mark.usefixtures("longest")
def test_a_busy_server_is_given_the_time_it_asks_for() -> None:
    pace = Pace(once=False, on_trouble=lambda _why: None)
    pace.note(Later("busy", after=100))
    assert 100 < pace.closed_s <= 120


def test_trouble_with_one_file_closes_nothing() -> None:
    pace = Pace(once=False, on_trouble=lambda _why: None)
    pace.note(Later("odd"))
    assert pace.closed_s == 0


async def test_a_single_pass_gives_up_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher_pace, "FIRST_WAIT", 0.0)
    tries = []

    async def call() -> None:
        tries.append(1)
        raise Later("away", offline=True)

    with pytest.raises(Unwelcome, match="Given up: away"):
        await Pace(once=True, on_trouble=lambda _why: None).keep_trying(call)
    assert len(tries) == watcher_pace.MOST_TRIES
