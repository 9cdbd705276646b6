"""Grouping: who is on the faces of an event that matching joined to nobody.

One search from an ungrouped face finds all that show the same person: at most one call for each
unknown person, made when an admin asks, never while photos come in. What was found is kept, so
that the next time only new faces are searched. Guests are never matched through these groups:
somebody who resembles two people would join them.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from findme import db, queue
from findme.db import Connection, Pool
from findme.errors import Conflict, EngineRefused, EngineUnavailable
from findme.faces import person_assignment, persons
from findme.faces.person_assignment import FaceToSearch, Neighbour
from findme.gallery import events
from findme.models import Event, EventId, FaceId, Job, JobKind, KeptFaces, PersonId
from findme.queue import Dedupe
from findme.recognition.refusals import CollectionMissing
from findme.rekognition import Rekognition
from findme.settings import Settings

log = logging.getLogger(__name__)

#: Searches that a request waits for (some 20 seconds on AWS); jobs make those beyond.
MOST_SEARCHES = 100
#: Least similarity of two faces of one person. Neither is a selfie: small faces in a crowd resemble
#: each other more than any of them resembles a selfie, and siblings reach the `sure` threshold.
GROUP_SIMILARITY = 95.5
#: Faces of one look for some to search from.
BATCH = 50


class GroupingImpossible(Conflict):
    """This event keeps guests' faces only: other faces cannot be compared with each other."""

    code = "guests_only"


@dataclass(frozen=True, slots=True)
class Grouped:
    """How far the grouping of an event has come."""

    #: Faces that are in no group yet.
    ungrouped: int
    #: A job goes on with them.
    running: bool


class PersonGrouping:
    """Joins the faces of events by person; *most* bounds the searches of one request or job."""

    def __init__(
        self, settings: Settings, pool: Pool, faces: Rekognition, *, most: int = MOST_SEARCHES
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._faces = faces
        self._most = most
        self._locks: WeakValueDictionary[EventId, asyncio.Lock] = WeakValueDictionary()

    async def group(self, event_id: EventId, *, search: bool) -> Grouped:
        """Bring an event's groups up to date for an admin who waits; NotFound without the event.

        Without *search* no call is made; GroupingImpossible if a search is wanted and the event
        keeps no strangers' faces. Searches beyond MOST_SEARCHES, and those that the engine
        cannot answer now, are left to a job.
        """
        async with self._locks.setdefault(event_id, asyncio.Lock()):
            event = await self._join_matched(event_id)
            if search and event.faces is KeptFaces.GUESTS_ONLY:
                raise GroupingImpossible
            async with db.acquire(self._pool) as conn:
                running = await queue.is_pending(conn, _key(event_id))
            if search and not running:
                running = await self._search_now(event)
        async with db.acquire(self._pool) as conn:
            return Grouped(await person_assignment.count_ungrouped(conn, event_id), running)

    async def group_faces(self, job: Job) -> None:
        """Make the next searches of an event, and ask for another job if some are left."""
        assert job.event_id is not None
        event = await self._join_matched(job.event_id)
        left = await self._search(event)
        async with db.transaction(self._pool) as conn:
            # first, since a running job holds the key of its event
            await queue.complete(conn, job)
            if left:
                await _enqueue(conn, event.id)

    async def _join_matched(self, event_id: EventId) -> Event:
        async with db.transaction(self._pool) as conn:
            event = await events.get(conn, event_id)
            await persons.lock(conn, event_id)
            await person_assignment.join_matched(conn, event_id)
        return event

    async def _search_now(self, event: Event) -> bool:
        """Search within a request; True if a job goes on."""
        try:
            left, parked = await self._search(event), False
        except EngineUnavailable:
            left = parked = True
        if left:
            async with db.transaction(self._pool) as conn:
                await _enqueue(conn, event.id, parked=parked)
        return left

    async def _search(self, event: Event) -> bool:
        """Search from ungrouped faces, one after the other; True if more can be found so.

        They are searched one at a time, because each answer may make the next search unnecessary.
        """
        tried: list[FaceId] = []
        placed: set[FaceId] = set()
        while len(tried) < self._most:
            async with db.acquire(self._pool) as conn:
                found = await person_assignment.ungrouped_faces(
                    conn, event.id, limit=BATCH, but=tried
                )
            if not found:
                return False
            for face in found:
                if face.id not in placed and len(tried) < self._most:
                    tried.append(face.id)
                    placed |= await self._search_from(event, face)
        async with db.acquire(self._pool) as conn:
            left = await person_assignment.ungrouped_faces(conn, event.id, limit=1, but=tried)
        # if the engine refused every face, it would refuse them again
        return bool(left) and bool(placed)

    async def _search_from(self, event: Event, face: FaceToSearch) -> set[FaceId]:
        """Group a face with those that are surely the same person; return what was placed."""
        try:
            similar = await self._faces.search_faces(
                event.collection_id, face.engine_face_id, threshold=self._settings.search_floor
            )
        except (EngineRefused, CollectionMissing) as problem:
            # the engine does not know the vector yet, or not any more: another time perhaps
            log.warning("[AWS] Face %s of event %s stays ungrouped: %s", face.id, event.id, problem)
            return set()
        least = max(event.thresholds.sure, GROUP_SIMILARITY)
        alike = [item.engine_face_id for item in similar if item.similarity >= least]
        async with db.transaction(self._pool) as conn:
            await persons.lock(conn, event.id)
            near = await person_assignment.neighbours(conn, event.id, [face.engine_face_id, *alike])
            own = next((item for item in near if item.id == face.id), None)
            if own is None or own.person_id is not None:
                # deleted or grouped since; either way not to be searched from
                return {face.id}
            person_id, joining = choose(own, near)
            await person_assignment.place(conn, event.id, joining, person_id)
        return set(joining)


def choose(own: Neighbour, near: Sequence[Neighbour]) -> tuple[PersonId | None, list[FaceId]]:
    """Return whose a face is (None: somebody new) and which faces become theirs with it.

    *near* has the face itself, then the others, the most similar first. Nobody is twice on a photo,
    or on one that they say they are not on. (Pictures in pictures are split; an admin can merge.)
    """
    person_id = next(
        (
            item.person_id
            for item in near
            if item.person_id is not None and item.person_id not in own.not_of
        ),
        None,
    )
    joining = {own.photo_id: own.id}
    for item in near:
        if item.person_id is None and person_id not in item.not_of:
            joining.setdefault(item.photo_id, item.id)
    return person_id, list(joining.values())


def _key(event_id: EventId) -> str:
    return f"{JobKind.GROUP_FACES}:{event_id}"


async def _enqueue(conn: Connection, event_id: EventId, *, parked: bool = False) -> None:
    """Queue a job that goes on in the caller's transaction, unless one waits or runs."""
    await queue.enqueue(
        conn,
        JobKind.GROUP_FACES,
        label="group faces",
        event_id=event_id,
        parked=parked,
        dedupe=Dedupe(_key(event_id), while_running=True),
    )
