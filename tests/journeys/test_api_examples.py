"""Requests that schemathesis makes from the API's description: every answer keeps to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.chaos.api import Api, operations
from tests.support.service import Service, running_service

#: Requests of each kind to each operation; `make chaos` sends half a thousand.
FEW, MANY = 2, 250


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Iterator[Service]:
    """A service of its own: whatever can be changed at it is changed."""
    folder = scratch / tmp_path_factory.mktemp("api").name
    folder.mkdir()
    with running_service(folder / "var") as started:
        yield started


def test_every_operation_answers_as_it_is_described(alone: Service) -> None:
    api = Api.open(alone)
    examples = MANY if settings.get_current_profile_name() == "chaos" else FEW

    wrong = [
        what
        for number, operation in enumerate(operations())
        for what in api.examine(operation, examples=examples, number=number)
    ]

    assert wrong == []
