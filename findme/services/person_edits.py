"""An organiser's edits of the groups of faces: name, hide, merge, split, move, sort."""

from collections.abc import Sequence
from dataclasses import dataclass

from findme import db
from findme.db import Connection, Pool
from findme.errors import NotFound
from findme.faces import person_edits, persons
from findme.faces.persons import Person
from findme.indexing.person_grouping import Grouped, PersonGrouping
from findme.models import EventId, FaceId, PersonId, UserId
from findme.privacy import audit_log
from findme.workers import Workers


@dataclass(frozen=True, slots=True)
class PersonEdits:
    """Edits the groups of an event, one edit at a time; each returns the group that it made.

    The audit log learns how many groups or faces were touched, and neither a name nor an id: a
    group may be a guest's. NotFound if the event has no such group or face.
    """

    pool: Pool
    grouping: PersonGrouping
    workers: Workers

    async def group(self, event_id: EventId, *, search: bool) -> Grouped:
        """Bring the groups up to date, with calls to the engine if *search* is true.

        A job does the work that takes longer than an admin waits. NotFound if there is no such
        event.
        """
        grouped = await self.grouping.group(event_id, search=search)
        if grouped.running:
            self.workers.wake()
        return grouped

    async def change(
        self,
        actor: UserId,
        event_id: EventId,
        person_id: PersonId,
        *,
        name: str | None = None,
        hidden: bool | None = None,
    ) -> Person:
        """Name a group (an empty name takes the name away), and hide or show it; None: as it is."""
        async with db.transaction(self.pool) as conn:
            await persons.lock(conn, event_id)
            if name is not None:
                await person_edits.rename(conn, event_id, person_id, name or None)
                await audit_log.note(
                    conn, actor, "group.named", event_id=event_id, detail={"named": name != ""}
                )
            if hidden is not None:
                await person_edits.hide(conn, event_id, person_id, hidden)
                await audit_log.note(
                    conn, actor, "group.hidden", event_id=event_id, detail={"hidden": hidden}
                )
            return await find_group(conn, event_id, person_id)

    async def merge(
        self, actor: UserId, event_id: EventId, person_ids: Sequence[PersonId]
    ) -> Person:
        """Merge groups into the first; Conflict if two of them are guests."""
        async with db.transaction(self.pool) as conn:
            await persons.lock(conn, event_id)
            await person_edits.merge(conn, event_id, person_ids)
            detail = {"groups": len(person_ids)}
            await audit_log.note(conn, actor, "group.merged", event_id=event_id, detail=detail)
            return await find_group(conn, event_id, person_ids[0])

    async def split(
        self, actor: UserId, event_id: EventId, person_id: PersonId, face_ids: Sequence[FaceId]
    ) -> Person:
        """Make a new group of some faces of a group."""
        async with db.transaction(self.pool) as conn:
            await persons.lock(conn, event_id)
            made = await person_edits.split(conn, event_id, person_id, face_ids)
            detail = {"faces": len(face_ids)}
            await audit_log.note(conn, actor, "group.split", event_id=event_id, detail=detail)
            return await find_group(conn, event_id, made)

    async def move(
        self,
        actor: UserId,
        event_id: EventId,
        face_ids: Sequence[FaceId],
        person_id: PersonId | None,
    ) -> Person:
        """Move faces into a group, or (None) into a new one; Conflict as in `merge`."""
        async with db.transaction(self.pool) as conn:
            await persons.lock(conn, event_id)
            moved = await person_edits.move(conn, event_id, face_ids, person_id)
            detail = {"faces": len(face_ids)}
            await audit_log.note(conn, actor, "group.moved", event_id=event_id, detail=detail)
            return await find_group(conn, event_id, moved)


async def find_group(conn: Connection, event_id: EventId, person_id: PersonId) -> Person:
    """Return a group; NotFound if the event has none of that id, or it has no face."""
    found = await persons.read(conn, event_id, [person_id])
    if not found:
        raise NotFound
    return found[0]
