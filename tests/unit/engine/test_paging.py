"""Page tokens."""

import pytest

from findme.engine import paging
from findme.engine.errors import InvalidPaginationTokenException


def test_a_token_brings_the_position_back() -> None:
    token = paging.next_token("faces of 3", 41)

    assert paging.position({"NextToken": token}, "faces of 3", 0) == 41
    assert paging.position({}, "faces of 3", 0) == 0


@pytest.mark.parametrize(
    "token",
    ["garbage", "W10=", "e30=", paging.next_token("faces of 4", 41), paging.next_token("x", "41")],
)
def test_a_token_of_something_else_is_refused(token: str) -> None:
    with pytest.raises(InvalidPaginationTokenException):
        paging.position({"NextToken": token}, "faces of 3", 0)


def test_a_page_of_zero_is_a_page_of_the_usual_size() -> None:
    assert paging.size({"MaxResults": 0}, 100, 500) == 100
    assert paging.size({"MaxResults": 4096}, 100, 500) == 500
