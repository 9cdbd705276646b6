"""What a labelled folder says about similarities, as Markdown: curves, intervals, held-out people.

Confidence intervals are of resampled people, not of pairs: the pairs of one person stand or fall
together.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from findme.engine import similarity
from findme.engine.calibrate import LayoutError, Measured, measure
from findme.engine.faces import Analyst
from findme.engine.weights import WeightsError

CURVE = (0.36, 0.38, 0.40, 0.42, 0.44, 0.45, 0.46, 0.47, 0.48, 0.50, 0.52, 0.55, 0.60)
SURE, MAYBE = 90.0, 80.0
EXPANSION = (92.0, 92.0)
"""Similarities of query expansion: from which a match is a further reference, and from which what
is near to one joins."""
WANTED = {"sure": 0.99, "maybe": 0.95}
"""Precision that held-out people are measured at."""
_RESAMPLED = 1000
_GRID = np.round(np.arange(0.30, 0.70, 0.005), 3)


def report(measured: Measured) -> Iterator[str]:
    """Write all there is to say, line by line."""
    pairs = int(measured.same.sum())
    yield (
        f"{len(measured.people)} people, {measured.same.shape[1]} photos, {pairs} pairs that are "
        f"right among {measured.same.size}."
    )
    yield (
        f"{measured.found} of {measured.clear} clear faces indexed, {measured.beyond} too many; "
        f"{len(measured.refused)} selfies refused{': ' if measured.refused else ''}"
        + ", ".join(measured.refused)
    )
    yield ""
    everybody = np.arange(len(measured.people))
    yield from _curve(measured, everybody)
    for group in measured.groups:
        yield f"Group {group}:"
        yield ""
        yield from _curve(measured, measured.rows_of(group))
    yield from _expanded(measured)
    yield from _held_out(measured)
    wrong = measured.cosines[~measured.same]
    right = np.sort(measured.cosines[measured.same])[:3]
    yield f"Nearest wrong pair at a cosine of {wrong.max():.3f}; farthest right pairs at " + (
        ", ".join(f"{cosine:.3f}" for cosine in right) + "."
    )
    yield "Anchors: " + ", ".join(
        f"{cosine:g} is {percent:g}" for cosine, percent in similarity.ANCHORS
    )


def _curve(measured: Measured, rows: NDArray[np.intp]) -> Iterator[str]:
    yield "| cosine | similarity | precision (95 %) | recall (95 %) | wrong |"
    yield "|---|---|---|---|---|"
    for cosine in CURVE:
        yield (
            f"| {cosine:.2f} | {similarity.of_cosine(cosine):.1f} | "
            + _figures(measured.matched(cosine)[rows], measured.same[rows])
            + " |"
        )
    yield ""


def _expanded(measured: Measured) -> Iterator[str]:
    """Say what query expansion makes of it, at the similarities that FindMe has as defaults."""
    anchor, join = (similarity.least_cosine(percent) for percent in EXPANSION)
    yield "With query expansion, before each face is given to the guest who is nearest:"
    yield ""
    yield "| shelf | precision (95 %) | recall (95 %) | wrong |"
    yield "|---|---|---|---|"
    sure = measured.matched(similarity.least_cosine(SURE), (anchor, join))
    maybe = sure | measured.matched(similarity.least_cosine(MAYBE))
    yield f"| sure | {_figures(sure, measured.same)} |"
    yield f"| sure and maybe | {_figures(maybe, measured.same)} |"
    yield ""


def _held_out(measured: Measured) -> Iterator[str]:
    """Choose the threshold without one person, apply it to that person, for everybody in turn."""
    people = np.arange(len(measured.people))
    if len(people) < 3:
        return
    for shelf, wanted in WANTED.items():
        chosen, kept = [], np.zeros_like(measured.same)
        for person in people:
            threshold = lowest_threshold(measured, np.delete(people, person), wanted)
            chosen.append(threshold)
            kept[person] = measured.matched(threshold)[person]
        precision, recall, wrong = rates(kept, measured.same)
        yield (
            f"Held out, one person at a time, at a precision of {wanted:.2f} ({shelf}): cosine "
            f"{min(chosen):.3f} to {max(chosen):.3f}, precision {precision:.3f}, "
            f"recall {recall:.3f}, {wrong} wrong."
        )


def lowest_threshold(measured: Measured, rows: NDArray[np.intp], wanted: float) -> float:
    """Lowest cosine from which on the precision for these people is never less than *wanted*."""
    lowest = float(_GRID[-1])
    for cosine in _GRID[::-1]:
        if rates(measured.matched(float(cosine))[rows], measured.same[rows])[0] < wanted:
            break
        lowest = float(cosine)
    return lowest


def rates(matched: NDArray[np.bool_], same: NDArray[np.bool_]) -> tuple[float, float, int]:
    """Precision, recall and number of wrong pairs."""
    right = int((matched & same).sum())
    wrong = int(matched.sum()) - right
    precision = right / (right + wrong) if right + wrong else 1.0
    return precision, right / max(1, int(same.sum())), wrong


def _figures(matched: NDArray[np.bool_], same: NDArray[np.bool_]) -> str:
    """Precision and recall, each with the interval of resampled people, and the wrong pairs."""
    precision, recall, wrong = rates(matched, same)
    random = np.random.default_rng(1)
    people = len(same)
    right_by, all_by, same_by = (part.sum(1) for part in (matched & same, matched, same))
    drawn = random.integers(0, people, (_RESAMPLED, people))
    right, every, true = (part[drawn].sum(1) for part in (right_by, all_by, same_by))
    precisions = np.where(every > 0, right / np.maximum(1, every), 1.0)
    recalls = right[true > 0] / true[true > 0]
    low, high = np.percentile(precisions, [2.5, 97.5])
    least, most = np.percentile(recalls, [2.5, 97.5]) if len(recalls) else (0.0, 1.0)
    return (
        f"{precision:.3f} ({low:.3f} to {high:.3f}) | {recall:.3f} ({least:.3f} to {most:.3f}) | "
        f"{wrong}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m findme.engine calibrate", description="Measure similarities on your photos."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with truth.json")
    parser.add_argument("--data-dir", type=Path, default=Path("var/faces"), help="keeps the models")
    options = parser.parse_args(arguments)
    try:
        measured = measure(Analyst.load(options.data_dir / "models"), options.folder)
    except (LayoutError, WeightsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for line in report(measured):
        sys.stdout.write(f"{line}\n")
    return 0
