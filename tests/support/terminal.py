"""A command on a terminal of a given width, as a photographer sees it."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.service import environment

LINES = 24


@dataclass(frozen=True)
class OnTerminal:
    """A command that runs on a terminal."""

    process: subprocess.Popen[bytes]
    terminal: int

    def read(self, mark: str | None = None) -> str:
        """Return what it shows until *mark* is shown, or until it ends."""
        shown = b""
        while mark is None or mark.encode() not in shown:
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                # EIO is how Linux says that nobody holds the other end any more
                data = b""
            if not data:
                break
            shown += data
        return shown.decode(errors="replace")

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.terminal, keys)


@contextmanager
def terminal(words: Sequence[str], columns: int, **settings: str) -> Iterator[OnTerminal]:
    """Run a command on a terminal of its own; it is killed if it has not ended."""
    ours, its = pty.openpty()
    env = environment(TERM="xterm-256color", **settings)
    # the width is the terminal's, whatever the test's own surroundings say
    for name in ("COLUMNS", "LINES"):
        env.pop(name, None)
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    try:
        process = subprocess.Popen(
            # the terminal must be the process's own for Ctrl-C to reach it
            ["setsid", "--ctty", "--wait", *words],
            stdin=its,
            stdout=its,
            stderr=its,
            env=env,
        )
    finally:
        os.close(its)
    try:
        yield OnTerminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
