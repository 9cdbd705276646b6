"""What admins put right about an event's people, by the API or by its pages: done and noted.

Each function waits until nobody else changes the event's people. The audit log learns how many
groups or faces were touched, and neither a name nor an id: a group may be a guest's.
"""

from collections.abc import Sequence

from findme.db import Connection
from findme.faces import person_edits, persons
from findme.models import EventId, FaceId, PersonId, UserId
from findme.privacy import audit_log


async def rename(
    conn: Connection, actor: UserId, event_id: EventId, person_id: PersonId, name: str | None
) -> None:
    """Name a group, or (None) take the name back; NotFound where there is no such group."""
    await persons.hold(conn, event_id)
    await person_edits.rename(conn, event_id, person_id, name)
    named = {"named": name is not None}
    await audit_log.note(conn, actor, "group.named", event_id=event_id, detail=named)


async def hide(
    conn: Connection, actor: UserId, event_id: EventId, person_id: PersonId, hidden: bool
) -> None:
    """Leave a group out of the list, or show it again; NotFound where there is none."""
    await persons.hold(conn, event_id)
    await person_edits.hide(conn, event_id, person_id, hidden)
    await audit_log.note(conn, actor, "group.hidden", event_id=event_id, detail={"hidden": hidden})


async def merge(
    conn: Connection, actor: UserId, event_id: EventId, person_ids: Sequence[PersonId]
) -> None:
    """Make one group of several, the first; NotFound and Conflict as in corrections."""
    await persons.hold(conn, event_id)
    await person_edits.merge(conn, event_id, person_ids)
    groups = {"groups": len(person_ids)}
    await audit_log.note(conn, actor, "group.merged", event_id=event_id, detail=groups)


async def split(
    conn: Connection,
    actor: UserId,
    event_id: EventId,
    person_id: PersonId,
    face_ids: Sequence[FaceId],
) -> PersonId:
    """Make a new group of some of a group's faces and return it; NotFound for others' faces."""
    await persons.hold(conn, event_id)
    made = await person_edits.split(conn, event_id, person_id, face_ids)
    faces = {"faces": len(face_ids)}
    await audit_log.note(conn, actor, "group.split", event_id=event_id, detail=faces)
    return made


async def move(
    conn: Connection,
    actor: UserId,
    event_id: EventId,
    face_ids: Sequence[FaceId],
    person_id: PersonId | None,
) -> PersonId:
    """Give faces to a group, or (None) to a new one, and return it; NotFound as in corrections."""
    await persons.hold(conn, event_id)
    moved = await person_edits.move(conn, event_id, face_ids, person_id)
    faces = {"faces": len(face_ids)}
    await audit_log.note(conn, actor, "group.moved", event_id=event_id, detail=faces)
    return moved
