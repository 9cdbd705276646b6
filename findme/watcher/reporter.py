"""Reports to the photographer: a progress bar on a terminal, plain lines, or JSON."""

import contextlib
import json
import sys
import time
import unicodedata
from collections import deque
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn

#: Seconds over which the rate is averaged.
RATE_SECONDS = 10.0
#: Files of each kind that the final report lists by name.
MOST_REPORTED = 50
#: Columns that the bar keeps beside its text.
LEAST_BAR = 6
#: Unicode categories of characters that end a line, control a terminal, or stand for a bad byte.
UNSHOWN = frozenset(("Cc", "Cs", "Zl", "Zp"))
#: The words for a picture that is damaged in its middle.
DAMAGED = "received, but cannot be read"


@dataclass(slots=True)
class RunTally:
    """The counts of a run, and the files behind them."""

    sent: int = 0
    #: The server had them already, from an earlier run or under another name.
    there: int = 0
    #: RAW files that were skipped because their JPEG is beside them.
    skipped: int = 0
    #: name -> reason
    refused: dict[str, str] = field(default_factory=dict)
    #: name -> bytes, of files on their way
    waiting: dict[str, int] = field(default_factory=dict)
    #: name -> reason, of files that were given up for this run
    missing: dict[str, str] = field(default_factory=dict)
    #: path -> reason, of folders that cannot be read
    closed: dict[str, str] = field(default_factory=dict)
    #: name -> reason, of files that the server has received and cannot read
    damaged: dict[str, str] = field(default_factory=dict)
    #: Files that the server has received and not decoded yet.
    unchecked: int = 0
    #: Attempts that failed and are retried.
    errors: int = 0
    last_error: str | None = None
    bytes_sent: int = 0
    _moves: deque[tuple[float, int]] = field(default_factory=deque)
    #: When the first byte left (monotonic).
    _begun: float | None = None

    def moved(self, count: int) -> None:
        """Count bytes that were sent."""
        now = time.monotonic()
        self.bytes_sent += count
        self._begun = now if self._begun is None else self._begun
        self._moves.append((now, count))
        self._trim(now)

    @property
    def bytes_per_s(self) -> float:
        """The mean rate of the last seconds."""
        now = time.monotonic()
        self._trim(now)
        # a young run is averaged over its own age
        seconds = RATE_SECONDS if self._begun is None else min(RATE_SECONDS, now - self._begun)
        return sum(count for _, count in self._moves) / max(1.0, seconds)

    def _trim(self, now: float) -> None:
        while self._moves and self._moves[0][0] < now - RATE_SECONDS:
            self._moves.popleft()

    def as_report(self) -> dict[str, object]:
        """Return the report for the server."""
        return {
            "backlog": len(self.waiting),
            "backlog_bytes": sum(self.waiting.values()),
            "bytes_per_s": round(self.bytes_per_s),
            "sent": self.sent,
            "there": self.there,
            "refused": len(self.refused),
            "errors": self.errors,
            "last_error": self.last_error,
        }

    def lines(self) -> list[str]:
        """Return the final report: sent, already there, refused and why, damaged, missing."""
        told = [
            f"Sent: {self.sent}. Already there: {self.there}. Refused: {len(self.refused)}."
            + (f" RAW files with a JPEG beside them: {self.skipped}." if self.skipped else "")
        ]
        if self.unchecked:
            told.append(f"Received, but not checked by the server yet: {self.unchecked}.")
        lists = {"refused": self.refused, DAMAGED: self.damaged, "missing": self.left}
        for word, names in lists.items():
            told += [_line(word, name, why) for name, why in sorted(names.items())[:MOST_REPORTED]]
            if len(names) > MOST_REPORTED:
                told.append(f"{word}: {len(names) - MOST_REPORTED} more")
        return told

    @property
    def left(self) -> dict[str, str]:
        """Files and folders that are neither on the server nor refused: name -> reason."""
        return dict.fromkeys(self.waiting, "not sent yet") | self.missing | self.closed


class Reporter(Protocol):
    """Reports a run to the photographer."""

    def report(self, what: str, name: str | None, text: str, **more: object) -> None:
        """Report one event: *what* is a stable word, *text* is for a person."""

    def tick(self, tally: RunTally) -> None:
        """Show the progress; called several times a second."""

    def close(self, tally: RunTally) -> None:
        """Print the final report."""


