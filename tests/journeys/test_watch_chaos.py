"""The watcher, the service and the network break in the middle: each picture is there once."""

import asyncio
from pathlib import Path

import pytest

from tests.support.watcher_chaos import CORRUPT, Plan, run_plan

#: tests/bench/watcher.py does the same with 300 files and 20 kills.
PLAN = Plan(files=40, size=1_000_000, watcher_kills=5, server_kills=1, cuts=2, limit_kbps=40_000)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Path:
    """A folder that PostgreSQL's user can reach."""
    made = scratch / f"chaos-{tmp_path_factory.mktemp('chaos').name}"
    made.mkdir()
    return made


async def test_whatever_breaks_each_good_picture_is_there_once(home: Path) -> None:
    async with asyncio.timeout(300):
        outcome = await run_plan(PLAN, home)

    assert set(outcome.known) == outcome.good
    assert len(set(outcome.known.values())) == outcome.photos == PLAN.files
    assert set(outcome.refused) == outcome.corrupt
    assert len(outcome.corrupt) == CORRUPT
    assert outcome.missing == {}
    assert outcome.most_often <= 2
