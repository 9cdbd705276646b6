"""The job table, in whatever order replicas claim, finish, hang, vanish and come back."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from findme import queue
from findme.db import Connection
from findme.jobs import worker_registry
from findme.jobs.outcome import MAX_ATTEMPTS, outcome_of
from findme.models import Job, JobId, JobKind
from findme.queue import Attempt, Dedupe, LeaseLost

T = TypeVar("T")

KINDS = st.sampled_from([JobKind.INDEX_PHOTO, JobKind.FORGET_FACES, JobKind.MATCH_EVENT])
KEYS = st.none() | st.builds(Dedupe, st.sampled_from("ab"), while_running=st.booleans())


@dataclass(frozen=True)
class Row:
    """A job as it should be."""

    state: str
    kind: JobKind
    key: Dedupe | None
    parked: bool = False
    lease: int = 0
    #: The replica that runs it.
    replica: int | None = None

    @property
    def held_key(self) -> str | None:
        """The key that no other job may have now."""
        if self.key is None:
            return None
        running = self.state == "running" and self.key.while_running
        return self.key.key if self.state == "queued" or running else None


class JobTable(RuleBasedStateMachine):
    """Replicas on one job table; what they hold may be out of date."""

    #: What a replica believes to hold; it may have lost it meanwhile.
    held = Bundle("held")

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.conn: Connection = self.run(asyncpg.connect(dsn))
        self.run(self.conn.execute("truncate job, replica, job_tally restart identity cascade"))
        self.jobs: dict[JobId, Row] = {}
        self.replicas = [self.run(self.register()) for _ in range(2)]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.conn.close())
        self.runner.close()

    async def register(self) -> int:
        found: int = await self.conn.fetchval(
            "insert into replica (host, pid) values ('here', 1) returning id"
        )
        return found

    def holder_of(self, key: str | None) -> JobId | None:
        return next(
            (job_id for job_id, row in self.jobs.items() if key and row.held_key == key), None
        )

    def queue_again(self, job_id: JobId, *, parked: bool = False) -> None:
        """A job waits again; if another one of its key does, that one does its work."""
        row = self.jobs[job_id]
        waits = replace(row, state="queued", replica=None, parked=parked)
        other = self.holder_of(waits.held_key)
        if other not in (None, job_id):
            waits = replace(row, state="done", replica=None, parked=False)
        self.jobs[job_id] = waits

    @rule(kind=KINDS, key=KEYS, parked=st.booleans())
    def enqueue(self, kind: JobKind, key: Dedupe | None, parked: bool) -> None:
        earlier = self.holder_of(None if key is None else key.key)
        job_id = self.run(queue.enqueue(self.conn, kind, label="-", parked=parked, dedupe=key))
        if earlier is not None:
            assert job_id == earlier
        else:
            assert job_id not in self.jobs
            self.jobs[job_id] = Row("queued", kind, key, parked)

    @rule(target=held, replica=st.integers(0, 1), limit=st.integers(1, 3), parked=st.booleans())
    def claim(self, replica: int, limit: int, parked: bool) -> Any:
        """Two replicas never get the same job, people who wait come first."""
        owner = self.replicas[replica]
        jobs = self.run(queue.claim(self.conn, owner, limit, parked=parked))
        due = sorted(
            (row.kind.priority, job_id)
            for job_id, row in self.jobs.items()
            if row.state == "queued" and (parked or not row.parked)
        )
        assert [job.id for job in jobs] == [job_id for _, job_id in due[:limit]]
        for job in jobs:
            row = self.jobs[job.id]
            assert job.lease == row.lease + 1
            self.jobs[job.id] = replace(
                row, state="running", lease=job.lease, replica=owner, parked=False
            )
        return multiple(*jobs)

    def holds(self, job: Job) -> bool:
        row = self.jobs[job.id]
        return row.state == "running" and row.lease == job.lease

    @rule(job=held)
    def complete(self, job: Job) -> None:
        """Only the present lease completes a job."""
        if self.holds(job):
            self.run(queue.complete(self.conn, job))
            self.jobs[job.id] = replace(self.jobs[job.id], state="done", replica=None)
        else:
            with pytest.raises(LeaseLost):
                self.run(queue.complete(self.conn, job))

    @rule(job=held, error=st.sampled_from([RuntimeError("odd"), ConnectionResetError("gone")]))
    def fail(self, job: Job, error: Exception) -> None:
        """A mistake costs an attempt, and the third one is the last; a lost database costs none."""
        outcome = replace(outcome_of(error, job), delay=0.0)
        last = isinstance(error, RuntimeError) and job.attempts >= MAX_ATTEMPTS
        assert (outcome.state == "failed") == last
        holds = self.holds(job)
        assert self.run(queue.record_outcome(self.conn, job, outcome)) == holds
        if holds and last:
            self.jobs[job.id] = replace(self.jobs[job.id], state="failed", replica=None)
        elif holds:
            self.queue_again(job.id, parked=outcome.parked)

    @rule(replica=st.integers(0, 1))
    def vanish(self, replica: int) -> None:
        """A process dies: the other one puts its jobs back, and another process comes."""
        dead = self.replicas[replica]

        async def find_out() -> int:
            await self.conn.execute(
                "update replica set seen_at = now() - make_interval(secs => $2) where id = $1",
                dead,
                worker_registry.DEAD_SECONDS + 1,
            )
            async with self.conn.transaction():
                return await worker_registry.take_over(self.conn)

        lost = sorted(job_id for job_id, row in self.jobs.items() if row.replica == dead)
        assert self.run(find_out()) == len(lost)
        for job_id in lost:
            self.queue_again(job_id)
        self.replicas[replica] = self.run(self.register())

    @rule(replica=st.integers(0, 1))
    def lose_an_answer(self, replica: int) -> None:
        """A claim is committed, and its answer never arrives: the replica puts it back."""
        owner = self.replicas[replica]
        before = {job_id for job_id, row in self.jobs.items() if row.replica == owner}
        jobs = self.run(queue.claim(self.conn, owner, 2))
        for job in jobs:
            self.jobs[job.id] = replace(
                self.jobs[job.id], state="running", lease=job.lease, replica=owner, parked=False
            )
        self.run(queue.requeue_unheld(self.conn, owner, before))
        for job in sorted(jobs, key=lambda each: each.id):
            self.queue_again(job.id)

    @rule(fresh=st.booleans())
    def retry_failed(self, fresh: bool) -> None:
        """An operator retries what has failed."""
        failed = sorted(job_id for job_id, row in self.jobs.items() if row.state == "failed")
        self.run(queue.requeue(self.conn, failed[: 1 if fresh else None], Attempt.FRESH))
        for job_id in failed[: 1 if fresh else None]:
            self.queue_again(job_id)

    @invariant()
    def the_table_is_as_it_should_be(self) -> None:
        rows = self.run(self.conn.fetch("select id, state, parked, lease, replica_id from job"))
        assert {row["id"]: tuple(row)[1:] for row in rows} == {
            job_id: (row.state, row.parked, row.lease, row.replica)
            for job_id, row in self.jobs.items()
        }

    @invariant()
    def the_counts_are_those_of_the_table(self) -> None:
        """The operator's figures are kept by triggers, without counting the table."""
        row = self.run(
            self.conn.fetchrow("select sum(enqueued) as enqueued, sum(done) as done from job_tally")
        )
        assert row is not None
        done = sum(row.state == "done" for row in self.jobs.values())
        assert (row["enqueued"] or 0, row["done"] or 0) == (len(self.jobs), done)


def test_the_job_table_loses_and_doubles_nothing(database: str) -> None:
    run_state_machine_as_test(
        lambda: JobTable(database),  # type: ignore[arg-type]  # any factory will do
        settings=settings(
            max_examples=settings().max_examples // 5,
            stateful_step_count=30,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
