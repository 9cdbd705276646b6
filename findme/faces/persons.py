"""People: the faces of an event by person, as matching grouped them and admins corrected them.

A face belongs to one person at most. A face that an admin moved is `fixed`: only an admin moves it
again. A transaction that changes an event's people takes their lock (`lock`) first.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection
from findme.models import Box, EventId, FaceId, PersonId, PhotoId, UserId

#: Any fixed number: the first half of the advisory lock of an event's people.
LOCK_SPACE = 1_946_115


@dataclass(frozen=True, slots=True)
class PersonFace:
    """A face of a person, on its photo."""

    id: FaceId
    photo_id: PhotoId
    box: Box
    #: Whether an admin put it there.
    fixed: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A person with their faces, the newest first; *cover* is the face that shows them best."""

    id: PersonId
    user_id: UserId | None
    guest_name: str | None
    name: str | None
    hidden: bool
    cover: PersonFace
    faces: Sequence[PersonFace]


@dataclass(frozen=True, slots=True)
class UngroupedFace:
    """An ungrouped face on its photo."""

    id: FaceId
    photo_id: PhotoId
    box: Box


async def lock(conn: Connection, event_id: EventId) -> None:
    """Lock an event's people until the transaction ends: one transaction at a time changes them.

    The event is locked for key share, as in `events.lock`, but need not be there.
    """
    await conn.execute(
        "select pg_advisory_xact_lock($1, hashtext($2))", LOCK_SPACE, f"people of {event_id}"
    )
    await conn.execute("select from event where id = $1 for key share", event_id)


async def count(conn: Connection, event_id: EventId, *, hidden: bool) -> int:
    """Return the number of persons of an event, with or without the hidden ones."""
    number: int = await conn.fetchval(
        """
        select count(*) from person where event_id = $1 and (not hidden or $2)
           and exists (select from person_face where person_id = person.id)""",
        event_id,
        hidden,
    )
    return number


async def list_by_event(
    conn: Connection, event_id: EventId, *, hidden: bool, after: PersonId | None, limit: int
) -> list[Person]:
    """Return an event's persons after the given one: those with most faces first, hidden ones last.

    Empty if the given one no longer exists.
    """
    ids = await conn.fetch(
        """
        with sized as (
            select person.id, hidden, count(*) as size
              from person join person_face on person_face.person_id = person.id
             where event_id = $1 and (not hidden or $2) group by person.id),
        placed as (
            select id, row_number() over (order by hidden, size desc, id) as position from sized)
        select id from placed
         where $3::bigint is null or position > (select position from placed where id = $3)
         order by position limit $4""",
        event_id,
        hidden,
        after,
        limit,
    )
    return await read(conn, event_id, [PersonId(row["id"]) for row in ids])


async def read(conn: Connection, event_id: EventId, person_ids: Sequence[PersonId]) -> list[Person]:
    """Return these persons of an event, in this order, without those that have no face."""
    rows = await conn.fetch(
        """
        select person.id as person_id, person.name, hidden, account.id as user_id,
               account.name as guest_name, face.id, face.photo_id, fixed,
               box_left, box_top, box_width, box_height,
               box_width * box_height * coalesce(sharpness, 50) as clarity
          from person join person_face on person_face.person_id = person.id
          join face on face.id = person_face.face_id
               left join guest on guest.id = person.guest_id
               left join account on account.id = guest.account_id
         where person.event_id = $1 and person.id = any($2)
         order by face.photo_id desc, face.id desc""",
        event_id,
        list(person_ids),
    )
    by_person = defaultdict(list)
    for row in rows:
        by_person[row["person_id"]].append(row)
    persons = []
    for person_id in person_ids:
        if mine := by_person.get(person_id):
            faces = [
                PersonFace(
                    FaceId(row["id"]),
                    PhotoId(row["photo_id"]),
                    Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"]),
                    row["fixed"],
                )
                for row in mine
            ]
            clearest = max(range(len(mine)), key=lambda n: mine[n]["clarity"])
            about = mine[0]
            persons.append(
                Person(
                    id=person_id,
                    user_id=about["user_id"],
                    guest_name=about["guest_name"],
                    name=about["name"],
                    hidden=about["hidden"],
                    cover=faces[clearest],
                    faces=faces,
                )
            )
    return persons


async def list_ungrouped(
    conn: Connection, event_id: EventId, *, before: FaceId | None, limit: int
) -> list[UngroupedFace]:
    """Return the ungrouped faces of an event, the newest first, older than *before*."""
    rows = await conn.fetch(
        """
        select id, photo_id, box_left, box_top, box_width, box_height from face
         where event_id = $1 and ($2::bigint is null or id < $2)
           and not exists (select from person_face where face_id = face.id)
         order by id desc limit $3""",
        event_id,
        before,
        limit,
    )
    return [
        UngroupedFace(
            FaceId(row["id"]),
            PhotoId(row["photo_id"]),
            Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"]),
        )
        for row in rows
    ]


async def shapes(
    conn: Connection, photo_ids: Sequence[PhotoId]
) -> dict[PhotoId, tuple[float, str, bool]]:
    """Return for each photo its aspect ratio, its placeholder, and whether it has a picture."""
    rows = await conn.fetch(
        """
        select id, width::float8 / height as ratio, placeholder, ready_at is not null as ready
          from photo where id = any($1)""",
        list(photo_ids),
    )
    return {PhotoId(row["id"]): (row["ratio"], row["placeholder"], row["ready"]) for row in rows}
