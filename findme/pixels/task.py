"""What a module of tasks offers to the child that runs them: `TASKS`, by name, and `warm_up()`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from findme.pixels.header import Header

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Need:
    """The memory of a task on one picture, in bytes."""

    #: Taken while the task runs.
    held: int
    #: If this is more than the lane has, the picture is refused.
    judged: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a task hands back: a small answer that can be written as JSON, and files."""

    answer: Mapping[str, object]
    files: Sequence[bytes | memoryview] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """Work on one open file; both functions raise Refused for a picture that cannot be used."""

    #: Called with what the structure of the file says, before anything is decoded.
    need: Callable[[Header, Arguments], Need]
    #: Called with the descriptor of the file.
    run: Callable[[int, Arguments], Result]


class Tasks(Protocol):
    """A module of tasks."""

    TASKS: Mapping[str, Task]

    def warm_up(self) -> None:
        """Import and allocate what the first task would, before the child is confined."""
