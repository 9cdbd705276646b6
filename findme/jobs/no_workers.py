"""The workers of a process that has none."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

from findme.models import Job


class NoWorkers:
    """Stands in for `WorkQueue` with `--role web`: other processes run the jobs."""

    engine_answers = True
    active: Mapping[int, tuple[Job, datetime]] = {}

    def wake(self) -> None:
        """Do nothing: other processes poll the job table by themselves."""

    def note_outage(self) -> None:
        """Do nothing: the workers notice an outage by themselves."""

    def configure(self, *, paused: bool, workers: int) -> None:
        """Do nothing: each process with workers reads the table `control`."""

    def listen(self, listener: Callable[[Job, str, float], None]) -> None:
        """Do nothing: no job runs here."""

    def loops(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return no coroutines."""
        return {}

    async def stop(self, *, grace: float = 0.0) -> None:
        """Do nothing: no job runs."""
