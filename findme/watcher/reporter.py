"""What a watcher tells its photographer: a bar on a terminal, plain lines, or JSON for machines."""

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

#: Seconds that the rate is the mean of.
RATE_SECONDS = 10.0
#: Refusals that are told one by one at the end.
MOST_TOLD = 50
#: Columns that the bar keeps beside the words.
LEAST_BAR = 6
#: Unicode's categories of what ends a line, steers a terminal, or stands for a broken byte.
UNSHOWN = frozenset(("Cc", "Cs", "Zl", "Zp"))
#: How a person is told of a picture that is damaged in its middle.
DAMAGED = "received, but cannot be read"


@dataclass(slots=True)
class Tally:
    """How far a run is."""

    sent: int = 0
    #: On the server without our sending it: from an earlier run, or under another name.
    there: int = 0
    #: RAW files with their JPEG beside them.
    skipped: int = 0
    #: name -> why
    refused: dict[str, str] = field(default_factory=dict)
    #: name -> bytes, of files that are neither of these yet
    waiting: dict[str, int] = field(default_factory=dict)
    #: name -> why, of files that were given up for this run
    missing: dict[str, str] = field(default_factory=dict)
    #: path -> why, of folders that cannot be read
    closed: dict[str, str] = field(default_factory=dict)
    #: name -> why, of files that the server has received and cannot read
    damaged: dict[str, str] = field(default_factory=dict)
    #: Files that the server has received and has not looked at yet.
    unchecked: int = 0
    #: Attempts that failed, and were or will be made again.
    errors: int = 0
    last_error: str | None = None
    bytes_sent: int = 0
    _moves: deque[tuple[float, int]] = field(default_factory=deque)
    #: When the first byte left (monotonic).
    _begun: float | None = None

    def moved(self, count: int) -> None:
        """Note bytes that left."""
        now = time.monotonic()
        self.bytes_sent += count
        self._begun = now if self._begun is None else self._begun
        self._moves.append((now, count))
        self._trim(now)

    @property
    def bytes_per_s(self) -> float:
        """The rate of the last seconds."""
        now = time.monotonic()
        self._trim(now)
        # a run that has just begun has not been slow before
        seconds = RATE_SECONDS if self._begun is None else min(RATE_SECONDS, now - self._begun)
        return sum(count for _, count in self._moves) / max(1.0, seconds)

    def _trim(self, now: float) -> None:
        while self._moves and self._moves[0][0] < now - RATE_SECONDS:
            self._moves.popleft()

    def as_report(self) -> dict[str, object]:
        """Return what the server is told every few seconds."""
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
        """Return the report: sent, already there, refused and why, damaged, missing."""
        told = [
            f"Sent: {self.sent}. Already there: {self.there}. Refused: {len(self.refused)}."
            + (f" RAW files with a JPEG beside them: {self.skipped}." if self.skipped else "")
        ]
        if self.unchecked:
            told.append(f"Received, and not looked at by the server yet: {self.unchecked}.")
        lists = {"refused": self.refused, DAMAGED: self.damaged, "missing": self.left}
        for word, names in lists.items():
            told += [_line(word, name, why) for name, why in sorted(names.items())[:MOST_TOLD]]
            if len(names) > MOST_TOLD:
                told.append(f"{word}: {len(names) - MOST_TOLD} more")
        return told

    @property
    def left(self) -> dict[str, str]:
        """What is not on the server and was not refused: name and why; folders as well."""
        return dict.fromkeys(self.waiting, "not sent yet") | self.missing | self.closed


class Teller(Protocol):
    """Somebody who tells the photographer."""

    def tell(self, what: str, name: str | None, text: str, **more: object) -> None:
        """Tell of one thing that happened: *what* is a stable word, *text* for a person."""

    def tick(self, tally: Tally) -> None:
        """Show how far it is; called some times a second."""

    def close(self, tally: Tally) -> None:
        """Tell how it went."""


class Lines:
    """Plain lines, for logs and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def tell(self, what: str, name: str | None, text: str, **_more: object) -> None:
        """Print one line."""
        self._print(_line(what, name, text))

    def tick(self, tally: Tally) -> None:
        """Lines have nothing that moves."""

    def close(self, tally: Tally) -> None:
        """Print the report."""
        for line in tally.lines():
            self._print(line)

    def _print(self, line: str) -> None:
        _put(self._out, line)


class Json:
    """One JSON object a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def tell(self, what: str, name: str | None, text: str, **more: object) -> None:
        """Print one object."""
        self._print({"event": what, "file": name, "text": text or None, **more})

    def tick(self, tally: Tally) -> None:
        """Machines count for themselves."""

    def close(self, tally: Tally) -> None:
        """Print the report as one object."""
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


class Bar:
    """A bar with the rate and what is left, on a terminal; what went wrong stays above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            BarColumn(bar_width=None), TextColumn("{task.description}"), console=console
        )
        self._task = self._progress.add_task("looking", total=None)
        self._live = Live(self._progress, console=console, refresh_per_second=4, transient=True)
        self._live.start()

    def tell(self, what: str, name: str | None, text: str, **_more: object) -> None:
        """Print what is not as usual above the bar."""
        if what not in ("sent", "there"):
            self._say(_line(what, name, text))

    def tick(self, tally: Tally) -> None:
        """Draw the bar."""
        done = tally.sent + tally.there + tally.skipped + len(tally.refused)
        self._progress.update(
            self._task,
            total=max(1, done + len(tally.waiting)),
            completed=done,
            description=how_far(tally, done, self._console.width - LEAST_BAR - 1),
        )

    def close(self, tally: Tally) -> None:
        """Take the bar away and print the report."""
        self._live.stop()
        for line in tally.lines():
            self._say(line)

    def _say(self, line: str) -> None:
        # names as they are: no markup, and the terminal breaks lines where it must
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def open_teller(*, as_json: bool, out: TextIO | None = None) -> Teller:
    """Return who tells: JSON where asked for, a bar on a terminal, lines elsewhere."""
    out = sys.stdout if out is None else out
    if isinstance(out, TextIOWrapper):
        # names hold what the terminal's encoding may not have
        out.reconfigure(errors="backslashreplace")
    if as_json:
        return Json(out)
    return Bar(Console(file=out)) if out.isatty() else Lines(out)


def how_far(tally: Tally, done: int, width: int) -> str:
    """Return the words beside the bar in one line: what of them has room, the least first out."""
    if not tally.waiting and tally.unchecked:
        words = [f"{done} done", f"{tally.unchecked} to be looked at"]
    else:
        left, rate = sum(tally.waiting.values()), tally.bytes_per_s
        words = [f"{done} done", f"{len(tally.waiting)} left", f"{rate / 1e6:.1f} MB/s"]
        if left and rate > 0:
            words.append(f"about {_span(left / rate)}")
    # the bar shows as well how much is done
    choices = (" · ".join(some) for some in (words, words[1:], words[1:3]))
    return next((text for text in choices if len(text) <= width), words[1])


def _line(what: str, name: str | None, text: str) -> str:
    words = (DAMAGED if what == "damaged" else what, name, text)
    return ": ".join(_plain(word) for word in words if word)


def _plain(text: str) -> str:
    """Return a text in one line, that does nothing to a terminal: names may hold anything."""
    return "".join(
        sign.encode("unicode_escape").decode() if unicodedata.category(sign) in UNSHOWN else sign
        for sign in text
    )


def _put(out: TextIO, line: str) -> None:
    # nobody reads any more, or the log's disk is full: photos are sent all the same
    with contextlib.suppress(OSError):
        out.write(line + "\n")
        out.flush()


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
