"""Print the table; `python -m benchmarks list` measures the rows whose names contain that word.

Each result is also added as a JSON line to a file, so that commits can be compared. The name of a
report of tests.bench, such as `engine`, prints that one instead.
"""

import argparse
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import orjson

from benchmarks import paths
from benchmarks.harness import PAIRS, Result, compare
from tests.bench import __main__ as report

COLUMNS = "{:<40} {:<26} {:>11} {:>11} {:>6} {:>13} {:>6}  {}"


def main() -> None:
    """Measure and print, a row at a time."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    reports = ", ".join(report.BENCHES)
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help=f"rows that contain it, or a report: {reports}"
    )
    parser.add_argument("--pairs", type=int, default=PAIRS, help="pairs of runs of each row")
    parser.add_argument("--keep", type=Path, default=Path("var/bench.jsonl"), metavar="FILE")
    options = parser.parse_args()
    if asked := [word for word in options.words if word in report.BENCHES]:
        report.print_reports(asked)
        options.words = [word for word in options.words if word not in asked]
        if not options.words:
            return
    print(COLUMNS.format("path", "against", "ours", "theirs", "ratio", "of pairs", "goal", ""))
    with paths.rows() as rows:
        for row in rows:
            if options.words and not any(word in row.name for word in options.words):
                continue
            result = compare(row, options.pairs)
            print(line_of(result), flush=True)
            keep(result, options.keep)


def line_of(result: Result) -> str:
    """Write a row of the table."""
    verdict = "reached" if result.reached else "not reached"
    if not result.steady:
        verdict = f"dropped: the machine's speed changed to {result.machine:.0%}"
    return COLUMNS.format(
        result.name,
        f"{result.against}, {result.unit}",
        f"{result.ours:,.0f}",
        f"{result.other:,.0f}",
        f"{result.ratio:.2f}",
        f"{result.lowest:.2f} to {result.highest:.2f}",
        f"{result.goal:.2f}",
        verdict,
    )


def keep(result: Result, path: Path) -> None:
    """Add a result to the file of all runs, with the commit that it was measured on."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(orjson.dumps({"at": time.time(), "commit": commit, **asdict(result)}) + b"\n")


if __name__ == "__main__":
    main()
