"""Whose a face is: what matching says, and what searches from ungrouped faces found.

Nothing here moves a face that an admin placed. Callers lock the event's people (persons.lock).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection
from findme.models import EngineFaceId, EventId, FaceId, GuestId, PersonId, PhotoId


@dataclass(frozen=True, slots=True)
class FaceToSearch:
    """An ungrouped face, to search from."""

    id: FaceId
    engine_face_id: EngineFaceId


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A face that a search found, and its person."""

    id: FaceId
    photo_id: PhotoId
    person_id: PersonId | None
    #: Persons that it is not of: they have a face on its photo already, or say they are not on it.
    not_of: frozenset[PersonId]


async def join_matched(conn: Connection, event_id: EventId) -> None:
    """Give the faces that guests surely are to these guests' persons; no search is made.

    What guests said themselves wins.
    """
    await _release_faces(conn, event_id)
    claims = await conn.fetch(
        """
        with best as (
            select distinct on (face_id) face_id, guest_id from photo_guest
             where event_id = $1 and face_id is not null
               and (says = 'me' or says is null and found_shelf = 'sure')
             order by face_id, says, similarity desc, guest_id)
        select best.face_id, best.guest_id, person.id as person_id,
               person.guest_id as held_by, coalesce(person_face.fixed, false) as fixed
          from best left join person_face on person_face.face_id = best.face_id
               left join person on person.id = person_face.person_id
         where person.guest_id is distinct from best.guest_id""",
        event_id,
    )
    known = {
        GuestId(row["guest_id"]): PersonId(row["id"])
        for row in await conn.fetch(
            "select id, guest_id from person where event_id = $1 and guest_id is not null", event_id
        )
    }
    votes: dict[GuestId, Counter[PersonId]] = defaultdict(Counter)
    for row in claims:
        if row["held_by"] is None and row["person_id"] is not None:
            votes[row["guest_id"]][row["person_id"]] += 1
    for guest_id in sorted({GuestId(row["guest_id"]) for row in claims} - known.keys()):
        known[guest_id] = await _person_for(conn, event_id, guest_id, votes[guest_id])
    moved = [row for row in claims if not row["fixed"]]
    await conn.execute(
        """
        insert into person_face (face_id, person_id)
        select * from unnest($1::bigint[], $2::bigint[])
        on conflict (face_id) do update set person_id = excluded.person_id""",
        [row["face_id"] for row in moved],
        [known[row["guest_id"]] for row in moved],
    )
    await _drop_empty(conn, event_id)


async def _release_faces(conn: Connection, event_id: EventId) -> None:
    """Take from guests' persons what is not theirs any more."""
    await conn.execute(
        """
        delete from person_face using person, face, verdict
         where person.event_id = $1 and not fixed
           and person_face.person_id = person.id and face.id = person_face.face_id
           and verdict.guest_id = person.guest_id and verdict.photo_id = face.photo_id
           and says = 'not_me'""",
        event_id,
    )
    # A new selfie that matches nothing of a person shows somebody else: the guest leaves it.
    # If an admin placed faces of either, it is the admin's word that counts.
    await conn.execute(
        """
        with theirs as materialized (
            select guest_id, face_id from photo_guest
             where event_id = $1 and (says = 'me' or says is null and found_shelf = 'sure'))
        update person set guest_id = null, name = null
         where event_id = $1 and guest_id is not null
           and exists (select from person_face where person_id = person.id)
           and not exists (
               select from person_face join theirs using (face_id)
                where person_face.person_id = person.id and theirs.guest_id = person.guest_id)
           and not exists (
               select from person_face where person_face.person_id = person.id and fixed)
           and not exists (
               select from person_face join theirs using (face_id)
                where fixed and theirs.guest_id = person.guest_id)""",
        event_id,
    )


async def _person_for(
    conn: Connection, event_id: EventId, guest_id: GuestId, votes: Counter[PersonId]
) -> PersonId:
    """Return a guest's new person: the group that is half theirs already, or a fresh one.

    A smaller part proves nothing: one wrong match would hand over somebody else's group.
    """
    for person_id, matched in votes.most_common(1):
        taken = await conn.execute(
            """
            update person set guest_id = $2
             where id = $1 and guest_id is null
               and (select count(*) from person_face where person_id = $1) <= 2 * $3::bigint""",
            person_id,
            guest_id,
            matched,
        )
        if taken == "UPDATE 1":
            return person_id
    return await _add(conn, event_id, guest_id)


async def _add(conn: Connection, event_id: EventId, guest_id: GuestId | None = None) -> PersonId:
    return PersonId(
        await conn.fetchval(
            "insert into person (event_id, guest_id) values ($1, $2) returning id",
            event_id,
            guest_id,
        )
    )


async def _drop_empty(conn: Connection, event_id: EventId) -> None:
    """Remove persons without faces, but for guests', whose faces may come back."""
    await conn.execute(
        """
        delete from person where event_id = $1 and guest_id is null
           and not exists (select from person_face where person_id = person.id)""",
        event_id,
    )


async def ungrouped_faces(
    conn: Connection, event_id: EventId, *, limit: int, but: Sequence[FaceId]
) -> list[FaceToSearch]:
    """Return faces that are of nobody yet: the large and sharp ones first, which find the most."""
    rows = await conn.fetch(
        """
        select id, engine_face_id from face
         where event_id = $1 and id <> all($3) and engine_face_id is not null
           and generation = (select generation from event where id = $1)
           and not exists (select from person_face where face_id = face.id)
         order by box_width * box_height * coalesce(sharpness, 50) desc, id limit $2""",
        event_id,
        limit,
        list(but),
    )
    return [FaceToSearch(**row) for row in rows]


async def count_ungrouped(conn: Connection, event_id: EventId) -> int:
    """Return how many faces are of nobody yet."""
    number: int = await conn.fetchval(
        """
        select count(*) from face
         where event_id = $1 and not exists (select from person_face where face_id = face.id)""",
        event_id,
    )
    return number


async def neighbours(
    conn: Connection, event_id: EventId, engine_face_ids: Sequence[EngineFaceId]
) -> list[Neighbour]:
    """Return those of the vectors that are faces of photos, in the given order."""
    rows = await conn.fetch(
        """
        select face.id, face.photo_id, person_face.person_id,
               array(select person.id from verdict join person on person.guest_id = verdict.guest_id
                      where verdict.photo_id = face.photo_id and says = 'not_me'
                      union
                     select there.person_id
                       from face as other join person_face as there on there.face_id = other.id
                      where other.photo_id = face.photo_id and other.id <> face.id) as not_of
          from unnest($2::text[]) with ordinality as found (engine_face_id, position)
          join face on face.event_id = $1 and face.engine_face_id = found.engine_face_id
               left join person_face on person_face.face_id = face.id
         order by position""",
        event_id,
        list(engine_face_ids),
    )
    return [Neighbour(**{**row, "not_of": frozenset(row["not_of"])}) for row in rows]


async def place(
    conn: Connection, event_id: EventId, faces: Sequence[FaceId], person_id: PersonId | None
) -> None:
    """Assign ungrouped faces to a person, or to a new one."""
    if person_id is None:
        person_id = await _add(conn, event_id)
    await conn.execute(
        """
        insert into person_face (face_id, person_id) select face_id, $2
          from unnest($1::bigint[]) as ungrouped (face_id)
        on conflict (face_id) do nothing""",
        list(faces),
        person_id,
    )
