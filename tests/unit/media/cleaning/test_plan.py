"""Plans: the same bytes in one piece or in many, and never more of them than allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from findme.media.cleaning import plan as plans
from findme.media.cleaning.plan import MOST_JUMPS, MOST_PIECES, MOST_PLAN, Draft, Piece, Span
from findme.pixels.header import Refused

FILE = bytes(range(256)) * 2
PIECES = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=20),
        st.tuples(st.integers(0, 511), st.integers(0, 512))
        .filter(lambda s: s[0] < s[1])
        .map(lambda span: Span(*span)),
    ),
    max_size=10,
)


def joined(pieces: list[Piece]) -> bytes:
    return b"".join(FILE[p.start : p.stop] if isinstance(p, Span) else p for p in pieces)


@given(PIECES, st.integers(0, 600), st.integers(0, 600))
def test_a_part_of_a_plan_is_a_part_of_the_file(pieces: list[Piece], start: int, stop: int) -> None:
    draft = Draft()
    draft.add(pieces)

    assert joined(draft.pieces) == joined(pieces)
    assert draft.size == plans.length_of(pieces) == len(joined(pieces))
    assert joined(plans.cut(draft.pieces, start, stop)) == joined(pieces)[start:stop]
    assert plans.from_bytes(plans.to_bytes(draft.pieces)) == draft.pieces


def test_neighbours_become_one_piece() -> None:
    draft = Draft()
    for piece in (b"a", b"b", Span(0, 5), Span(5, 9), Span(9, 9), b"", Span(20, 21)):
        draft.add([piece])

    assert draft.pieces == [b"ab", Span(0, 9), Span(20, 21)]


def test_a_plan_of_too_much_is_refused() -> None:
    with pytest.raises(Refused):
        Draft().write(bytes(MOST_PLAN + 1))
    many = Draft()
    with pytest.raises(Refused):
        many.add(Span(2 * number, 2 * number + 1) for number in range(MOST_PIECES + 1))
    to_and_fro = Draft()
    with pytest.raises(Refused):
        to_and_fro.add([Span(7, 8), Span(0, 1)] * (MOST_JUMPS + 1))
