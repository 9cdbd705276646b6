"""The outcome of a job after each kind of error."""

from collections.abc import Sequence
from dataclasses import replace

from findme import db
from findme.errors import (
    BadImage,
    CollectionRebuilding,
    DeliveryFailed,
    DeliveryRefused,
    EngineRefused,
    EngineUnavailable,
    FindMeError,
    NotFound,
    PicturesUnavailable,
)
from findme.models import Job, JobState
from findme.privacy.raw_traces import TracesHeld
from findme.queue import DONE, Outcome

MAX_ATTEMPTS = 3
#: Seconds before the second and the third attempt; half as much again is added at random.
RETRY_DELAYS = (5.0, 30.0)
#: The same for messages: a mail server that does not know a sender asks them to come back in
#: minutes (greylisting).
DELIVERY_DELAYS = (60.0, 600.0)
#: Seconds until a job that lost the database is tried again.
DATABASE_DELAY = 2.0
#: Seconds until the traces of deleted rows are tried again.
TRACES_DELAY = 10.0
#: Seconds that a job waits for a re-index, whose switch makes it due; each try renders photos anew.
REBUILD_DELAY = 60.0


class Interrupted(FindMeError):
    """The service was interrupted each time this job ran."""


def outcome_of(error: Exception | None, job: Job) -> Outcome:
    """Return the outcome of a job whose run ended with the error, or (None) without one."""
    match error:
        case None:
            return DONE
        case CollectionRebuilding():
            return _wait(error, "waits for a re-index", delay=REBUILD_DELAY)
        case TracesHeld():
            return _wait(error, "waits for a transaction", delay=TRACES_DELAY)
        case EngineUnavailable():
            return _wait(error, "waits for the face engine", parked=True)
        case BadImage() | DeliveryRefused() | EngineRefused() | NotFound() | Interrupted():
            return Outcome(JobState.FAILED, str(error), summary="failed")
        case PicturesUnavailable():
            return _try_again(str(error), job, RETRY_DELAYS, spread=True)
        case DeliveryFailed():
            return _try_again(str(error), job, DELIVERY_DELAYS)
        case _ if db.is_connection_error(error):
            return _wait(error, "lost the database", delay=DATABASE_DELAY)
        case _:
            sentence = f"Unexpected error: {str(error) or type(error).__name__}"
            return replace(_try_again(sentence, job, RETRY_DELAYS, spread=True), unexpected=True)


def _wait(error: Exception, summary: str, *, delay: float = 0.0, parked: bool = False) -> Outcome:
    """Return the outcome of a job that did not cause the error: it loses no attempt."""
    return Outcome(
        JobState.QUEUED, str(error), delay=delay, parked=parked, counted=False, summary=summary
    )


def _try_again(
    sentence: str, job: Job, delays: Sequence[float], *, spread: bool = False
) -> Outcome:
    """Return what becomes of a job that has MAX_ATTEMPTS."""
    summary = f"failed attempt {job.attempts}"
    if job.attempts >= MAX_ATTEMPTS:
        return Outcome(JobState.FAILED, sentence, summary=summary)
    delay = delays[job.attempts - 1]
    return Outcome(JobState.QUEUED, sentence, delay=delay, spread=spread, summary=summary)
