"""An admin's corrections of an event's people: rename, hide, merge, split.

Faces that are moved here are `fixed`: grouping leaves them where they are, through new photos and
a re-index. Callers lock the event's people (persons.lock).
"""

from collections.abc import Sequence

from findme.db import Connection
from findme.errors import Conflict, NotFound
from findme.models import EventId, FaceId, PersonId


async def rename(
    conn: Connection, event_id: EventId, person_id: PersonId, name: str | None
) -> None:
    """Name a person, or (None) remove the name; NotFound if there is no such person."""
    answer = await conn.execute(
        "update person set name = $3 where id = $2 and event_id = $1", event_id, person_id, name
    )
    if answer != "UPDATE 1":
        raise NotFound


async def hide(conn: Connection, event_id: EventId, person_id: PersonId, hidden: bool) -> None:
    """Hide a person in the list, or show them again; NotFound if there is none."""
    answer = await conn.execute(
        "update person set hidden = $3 where id = $2 and event_id = $1", event_id, person_id, hidden
    )
    if answer != "UPDATE 1":
        raise NotFound


async def merge(conn: Connection, event_id: EventId, person_ids: Sequence[PersonId]) -> None:
    """Merge persons: all faces move to the first, which keeps the guest of any of them.

    NotFound if one is not of this event; Conflict if two are different guests.
    """
    first, *others = dict.fromkeys(person_ids)
    rows = {
        row["id"]: row
        for row in await conn.fetch(
            "select id, guest_id, name from person where event_id = $1 and id = any($2)",
            event_id,
            [first, *others],
        )
    }
    if len(rows) != len(others) + 1:
        raise NotFound("One of these groups is not there.")
    guest_ids = {row["guest_id"] for row in rows.values()} - {None}
    if len(guest_ids) > 1:
        raise Conflict("These groups are of two different guests.")
    names = [rows[person_id]["name"] for person_id in (first, *others)]
    await conn.execute(
        "update person_face set person_id = $1, fixed = true where person_id = any($2)",
        first,
        others,
    )
    # deleted before the update: a guest is one person at a time
    await conn.execute("delete from person where id = any($1)", others)
    await conn.execute(
        "update person set guest_id = $2, name = $3 where id = $1",
        first,
        next(iter(guest_ids), None),
        next((name for name in names if name is not None), None),
    )


async def split(
    conn: Connection, event_id: EventId, person_id: PersonId, face_ids: Sequence[FaceId]
) -> PersonId:
    """Split some of a person's faces off into a new person and return it.

    NotFound if a face is not theirs.
    """
    held = {
        row["face_id"]
        for row in await conn.fetch(
            """
            select face_id from person_face join person on person.id = person_face.person_id
             where person.id = $2 and person.event_id = $1""",
            event_id,
            person_id,
        )
    }
    wanted = set(face_ids)
    if not held or not wanted <= held:
        raise NotFound("One of these faces is not in the group.")
    made = PersonId(
        await conn.fetchval("insert into person (event_id) values ($1) returning id", event_id)
    )
    await conn.execute(
        "update person_face set person_id = $1, fixed = true where face_id = any($2)",
        made,
        sorted(wanted),
    )
    return made


async def move(
    conn: Connection, event_id: EventId, face_ids: Sequence[FaceId], person_id: PersonId | None
) -> PersonId:
    """Move faces to a person, or (None) to a new one, from any other person; return the person.

    NotFound if the person or a face is not of this event. Groups that are left without a face and
    without a guest are deleted.
    """
    wanted = sorted(set(face_ids))
    here = await conn.fetchval(
        "select count(*) from face where event_id = $1 and id = any($2)", event_id, wanted
    )
    if not wanted or here != len(wanted):
        raise NotFound("One of these faces is not there.")
    if person_id is None:
        person_id = PersonId(
            await conn.fetchval("insert into person (event_id) values ($1) returning id", event_id)
        )
    elif not await conn.fetchval(
        "select true from person where id = $2 and event_id = $1", event_id, person_id
    ):
        raise NotFound("There is no such group.")
    await conn.execute(
        """
        insert into person_face (face_id, person_id, fixed)
        select face_id, $2, true from unnest($1::bigint[]) as moved (face_id)
        on conflict (face_id) do update set person_id = excluded.person_id, fixed = true""",
        wanted,
        person_id,
    )
    await conn.execute(
        """
        delete from person where event_id = $1 and guest_id is null and id <> $2
           and not exists (select from person_face where person_id = person.id)""",
        event_id,
        person_id,
    )
    return person_id
