"""The benchmarks' own arithmetic: ratios of pairs, a machine that changes, wrk's report."""

import itertools

import pytest

from benchmarks import harness, load
from benchmarks.harness import Result, Row, compare

REPORT = """Running 3s test @ http://127.0.0.1:1/list
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.49ms    1.01ms  14.02ms   92.36%
    Req/Sec     9.28k   573.54     9.90k    80.00%
  Latency Distribution
     50%    3.31ms
     75%    3.54ms
     90%    3.97ms
     99%    8.30ms
  27730 requests in 3.00s, 81.20MB read
Requests/sec:   9242.25
Transfer/sec:     27.06MB
"""


def test_the_report_of_the_load_is_read() -> None:
    sample = load.read(REPORT, 2.773)

    assert sample.per_second == pytest.approx(27730 / 3)
    assert sample.p99_ms == pytest.approx(8.3)
    assert sample.cpu_us == pytest.approx(100)
    assert sample.bytes_per_second == pytest.approx(27.06 * 1024**2)


def test_a_load_that_nobody_answered_is_an_error() -> None:
    with pytest.raises(load.LoadError):
        load.read(REPORT.replace("27730 requests", "0 requests"), 1.0)


def row(ours: list[float], other: list[float], goal: float, *, more: bool = True) -> Row:
    # the first run of each warms up and counts for nothing
    one, two = itertools.chain([1e9], ours), itertools.chain([1e9], other)
    return Row("path", "peer", "a second", lambda: next(one), lambda: next(two), goal, more)


def test_the_ratio_is_the_middle_one_of_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "calibrate", lambda: 1.0)

    result = compare(row([10, 40, 90], [10, 20, 30], 2.0), pairs=3)

    assert (result.ratio, result.lowest, result.highest) == (2, 1, 3)
    assert result.reached
    assert result.steady
    assert not compare(row([10, 40, 90], [10, 20, 30], 1.5, more=False), pairs=3).reached


def test_a_row_is_dropped_if_the_machine_changed_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = iter([1.0, 0.7])
    monkeypatch.setattr(harness, "calibrate", lambda: next(speeds))

    result: Result = compare(row([1], [1], 1.0), pairs=1)

    assert not result.steady
