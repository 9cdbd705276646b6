"""What becomes of a job after each kind of error, row by row."""

import errno

import asyncpg
import pytest

from findme.errors import (
    BadImage,
    BudgetSpent,
    CollectionRebuilding,
    DeliveryFailed,
    DeliveryRefused,
    EngineRefused,
    EngineUnavailable,
    NotFound,
)
from findme.jobs.outcome import Interrupted, outcome_of
from findme.models import Job, JobId, JobKind, JobState
from findme.queue import Outcome

QUEUED, DONE, FAILED = JobState.QUEUED, JobState.DONE, JobState.FAILED
WAITS_FOR_ENGINE = Outcome(
    QUEUED, "Out.", counted=False, parked=True, summary="waits for the face engine"
)
LOST_DATABASE = Outcome(QUEUED, "gone", delay=2.0, counted=False, summary="lost the database")


def job(attempts: int = 1) -> Job:
    """Return a photo's job in its n-th attempt."""
    return Job(
        id=JobId(1),
        kind=JobKind.INDEX_PHOTO,
        event_id=None,
        photo_id=None,
        selfie_id=None,
        payload=None,
        label="photo.jpg",
        attempts=attempts,
        lease=1,
        interruptions=0,
    )


@pytest.mark.parametrize(
    ("error", "attempts", "expected"),
    [
        (None, 1, Outcome(DONE, summary="completed")),
        # nobody's fault: no attempt is lost, however many there were
        (EngineUnavailable("Out."), 1, WAITS_FOR_ENGINE),
        (EngineUnavailable("Out."), 3, WAITS_FOR_ENGINE),
        (BudgetSpent("Out."), 3, WAITS_FOR_ENGINE),
        (
            CollectionRebuilding("Soon."),
            3,
            Outcome(QUEUED, "Soon.", delay=60.0, counted=False, summary="waits for a re-index"),
        ),
        (ConnectionResetError("gone"), 3, LOST_DATABASE),
        (asyncpg.DeadlockDetectedError("gone"), 3, LOST_DATABASE),
        (asyncpg.InterfaceError("gone"), 3, LOST_DATABASE),
        (
            OSError(errno.ENOSPC, "full", "original"),
            3,
            Outcome(
                QUEUED,
                "[Errno 28] full: 'original'",
                delay=2.0,
                counted=False,
                summary="lost the database",
            ),
        ),
        # another try would end the same way
        (BadImage("Damaged."), 1, Outcome(FAILED, "Damaged.", summary="failed")),
        (EngineRefused("No."), 1, Outcome(FAILED, "No.", summary="failed")),
        (NotFound("Gone."), 1, Outcome(FAILED, "Gone.", summary="failed")),
        (DeliveryRefused("No."), 1, Outcome(FAILED, "No.", summary="failed")),
        (
            Interrupted(),
            1,
            Outcome(
                FAILED, "The service was interrupted each time this job ran.", summary="failed"
            ),
        ),
        # a mail server or a browser's push service gets minutes
        (
            DeliveryFailed("Later."),
            1,
            Outcome(QUEUED, "Later.", delay=60.0, summary="failed attempt 1"),
        ),
        (
            DeliveryFailed("Later."),
            2,
            Outcome(QUEUED, "Later.", delay=600.0, summary="failed attempt 2"),
        ),
        (DeliveryFailed("Later."), 3, Outcome(FAILED, "Later.", summary="failed attempt 3")),
        # anything else: three attempts, apart from those of other jobs
        (
            ValueError("odd"),
            1,
            Outcome(
                QUEUED,
                "Unexpected error: odd",
                delay=5.0,
                spread=True,
                summary="failed attempt 1",
                unexpected=True,
            ),
        ),
        (
            ValueError("odd"),
            2,
            Outcome(
                QUEUED,
                "Unexpected error: odd",
                delay=30.0,
                spread=True,
                summary="failed attempt 2",
                unexpected=True,
            ),
        ),
        (
            ValueError("odd"),
            3,
            Outcome(FAILED, "Unexpected error: odd", summary="failed attempt 3", unexpected=True),
        ),
        (
            KeyError(),
            3,
            Outcome(
                FAILED, "Unexpected error: KeyError", summary="failed attempt 3", unexpected=True
            ),
        ),
        # a file that cannot be read says nothing of the database
        (
            FileNotFoundError(errno.ENOENT, "none", "original"),
            3,
            Outcome(
                FAILED,
                "Unexpected error: [Errno 2] none: 'original'",
                summary="failed attempt 3",
                unexpected=True,
            ),
        ),
    ],
)
def test_an_error_and_the_attempts_so_far_decide(
    error: Exception | None, attempts: int, expected: Outcome
) -> None:
    assert outcome_of(error, job(attempts)) == expected