class LineReporter:
    """Plain lines, for logs and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def report(self, what: str, name: str | None, text: str, **_more: object) -> None:
        """Print one line."""
        self._print(_line(what, name, text))

    def tick(self, tally: RunTally) -> None:
        """Do nothing: lines show no progress."""

    def close(self, tally: RunTally) -> None:
        """Print the report."""
        for line in tally.lines():
            self._print(line)

    def _print(self, line: str) -> None:
        _put(self._out, line)


class JsonReporter:
    """One JSON object per line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def report(self, what: str, name: str | None, text: str, **more: object) -> None:
        """Print one object."""
        self._print({"event": what, "file": name, "text": text or None, **more})

    def tick(self, tally: RunTally) -> None:
        """Do nothing: programs count by themselves."""

    def close(self, tally: RunTally) -> None:
        """Print the final report as one object."""
        self._print(
            {
                "event": "summary",
                "sent": tally.sent,
                "there": tally.there,
                "skipped": tally.skipped,
                "refused": tally.refused,
                "damaged": tally.damaged,
                "unchecked": tally.unchecked,
                "missing": tally.left,
                "bytes_sent": tally.bytes_sent,
                "errors": tally.errors,
            }
        )

    def _print(self, what: dict[str, object]) -> None:
        _put(self._out, json.dumps(what))


class ProgressBar:
    """A progress bar with the rate and the files left; failures are printed above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            BarColumn(bar_width=None), TextColumn("{task.description}"), console=console
        )
        self._task = self._progress.add_task("scanning", total=None)
        self._live = Live(self._progress, console=console, refresh_per_second=4, transient=True)
        self._live.start()

    def report(self, what: str, name: str | None, text: str, **_more: object) -> None:
        """Print everything but ordinary uploads above the bar."""
        if what not in ("sent", "there"):
            self._say(_line(what, name, text))

    def tick(self, tally: RunTally) -> None:
        """Draw the bar."""
        done = tally.sent + tally.there + tally.skipped + len(tally.refused)
        self._progress.update(
            self._task,
            total=max(1, done + len(tally.waiting)),
            completed=done,
            description=how_far(tally, done, self._console.width - LEAST_BAR - 1),
        )

    def close(self, tally: RunTally) -> None:
        """Remove the bar and print the final report."""
        self._live.stop()
        for line in tally.lines():
            self._say(line)

    def _say(self, line: str) -> None:
        # names are not markup, and the terminal wraps long lines
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def open_reporter(*, as_json: bool, out: TextIO | None = None) -> Reporter:
    """Return the reporter: JSON if asked for, a bar on a terminal, lines elsewhere."""
    out = sys.stdout if out is None else out
    if isinstance(out, TextIOWrapper):
        # names may hold characters that the terminal's encoding does not have
        out.reconfigure(errors="backslashreplace")
    if as_json:
        return JsonReporter(out)
    return ProgressBar(Console(file=out)) if out.isatty() else LineReporter(out)


def how_far(tally: RunTally, done: int, width: int) -> str:
    """Return the text beside the bar, with as many of its words as fit into *width*."""
    if not tally.waiting and tally.unchecked:
        words = [f"{done} done", f"{tally.unchecked} to be checked"]
    else:
        left, rate = sum(tally.waiting.values()), tally.bytes_per_s
        words = [f"{done} done", f"{len(tally.waiting)} left", f"{rate / 1e6:.1f} MB/s"]
        if left and rate > 0:
            words.append(f"about {_span(left / rate)}")
    # the bar itself shows how much is done, so that word goes first
    choices = (" · ".join(some) for some in (words, words[1:], words[1:3]))
    return next((text for text in choices if len(text) <= width), words[1])


def _line(what: str, name: str | None, text: str) -> str:
    words = (DAMAGED if what == "damaged" else what, name, text)
    return ": ".join(_plain(word) for word in words if word)


def _plain(text: str) -> str:
    """Return a text without line breaks and control characters, which file names may hold."""
    return "".join(
        sign.encode("unicode_escape").decode() if unicodedata.category(sign) in UNSHOWN else sign
        for sign in text
    )


def _put(out: TextIO, line: str) -> None:
    # if the pipe is closed or the log's disk is full, photos are sent all the same
    with contextlib.suppress(OSError):
        out.write(line + "\n")
        out.flush()


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
