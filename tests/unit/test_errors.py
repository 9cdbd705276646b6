"""Every failure has a sentence, a status and a stable code."""

from collections.abc import Iterator

import pytest

from findme import errors
from findme.errors import FindMeError, QueueFull, SelfieRefused


def family(of: type[FindMeError]) -> Iterator[type[FindMeError]]:
    for child in of.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from family(child)


@pytest.mark.parametrize("kind", list(family(FindMeError)))
def test_each_error_says_a_sentence_and_is_drawn_in_the_tree(kind: type[FindMeError]) -> None:
    assert kind.sentence()
    assert kind.__name__ in (errors.__doc__ or "")
    assert 400 <= kind.status < 600
    assert kind.code.replace("_", "").isalpha()


def test_an_error_without_words_says_its_docstring() -> None:
    assert str(QueueFull()) == "Queue is full, try again later"
    assert (QueueFull.status, QueueFull.code) == (503, "queue_full")
    assert QueueFull.retry_after


def test_a_given_sentence_and_further_members_are_kept() -> None:
    error = QueueFull("Later.", results=[1])
    assert str(error) == "Later."
    assert error.extra == {"results": [1]}


def test_a_refused_selfie_carries_the_code_that_it_was_given() -> None:
    error = SelfieRefused("Too dark.", code="poor_quality", problems=["dark"])
    assert (error.code, error.extra) == ("poor_quality", {"problems": ["dark"]})
    assert SelfieRefused("None.", code="no_face").code == "no_face"
