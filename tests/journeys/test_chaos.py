"""A few faults under real processes; `make chaos` plays a hundred kills, with other seeds."""

from pathlib import Path

import pytest

from tests.chaos.run import plan, play

SEED = 1
FAULTS = {
    "whole": [
        "SIGKILL of the service",
        "immediate end of PostgreSQL",
        "SIGKILL of the face service",
        "SIGSTOP of a picture child",
        "SIGKILL of the service",
    ],
    "apart": [
        "clients cut off",
        "throttle storm",
        "database cut off",
        "SIGKILL of the service",
        "immediate end of PostgreSQL",
        "collection forgotten",
    ],
}


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Path:
    """A folder that PostgreSQL's user can reach."""
    folder = scratch / tmp_path_factory.mktemp("chaos").name
    folder.mkdir()
    return folder


@pytest.mark.parametrize("layout", FAULTS)
async def test_whatever_breaks_all_that_was_accepted_is_there_once(layout: str, home: Path) -> None:
    """Photos, bytes, jobs, matches, vectors, files and processes: tests/chaos/invariants.py."""
    report = await play(layout, home, plan(SEED, layout, FAULTS[layout]), seed=SEED)

    assert report.broken == []
    assert report.faults == len(FAULTS[layout])
