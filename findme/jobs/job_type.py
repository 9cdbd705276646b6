"""The registration of a kind of job, beside its handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from findme.models import Job
from findme.queue import OnRetry

Handler = Callable[[Job], Awaitable[None]]
#: Does what follows from a job that has failed for good, and from its error; it may run twice.
OnFailure = Callable[[Job, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class JobType:
    """How jobs of one kind run; their priority is needed to enqueue them, so `JobKind` has it."""

    handler: Handler
    on_failure: OnFailure | None = None
    on_retry: OnRetry | None = None
    #: Its next run goes on where this one is, so a stop does not wait until it ends.
    resumable: bool = False
