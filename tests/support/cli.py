"""The command `findme` in a process of its own."""

import subprocess
import sys
from pathlib import Path

from tests.support.service import environment


def findme(
    *words: str, cwd: Path, stdin: str = "", **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "findme", *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env=environment(**settings),
        check=False,
    )
