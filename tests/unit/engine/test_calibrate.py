"""Calibration: labelled folders of any kind, thresholds, held-out people."""

import json
from pathlib import Path

import numpy as np
import pytest

from findme.engine import calibration_report
from findme.engine.calibrate import LayoutError, Measured, read_truth
from findme.engine.calibration_report import lowest_threshold, rates, report


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (None, r"There is no truth\.json in .* It names a selfie for each person"),
        ("not JSON", "not in the form that is wanted"),
        ({"photos": {}}, "not in the form that is wanted: KeyError"),
        ({"people": {"ann": "ann.jpg"}, "photos": {}}, "1 pictures are not in .* first: ann.jpg"),
        (
            {"people": {}, "photos": {"1.jpg": {"people": ["bob"], "faces": 1}}},
            r"1\.jpg names people without a selfie: \['bob'\]",
        ),
        ({"people": {}, "photos": {}, "groups": {"x": ["bob"]}}, "Group x names people without"),
        ({"people": {}, "photos": {}}, "Nobody of the people"),
    ],
)
def test_another_layout_is_told_what_is_wanted(tmp_path: Path, truth: object, message: str) -> None:
    if truth is not None:
        text = truth if isinstance(truth, str) else json.dumps(truth)
        (tmp_path / "truth.json").write_text(text)

    with pytest.raises(LayoutError, match=message):
        read_truth(tmp_path)


def test_the_command_ends_with_the_message_and_not_with_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibration_report.main([str(tmp_path / "nowhere"), "--data-dir", str(tmp_path)]) == 1
    assert "There is no truth.json" in capsys.readouterr().err


def measured() -> Measured:
    """Three people on three photos; the third person is found only by way of the second photo."""
    return Measured(
        people=["ann", "bob", "cid"],
        cosines=np.array([[0.6, 0.1, 0.4], [0.1, 0.55, 0.2], [0.3, 0.52, 0.35]]),
        same=np.array([[True, False, False], [False, True, False], [False, True, True]]),
        between=np.stack([np.eye(3), np.eye(3), np.array([[1, 0, 0], [0, 1, 0.7], [0, 0.7, 1.0]])]),
        groups={"first two": ["ann", "bob"]},
        refused=[],
        clear=4,
        found=4,
        beyond=0,
    )


def test_rates_count_pairs() -> None:
    one = measured()

    assert rates(one.matched(0.5), one.same) == (1.0, 0.75, 0)
    assert rates(one.matched(0.38), one.same) == (0.75, 0.75, 1)


def test_query_expansion_goes_by_way_of_strong_matches_only() -> None:
    one = measured()

    assert rates(one.matched(0.5, (0.5, 0.6)), one.same) == (1.0, 1.0, 0)
    assert rates(one.matched(0.5, (0.53, 0.6)), one.same) == (1.0, 0.75, 0)


def test_the_threshold_is_the_lowest_with_the_precision_asked_for() -> None:
    everybody = np.arange(3)

    assert lowest_threshold(measured(), everybody, 0.99) == pytest.approx(0.405)
    assert lowest_threshold(measured(), np.array([1, 2]), 0.99) == pytest.approx(0.305)


def test_groups_and_held_out_people_have_lines_of_their_own() -> None:
    lines = list(report(measured()))

    assert "Group first two:" in lines
    assert any(line.startswith("Held out, one person at a time") for line in lines)
