"""The limit of open files is raised as far as the system lets a process."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from findme.operations import open_files
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
hard = {hard} if hard == resource.RLIM_INFINITY else min({hard}, hard)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
print(open_files.raise_limit() == open_files.limit() == min(hard, open_files.WANTED))
"""


@pytest.mark.parametrize("hard", [300, 1024, 100_000])
def test_a_low_limit_is_raised(hard: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(hard=hard)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"
