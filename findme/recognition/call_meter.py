"""Counts calls of the engine and their cost, and checks the month's budget.

A call is counted once it is answered with success (status 200). Attempts that were throttled,
refused or lost cost nothing here; if AWS charges for a call whose answer was lost, its bill is
higher by that call.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from findme.errors import BudgetSpent

#: US dollars per call: the price of the first million calls a month in N. Virginia and Ireland.
#: Other regions cost up to 30 % more, and later millions less; neither is confirmed, so neither is
#: counted. Operations that are not named cost nothing.
PRICES: Mapping[str, float] = dict.fromkeys(
    (
        "IndexFaces",
        "SearchFaces",
        "SearchFacesByImage",
        "DetectFaces",
        "CompareFaces",
        "AssociateFaces",
        "DisassociateFaces",
        "SearchUsers",
        "SearchUsersByImage",
    ),
    0.001,
)
CALL_USD = 0.001
#: Tolerance for sums of floats.
_TINY = 1e-9

#: A collection's id, or "" if a call names none, and an operation.
Line = tuple[str, str]


def cost(calls: Mapping[str, int]) -> float:
    """Return the cost of calls by operation, in US dollars."""
    return round(sum(PRICES.get(name, 0.0) * n for name, n in calls.items()), 4)


@dataclass(slots=True)
class Meter:
    """The calls of this process since its start, and the month's bill."""

    #: Whether calls cost money: AWS's do, the embedded engine's do not.
    paid: bool = False
    #: US dollars for a month (UTC), over all services on the database; None: no limit.
    budget_usd: float | None = None
    #: Calls that were sent, by operation; the retries of a call are not counted.
    calls: Counter[str] = field(default_factory=Counter)
    #: Calls that were answered with success.
    answered: Counter[str] = field(default_factory=Counter)
    #: Attempts that the engine throttled, whether a retry succeeded or not.
    throttled: int = 0
    errors: int = 0
    #: Answered calls that are not in the table `usage` yet.
    unwritten: Counter[Line] = field(default_factory=Counter)
    #: Held while `unwritten` is written.
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: The month's dollars in the table, of all services, as last read.
    written_usd: float = 0.0
    _under_way: Counter[str] = field(default_factory=Counter)

    @property
    def in_flight(self) -> int:
        """Calls that wait for their answer."""
        return self._under_way.total()

    @property
    def estimated_usd(self) -> float:
        """The cost at AWS of the calls since the start, in US dollars."""
        return cost(self.answered)

    @property
    def month_usd(self) -> float:
        """The month's cost: the table's sum, and the calls that are not in it yet."""
        return round(self.written_usd + self._of_lines(self.unwritten), 4)

    @property
    def paused(self) -> Literal["budget"] | None:
        """The reason why no paid call is made; None while paid calls are made."""
        if not self.paid or self.budget_usd is None:
            return None
        # calls in flight count as spent, so that ten at once cannot exceed the budget together
        spent = self.month_usd + cost(self._under_way)
        return "budget" if spent + CALL_USD > self.budget_usd + _TINY else None

    def check(self, operation: str) -> None:
        """Raise BudgetSpent if the budget has no room for a call; free calls always pass."""
        if operation in PRICES and self.paused:
            raise BudgetSpent

    @contextmanager
    def counting(self, operation: str, collection_id: str) -> Iterator[None]:
        """Count the call that the block makes; if the block raises, the call was not answered."""
        self.calls[operation] += 1
        self._under_way[operation] += 1
        try:
            yield
        except Exception:
            self.errors += 1
            raise
        else:
            self.answered[operation] += 1
            self.unwritten[collection_id, operation] += 1
        finally:
            self._under_way[operation] -= 1

    def note_written(self, lines: Counter[Line], month_usd: float) -> None:
        """Record that *lines* are in the table, and the month's sum there."""
        self.unwritten -= lines
        self.written_usd = month_usd

    def _of_lines(self, lines: Counter[Line]) -> float:
        if not self.paid:
            return 0.0
        return sum(PRICES.get(operation, 0.0) * n for (_, operation), n in lines.items())
