"""How long strangers wait for their turn to sign in."""

import itertools

from findme.accounts import sign_in


def test_nobody_waits_for_the_first_failures() -> None:
    assert {sign_in.wait_after(failures) for failures in range(sign_in.MAX_FAILURES + 1)} == {0.0}


def test_each_further_failure_makes_the_wait_longer_up_to_the_longest() -> None:
    waits = [sign_in.wait_after(sign_in.MAX_FAILURES + further) for further in range(1, 200)]

    assert all(wait > 0 for wait in waits)
    assert all(first <= second for first, second in itertools.pairwise(waits))
    assert waits[-1] == sign_in.LONGEST
