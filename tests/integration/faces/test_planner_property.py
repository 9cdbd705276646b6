"""In whatever order things arrive and break: in the end each guest has each of their photos."""

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from findme import db, queue, rekognition
from findme.accounts import guests, selfies
from findme.cache import open_cache
from findme.db import Pool
from findme.errors import EngineUnavailable
from findme.gallery import events, photos
from findme.jobs import worker_registry
from findme.jobs.worker import WorkQueue
from findme.media import storage
from findme.media.storage import ImageOwner
from findme.models import EventId, GuestId, JobKind, PhotoId, Size, UserId
from findme.recognition import rate_limiter
from findme.rekognition import Rekognition
from findme.resources import assemble
from findme.settings import Settings
from tests.support.helpers import add_gala
from tests.support.image_lanes import shared_lanes
from tests.support.one_guest_a_face import settle
from tests.support.scripted_engine import Fault, Scripted, picture

PEOPLE = st.integers(0, 4)
ARRIVALS = st.one_of(
    st.tuples(st.just("photo"), st.lists(PEOPLE, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("guest"), PEOPLE),
)
CALLS = st.integers(1, 5)
CONNECTION_ERRORS = st.one_of(
    st.none(),
    st.tuples(st.just("faults"), st.lists(st.sampled_from(Fault), min_size=1, max_size=4)),
    # the service dies at the n-th call from now, before or after the engine did its part
    st.tuples(st.just("crash before"), CALLS),
    st.tuples(st.just("crash after"), CALLS),
    # somebody deletes a photo, or leaves, while the n-th call is made
    st.tuples(st.just("delete"), CALLS),
    st.tuples(st.just("leave"), CALLS),
)
#: What goes on after an arrival: some rounds of three workers, a sweep, or an hour.
PROGRESS = st.sampled_from([("run", 1), ("run", 3), ("flush", 0), ("time", 0)])
STEPS = st.lists(
    st.tuples(
        CONNECTION_ERRORS,
        st.lists(ARRIVALS, min_size=1, max_size=4),
        st.lists(PROGRESS, max_size=2),
    ),
    min_size=2,
    max_size=6,
)
#: Longer than any test: nothing is settled before `time` says so.
SETTLE = 3600.0
Action = tuple[str, object]


@dataclass
class World:
    """An event, what should be found in it, and a service that comes and goes."""

    pool: Pool
    endpoint: Scripted
    faces: Rekognition
    settings: Settings
    settle: float
    event_id: EventId
    replica_id: int
    #: What is true: who the guests are, and who is on the photos.
    people: dict[GuestId, int] = field(default_factory=dict)
    pictures: dict[PhotoId, list[int]] = field(default_factory=dict)
    accounts: dict[GuestId, UserId] = field(default_factory=dict)
    #: The external ids of what was deleted.
    gone: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    #: Calls until something happens between them.
    countdown: int = 0
    happening: str = ""
    crashed: asyncio.Event = field(default_factory=asyncio.Event)
    serial: int = 0

    async def start(self) -> None:
        """Start the service anew, as after a crash."""
        self.endpoint.script = lambda _operation: self.faults.pop() if self.faults else None
        self.endpoint.before, self.endpoint.after = self.before, self.after
        self.crashed.clear()
        async with db.transaction(self.pool) as conn:
            await worker_registry.take_over(conn, everyone=True)
        self.replica_id = await self.pool.fetchval(
            "insert into replica (host, pid) values ('here', 1) returning id"
        )
        async with open_cache("memory://", 30) as cache:
            self.resources = assemble(
                self.settings,
                self.pool,
                self.faces,
                cache,
                shared_lanes(),
                lost=asyncio.get_running_loop().create_future(),
                settle=self.settle,
                expansion=None,
                replica_id=self.replica_id,
            )

    async def act(self, action: str, argument: object) -> None:
        match action, argument:
            case "photo", list(people):
                await self.upload(people)
            case "guest", int(person):
                await self.survive(self.join(person))
            case "run", int(rounds):
                await self.survive(self.run(rounds))
            case "flush", _:
                await self.pool.execute(
                    "update job set run_at = now() where state = 'queued' and kind = $1",
                    JobKind.MATCH_EVENT,
                )
                await self.survive(self.run(4))
            case "time", _:
                await self.let_time_pass()
            case "faults", list(faults):
                self.faults = list(faults)
            case what, int(calls):
                self.happening, self.countdown = what, calls

    async def upload(self, people: list[int]) -> None:
        self.serial += 1
        async with db.transaction(self.pool) as conn:
            photo = photos.NewPhoto(
                digest=self.serial.to_bytes(32, "big"),
                filename=f"{self.serial}.jpg",
                width=192,
                height=128,
            )
            photo_id = await photos.add(conn, self.event_id, photo)
            assert photo_id is not None
            jpeg = picture(*people, serial=self.serial)
            await storage.store_bytes(conn, jpeg, ImageOwner(photo_id=photo_id), size=Size.ORIGINAL)
            await queue.enqueue(
                conn, JobKind.INDEX_PHOTO, label="-", event_id=self.event_id, photo_id=photo_id
            )
        self.pictures[photo_id] = people

    async def join(self, person: int) -> None:
        """Do what a join request does."""
        self.serial += 1
        jpeg = picture(person, serial=self.serial)
        async with db.transaction(self.pool) as conn:
            user_id = await conn.fetchval(
                """
                insert into account (role, name, email, password_hash)
                values ('guest', '-', $1, '-') returning id""",
                f"{self.serial}@example.org",
            )
            guest_id = await guests.join(
                conn, self.event_id, user_id, consent_text="-", language="en"
            )
            selfie = await selfies.add(conn, self.event_id, guest_id)
            await storage.store_bytes(
                conn, jpeg, ImageOwner(selfie_id=selfie.id), size=Size.ORIGINAL
            )
        self.people[guest_id], self.accounts[guest_id] = person, user_id
        try:
            await self.resources.selfies.index_selfie_now(self.event_id, selfie, jpeg)
        except EngineUnavailable:
            async with db.transaction(self.pool) as conn:
                await selfies.leave_to_workers(conn, selfie)

    async def run(self, rounds: int) -> None:
        """Let three workers take what is due, some times."""
        for _ in range(rounds):
            assert isinstance(self.resources.queue, WorkQueue)
            await self.resources.queue.run_due()

    async def survive(self, work: Coroutine[object, object, None]) -> None:
        """Do the work, or as much of it as is done before the service dies; then start it anew."""
        task = asyncio.ensure_future(work)
        death = asyncio.create_task(self.crashed.wait())
        await asyncio.wait({task, death}, return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        if not self.crashed.is_set():
            await task
            return
        task.cancel()
        await asyncio.wait({task})
        await self.start()

    async def before(self, _operation: str) -> None:
        self.countdown -= 1
        if self.countdown == 0:
            await self.happen("before")

    async def after(self, _operation: str) -> None:
        if self.countdown == 0:
            await self.happen("after")

    async def happen(self, when: str) -> None:
        if self.happening == f"crash {when}":
            self.crashed.set()
            await asyncio.Event().wait()  # the caller is gone before it is answered
        elif when == "before" and self.happening == "delete" and self.pictures:
            photo_id = min(self.pictures)
            del self.pictures[photo_id]
            self.gone.add(f"p:{photo_id}")
            async with db.transaction(self.pool) as conn:
                gone = await photos.delete(conn, photo_id)
                await guests.forget_faces(conn, gone.event_id, gone.faces)
        elif when == "before" and self.happening == "leave" and self.people:
            guest_id = min(self.people)
            del self.people[guest_id]
            self.gone |= {
                f"g:{guest_id}:{row['id']}"
                for row in await self.pool.fetch(
                    "select id from selfie where guest_id = $1", guest_id
                )
            }
            async with db.transaction(self.pool) as conn:
                await events.lock(conn, self.event_id)
                await guests.forget(conn, self.event_id, self.accounts[guest_id])

    async def let_time_pass(self) -> None:
        """Let everything be settled and due that is there, and waiting claims be over."""
        self.endpoint.settle()
        for statement in (
            "update face set indexed_at = indexed_at - interval '2 hours'",
            "update reference set indexed_at = indexed_at - interval '2 hours'",
            "update selfie set claimed_until = now() where claimed_until is not null",
            "update job set run_at = now() where state = 'queued'",
        ):
            await self.pool.execute(statement)

    async def come_to_rest(self) -> None:
        """Let what trouble is left happen, then nothing break any more, and all work be done."""
        await self.let_time_pass()
        await self.survive(self.run(2))
        self.faults, self.happening = [], ""
        for _ in range(60):
            await self.let_time_pass()
            await self.run(1)
            if not await self.pool.fetchval(
                "select exists (select from job where state in ('queued', 'running'))"
            ):
                return
        raise AssertionError("the queue does not become empty")

    async def check(self) -> None:
        failed = await self.pool.fetch(
            """
            select kind, error from job where state = 'failed'
            union all select 'photo', error from photo where state <> 'indexed'
            union all select 'selfie', problem from selfie where state <> 'accepted'"""
        )
        assert [dict(row) for row in failed] == []
        held = self.endpoint.faces
        rows = await self.pool.fetch(
            """
            select distinct match.guest_id, match.photo_id, face.engine_face_id, counts
              from judged_match as match join face on face.id = match.face_id"""
        )
        found = {
            (row["guest_id"], row["photo_id"], held[row["engine_face_id"]].row) for row in rows
        }
        similar = {
            (guest_id, photo_id, row): self.endpoint.similarity(person, other)
            for guest_id, person in self.people.items()
            for photo_id, people in self.pictures.items()
            for row, other in enumerate(people)
        }
        floor = self.settings.search_floor
        assert found == {pair for pair, similarity in similar.items() if similarity >= floor}
        counting = {
            (row["guest_id"], row["photo_id"], held[row["engine_face_id"]].row)
            for row in rows
            if row["counts"]
        }
        assert counting == {
            (guest_id, photo_id, row)
            for photo_id in self.pictures
            for guest_id, row in settle(
                {
                    (guest_id, row): similarity
                    for (guest_id, of, row), similarity in similar.items()
                    if of == photo_id and similarity >= floor
                },
                same_person=lambda one, other: (
                    self.people[GuestId(one)] == self.people[GuestId(other)]
                ),
            ).items()
        }
        known = await self.pool.fetch(
            "select engine_face_id from face union select engine_face_id from reference"
        )
        ours = {row["engine_face_id"] for row in known}
        assert ours <= held.keys(), "vectors that are gone from the engine"
        # of what was deleted while the engine's answer was lost, nobody knows the vectors
        left = {held[face_id].external_id for face_id in held.keys() - ours}
        assert left <= self.gone, "vectors left behind"


@pytest.fixture
async def faces(endpoint: Scripted, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rekognition]:
    """A client that gives up at once, so that a fault is the job's to bear."""
    monkeypatch.setattr(rekognition, "RETRIES", 0)
    monkeypatch.setattr(rekognition, "READ_SECONDS", 0.2)
    monkeypatch.setattr(rekognition, "OUTAGE_SECONDS", 0.0)
    monkeypatch.setattr(rate_limiter, "FLOOR", math.inf)
    async with rekognition.open_client(
        limit=10,
        endpoint_url=endpoint.url,
        region="us-east-1",
        access_key_id="key",
        secret_access_key="secret",
    ) as client:
        yield client


@pytest.mark.parametrize("settle", [0.0, SETTLE])
@settings(
    max_examples=30,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
async def test_in_the_end_all_is_found_whatever_happened(
    pool: Pool,
    endpoint: Scripted,
    faces: Rekognition,
    settle: float,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[Action | None, list[Action], list[Action]]],
) -> None:
    """Matches equal the exhaustive search pair for pair; no job is left or failed, no vector is.

    Of the people some are brother and sister: each face counts for the guest who is nearest, and
    each guest is one face of a photo.
    """
    await pool.execute("truncate account, event, job, replica cascade")
    endpoint.collections.clear()
    endpoint.alike = {frozenset({0, 1}): 93.0, frozenset({1, 2}): 85.0}
    endpoint.lags = settle > 0
    async with db.transaction(pool) as conn:
        event = await add_gala(conn)
    patient = replace(
        Settings(findme_data_dir=tmp_path_factory.getbasetemp()),
        face_idle_seconds=600.0,
        face_flush_seconds=3600.0,
    )
    world = World(pool, endpoint, faces, patient, settle, event.id, 0)
    await world.start()
    for trouble, arrivals, progress in steps:
        for action in ([] if trouble is None else [trouble]) + arrivals + progress:
            await world.act(*action)

    await world.come_to_rest()

    await world.check()
