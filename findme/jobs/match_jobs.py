"""The jobs that search: a selfie's first look at what is there, and an event's sweeps."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from weakref import WeakValueDictionary

from findme import db, queue
from findme.accounts import admission, guests, selfie_pictures
from findme.cache import Cache
from findme.db import Pool
from findme.errors import CollectionRebuilding, CollectionSwitched, EngineRefused
from findme.faces import box_matching, matching, references, reindex_state
from findme.faces.box_matching import Left, PhotoToCompare
from findme.faces.matching import Horizon, OpenFace, Plan
from findme.faces.sweep_requests import enqueue_sweep, request_sweep
from findme.gallery import events
from findme.indexing.box_comparison import BoxComparison
from findme.jobs.job_type import JobType
from findme.messaging import notifications
from findme.models import EngineFaceId, Event, EventId, Job, JobKind, KeptFaces
from findme.recognition.types import QueryExpansion, Reference, Similar
from findme.rekognition import Rekognition
from findme.settings import Settings

log = logging.getLogger(__name__)

#: Searches of a sweep at a time, more than are ever in flight: 4,000 begun at once, as
#: expansions of 300 guests, held the loop for 180 ms.
AT_ONCE = 100
#: Seconds between two looks of a sweep that waits for the engine to know new vectors.
LEAST_WAIT = 0.2
#: Photos without vectors that one sweep compares; the newest ones come first again in the next.
PHOTOS_AT_ONCE = 30
#: Of these, so many at a time: as many as the children for photos cut, and one at the engine.
PHOTOS_IN_WORK = 3
#: Where searches cost money, guests who join within so many seconds of the clock are searched for
#: together among the faces that were searched before.
TOGETHER_SECONDS = 900.0
#: Seconds between two times that a sweep lets guests see what it has found so far.
TELLING = 0.5


class MatchJobs:
    """Handles MATCH_SELFIE and MATCH_EVENT.

    *settle* is the seconds after which a search surely finds a vector, *expansion* how queries are
    expanded, or None if they are not.
    """

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        faces: Rekognition,
        cache: Cache,
        boxes: BoxComparison,
        *,
        settle: float,
        expansion: QueryExpansion | None,
    ) -> None:
        self._boxes = boxes
        self._settings = settings
        self._pool = pool
        self._faces = faces
        self._cache = cache
        self._settle = settle
        self._expansion = expansion
        # not the event's lock: photos go on being indexed during a long sweep
        self._locks: WeakValueDictionary[EventId, asyncio.Lock] = WeakValueDictionary()

    def types(self) -> Mapping[JobKind, JobType]:
        """Return what each kind of job registers."""
        return {
            JobKind.MATCH_SELFIE: JobType(self.match_selfie),
            JobKind.MATCH_EVENT: JobType(self.match_event),
        }

    async def match_selfie(self, job: Job) -> None:
        """Make a selfie's first search: all faces that are there already, in one call.

        Somebody who waits to be admitted is not searched for: their admission queues this again.
        """
        assert job.event_id is not None
        assert job.selfie_id is not None
        async with db.acquire(self._pool) as conn:
            reference = await references.find_by_selfie(conn, job.selfie_id)
            # lost to a re-index before its first search: its guest is asked for another one
            if reference is None or await selfie_pictures.is_lost(conn, job.selfie_id):
                return
            event = await events.get(conn, job.event_id)
            edge = await matching.horizon(conn, job.event_id, settle=self._settle)
            await reindex_state.check_current(conn, reference.id)
            admitted = await admission.is_admitted(conn, reference.guest_id)
        if not admitted:
            await self._replace_selfies(job, event, reference)
            return
        if event.faces is KeptFaces.GUESTS_ONLY:
            await self._leave_to_sweep(job, event, reference)
            return
        similar = []
        if edge.face:
            try:
                async with reindex_state.restart_if_missing(self._pool, event):
                    similar = await self._faces.search_faces(
                        event.collection_id,
                        reference.engine_face_id,
                        threshold=self._floor(event),
                    )
            except CollectionSwitched as problem:
                # the re-index makes this job due again when it has the selfie's new vector
                raise CollectionRebuilding from problem
        async with db.transaction(self._pool) as conn:
            await events.lock(conn, event.id, event.faces)
            await matching.save_reference_search(conn, reference, similar, edge)
            old = await references.retire_selfies(conn, reference)
            await guests.forget_faces(conn, event.id, old)
            if old:
                await notifications.mark_told(conn, reference.guest_id)
            await notifications.ask(conn, event.id, self._settings)
            # faces that were indexed meanwhile, or are not settled yet, are a sweep's
            await request_sweep(conn, event.id, self._settings)
            await queue.complete(conn, job)
        await self._cache.forget_event(event.id)

    async def _leave_to_sweep(self, job: Job, event: Event, reference: Reference) -> None:
        """Have a selfie compared with the pictures of all faces: there are no vectors to search."""
        async with db.transaction(self._pool) as conn:
            await events.lock(conn, event.id, event.faces)
            await box_matching.begin_search(conn, reference)
            await enqueue_sweep(conn, event.id, delay=0, latest=0)
            await queue.complete(conn, job)
        await self._cache.forget_event(event.id)

    async def _replace_selfies(self, job: Job, event: Event, reference: Reference) -> None:
        """Remove the selfies that another one replaces, of somebody who is not searched for."""
        async with db.transaction(self._pool) as conn:
            await events.lock(conn, event.id)
            old = await references.retire_selfies(conn, reference)
            await guests.forget_faces(conn, event.id, old)
            await queue.complete(conn, job)

    async def match_event(self, job: Job) -> None:
        """Close the open pairs of an event with the fewest searches."""
        assert job.event_id is not None
        async with db.acquire(self._pool) as conn:
            event = await events.get(conn, job.event_id)
        if event.faces is KeptFaces.GUESTS_ONLY:
            await self._compare_boxes(job, event)
            return
        async with self._locks.setdefault(job.event_id, asyncio.Lock()):
            async with db.acquire(self._pool) as conn:
                event = await events.get(conn, job.event_id)
                plan = await matching.plan_sweep(conn, event.id, settle=self._settle)
            expanded = 0
            # the re-index of a missing collection requests a sweep that finds what this one cannot
            with suppress(CollectionSwitched):
                async with reindex_state.restart_if_missing(self._pool, event):
                    await self._search_all(event, plan)
                    # what no engine has seen, as the demo, has no vectors to search from
                    expanded = await self._expand_queries(event) if event.collection_ready else 0
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id)
                await matching.close_sweep(conn, event.id, plan.horizon)
                await notifications.ask(conn, event.id, self._settings)
                # its row before the next sweep's: a process that takes it over locks them so, too
                await queue.complete(conn, job)
                if plan.unsettled:
                    await enqueue_sweep(
                        conn,
                        event.id,
                        delay=max(self._settle, LEAST_WAIT),
                        latest=max(self._settle, self._settings.face_flush_seconds),
                    )
        if plan.references or plan.faces or expanded:
            await self._cache.forget_event(event.id)

    async def _compare_boxes(self, job: Job, event: Event) -> None:
        """Compare the newest photos whose faces have no vectors, and go on in another job."""
        async with self._locks.setdefault(event.id, asyncio.Lock()):
            async with db.acquire(self._pool) as conn:
                edge = await matching.horizon(conn, event.id, settle=self._settle)
                period = 0.0 if self._faces.embedded else TOGETHER_SECONDS
                again = await box_matching.again_upto(conn, event.id, period=period)
                photos = await box_matching.open_photos(
                    conn, event.id, edge, again=again, limit=PHOTOS_AT_ONCE
                )
            # as in match_event
            with suppress(CollectionSwitched):
                async with reindex_state.restart_if_missing(self._pool, event):
                    await self._compare_all(event, photos, edge)
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id)
                await matching.close_sweep(conn, event.id, edge)
                for reference in await references.list_replacing(conn, event.id):
                    old = await references.retire_selfies(conn, reference)
                    await guests.forget_faces(conn, event.id, old)
                    await notifications.mark_told(conn, reference.guest_id)
                await notifications.ask(conn, event.id, self._settings)
                left = await box_matching.what_is_left(conn, event.id, edge, again=again)
                await queue.complete(conn, job)
                if (delay := self._until_next(left)) is not None:
                    await enqueue_sweep(conn, event.id, delay=delay, latest=delay)
        await self._cache.forget_event(event.id)

    def _until_next(self, left: Left) -> float | None:
        """Return the seconds until the next sweep of faces without vectors; None: all is done."""
        if left.due:
            return 0.0
        if left.unsettled:
            return max(self._settle, LEAST_WAIT)
        if left.waiting:
            return TOGETHER_SECONDS - time.time() % TOGETHER_SECONDS + 1.0
        return None

    async def _compare_all(
        self, event: Event, photos: Sequence[PhotoToCompare], edge: Horizon
    ) -> None:
        waiting = iter(photos)

        async def compare() -> None:
            for photo in waiting:
                await self._boxes.compare(
                    event, photo, edge, floor=self._floor(event), expansion=self._expansion
                )

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(PHOTOS_IN_WORK):
                    group.create_task(compare())
        except BaseExceptionGroup as problems:
            raise problems.exceptions[0] from problems

    def _floor(self, event: Event) -> float:
        """Return the similarity from which matches are stored: what a shelf could ever show."""
        return min(self._settings.search_floor, event.thresholds.maybe)

    async def _expand_queries(self, event: Event) -> int:
        """Search from confirmed faces and from strong matches; return how many searches."""
        async with db.transaction(self._pool) as conn:
            await events.lock(conn, event.id)
            if self._expansion is not None:
                await references.renew_expansions(conn, event.id, self._expansion)
            waiting = await references.list_unsearched(conn, event.id)
            edge = await matching.horizon(conn, event.id, settle=self._settle)
        if waiting:
            await self._search_all(event, Plan(edge, waiting, [], unsettled=False))
        return len(waiting)

    async def _search_all(self, event: Event, plan: Plan) -> None:
        due = time.monotonic() + TELLING

        async def similar_to(vector: EngineFaceId) -> list[Similar] | None:
            try:
                return await self._faces.search_faces(event.collection_id, vector, threshold=floor)
            except EngineRefused as problem:
                # Deleted since the plan was made, or lost: one vector holds up no other. Its pairs
                # stay open, for whatever asks for the next sweep.
                log.warning("[AWS] Event %s: no search from %s: %s", event.id, vector, problem)
                return None

        async def from_reference(reference: Reference) -> None:
            similar = await similar_to(reference.engine_face_id)
            if similar is None:
                return
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id, event.faces)
                whole = await matching.save_reference_search(
                    conn, reference, similar, plan.horizon, self._expansion
                )
                left = [] if whole else await matching.open_faces(conn, reference, plan.horizon)
            await tell()
            for face in left:
                await from_face(face)

        async def from_face(face: OpenFace) -> None:
            similar = await similar_to(face.engine_face_id)
            if similar is None:
                return
            async with db.transaction(self._pool) as conn:
                await events.lock(conn, event.id, event.faces)
                await matching.save_face_search(conn, face, similar, plan.horizon, self._expansion)
            await tell()

        async def tell() -> None:
            # a long sweep goes on for many seconds after its first match
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + TELLING
                await self._cache.forget_event(event.id)

        async def search() -> None:
            for ask in searches:
                await ask

        floor = self._floor(event)
        searches = chain(
            (from_reference(reference) for reference in plan.references),
            (from_face(face) for face in plan.faces),
        )
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, len(plan.references) + len(plan.faces))):
                    group.create_task(search())
        except BaseExceptionGroup as problems:
            # the worker judges one cause: an outage fails all searches alike
            raise problems.exceptions[0] from problems
