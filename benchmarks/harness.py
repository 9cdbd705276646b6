"""Two ways by turns, in one run, on a machine that is watched meanwhile."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Pairs of a row; the middle one counts.
PAIRS = 5
#: By how much the machine may change its speed while a row is measured.
STEADY = 0.2
_TURNS = 400_000


@dataclass(frozen=True)
class Row:
    """A path, what it is held against, and the ratio that it has to reach."""

    name: str
    against: str
    #: What is compared, such as "requests/s".
    unit: str
    #: One run of ours, and one of the other's; each returns a figure in *unit*.
    ours: Callable[[], float]
    other: Callable[[], float]
    #: The goal for ours / other, and whether more is better.
    goal: float
    more_is_better: bool = True


@dataclass(frozen=True)
class Result:
    """What a row came to."""

    name: str
    against: str
    unit: str
    ours: float
    other: float
    ratio: float
    lowest: float
    highest: float
    goal: float
    reached: bool
    #: Speed of the machine after the row, in parts of that before it.
    machine: float

    @property
    def steady(self) -> bool:
        """Whether the machine kept its speed, so that the row counts."""
        return abs(self.machine - 1) <= STEADY


def compare(row: Row, pairs: int = PAIRS) -> Result:
    """Measure both by turns, the first of a pair changing; ratios are of pairs."""
    row.ours(), row.other()  # a first run of each fills caches and is not counted
    before = calibrate()
    ours: list[float] = []
    other: list[float] = []
    for number in range(pairs):
        for mine in (True, False) if number % 2 == 0 else (False, True):
            (ours if mine else other).append((row.ours if mine else row.other)())
    ratios = [one / two for one, two in zip(ours, other, strict=True)]
    ratio = statistics.median(ratios)
    return Result(
        name=row.name,
        against=row.against,
        unit=row.unit,
        ours=statistics.median(ours),
        other=statistics.median(other),
        ratio=ratio,
        lowest=min(ratios),
        highest=max(ratios),
        goal=row.goal,
        reached=ratio >= row.goal if row.more_is_better else ratio <= row.goal,
        machine=calibrate() / before,
    )


def calibrate() -> float:
    """Return how fast this core is just now, in turns of a fixed loop a second."""
    best = 0.0
    for _ in range(5):
        begun = time.perf_counter()
        total = 0
        for turn in range(_TURNS):
            total += turn & 7
        best = max(best, _TURNS / (time.perf_counter() - begun))
    return best
