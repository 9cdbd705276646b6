"""What the engine was asked, what that costs, and whether the month's budget has room for more.

A call counts towards the bill once it is answered with success (status 200). Attempts that were
throttled, refused or lost cost nothing here; should AWS charge for one whose answer was lost on the
way, its bill is higher by that call.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from findme.errors import BudgetSpent

#: US dollars a call: N. Virginia's and Ireland's first million a month, flat. Other regions are up
#: to 30 % dearer and later millions cheaper; no page that we hold confirms those, so that neither
#: is counted. Operations that are not named cost nothing.
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
#: Sums of floats that should be equal differ by less.
_TINY = 1e-9

#: A collection's id, or "" where a call names none, and an operation.
Line = tuple[str, str]


def cost(calls: Mapping[str, int]) -> float:
    """Return what calls by operation cost, in US dollars."""
    return round(sum(PRICES.get(name, 0.0) * n for name, n in calls.items()), 4)


@dataclass(slots=True)
class Meter:
    """The calls of this process since the start, and the month's bill."""

    #: Whether calls cost money: AWS's do, the embedded engine's do not.
    paid: bool = False
    #: US dollars for a month (UTC), over all services on the database; None: no limit.
    budget_usd: float | None = None
    #: Calls that were sent, by operation; a call's further attempts are not counted.
    calls: Counter[str] = field(default_factory=Counter)
    #: Calls that were answered with success.
    answered: Counter[str] = field(default_factory=Counter)
    #: Attempts that the engine throttled, whether a further attempt succeeded or not.
    throttled: int = 0
    errors: int = 0
    #: Answered calls that are not in the table `usage` yet.
    unwritten: Counter[Line] = field(default_factory=Counter)
    #: Held while `unwritten` is written.
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: The month's dollars in the table, all services' together, as of the last look.
    written_usd: float = 0.0
    _under_way: Counter[str] = field(default_factory=Counter)

    @property
    def in_flight(self) -> int:
        """Calls that wait for their answer."""
        return self._under_way.total()

    @property
    def estimated_usd(self) -> float:
        """What AWS would charge for the calls since the start."""
        return cost(self.answered)

    @property
    def month_usd(self) -> float:
        """The month's dollars so far: what is in the table, and what this process adds next."""
        return round(self.written_usd + self._of_lines(self.unwritten), 4)

    @property
    def paused(self) -> Literal["budget"] | None:
        """Why no paid call is made; None while they are."""
        if not self.paid or self.budget_usd is None:
            return None
        # calls in flight count as spent: ten at once do not pass the budget together
        spent = self.month_usd + cost(self._under_way)
        return "budget" if spent + CALL_USD > self.budget_usd + _TINY else None

    def check(self, operation: str) -> None:
        """Raise BudgetSpent where the budget has no room for a call; free calls always go."""
        if operation in PRICES and self.paused:
            raise BudgetSpent

    @contextmanager
    def counting(self, operation: str, collection_id: str) -> Iterator[None]:
        """Count the call that is made meanwhile; where it raises, it was not answered."""
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
        """Note that *lines* are in the table, and what the month comes to there."""
        self.unwritten -= lines
        self.written_usd = month_usd

    def _of_lines(self, lines: Counter[Line]) -> float:
        if not self.paid:
            return 0.0
        return sum(PRICES.get(operation, 0.0) * n for (_, operation), n in lines.items())
