"""What calls cost, and when a budget is spent."""

from collections import Counter

import pytest

from findme.errors import BudgetSpent, EngineUnavailable
from findme.recognition.call_meter import Meter, cost


def call(meter: Meter, operation: str = "IndexFaces", times: int = 1) -> None:
    for _ in range(times):
        meter.check(operation)
        with meter.counting(operation, "party"):
            pass


def test_calls_on_pictures_and_faces_cost_and_the_others_do_not() -> None:
    assert cost({"IndexFaces": 100, "SearchFaces": 50, "DeleteFaces": 9}) == 0.15


def test_what_was_not_answered_costs_nothing() -> None:
    meter = Meter(paid=True)
    with pytest.raises(ValueError, match="lost"), meter.counting("IndexFaces", "party"):
        raise ValueError("lost")

    assert (meter.calls["IndexFaces"], meter.errors, meter.in_flight) == (1, 1, 0)
    assert meter.estimated_usd == meter.month_usd == 0
    assert not meter.unwritten


def test_the_budget_is_spent_to_the_last_call() -> None:
    meter = Meter(paid=True, budget_usd=0.003)
    call(meter, times=3)

    assert meter.month_usd == 0.003
    assert meter.paused == "budget"
    with pytest.raises(BudgetSpent):
        call(meter)
    assert meter.calls["IndexFaces"] == 3
    assert issubclass(BudgetSpent, EngineUnavailable)


def test_calls_in_flight_count_as_spent() -> None:
    meter = Meter(paid=True, budget_usd=0.002)
    with meter.counting("IndexFaces", "party"), meter.counting("SearchFaces", "party"):
        with pytest.raises(BudgetSpent):
            meter.check("IndexFaces")
        assert meter.in_flight == 2


def test_free_calls_go_on_when_the_budget_is_spent() -> None:
    meter = Meter(paid=True, budget_usd=0.0)
    call(meter, "DeleteFaces")
    assert meter.calls["DeleteFaces"] == 1


def test_an_engine_that_costs_nothing_is_never_paused() -> None:
    meter = Meter(paid=False, budget_usd=0.001)
    call(meter, times=10)
    assert meter.paused is None
    assert (meter.month_usd, meter.estimated_usd) == (0.0, 0.01)


def test_no_budget_is_no_limit() -> None:
    meter = Meter(paid=True)
    call(meter, times=1000)
    assert meter.paused is None


def test_what_is_written_is_counted_once() -> None:
    meter = Meter(paid=True, budget_usd=1.0)
    call(meter, times=4)
    written = Counter(meter.unwritten)
    call(meter)  # answered while the others were being written

    meter.note_written(written, 0.504)  # another service had spent half a dollar

    assert meter.unwritten == {("party", "IndexFaces"): 1}
    assert meter.month_usd == 0.505


def test_a_new_month_ends_the_pause() -> None:
    meter = Meter(paid=True, budget_usd=0.001, written_usd=0.001)
    assert meter.paused
    meter.note_written(Counter(), 0.0)
    assert meter.paused is None
