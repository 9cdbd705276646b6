"""The workers of this process, as far as requests and operators talk to them."""

from typing import Protocol


class Workers(Protocol):
    """Implemented by `findme.jobs`, which nothing that answers requests may import."""

    @property
    def engine_answers(self) -> bool:
        """False during an outage of the face engine."""

    def wake(self) -> None:
        """Look at the job table now: something was enqueued."""

    def note_outage(self) -> None:
        """Hold parked jobs back until the face engine answers again."""

    def configure(self, *, paused: bool, workers: int) -> None:
        """Pause or resume, with so many jobs at a time; running jobs are left alone."""
