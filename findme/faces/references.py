"""What guests are looked for with: their selfies, faces they confirmed, and strong matches."""

from collections.abc import Sequence

from findme.db import Connection
from findme.models import EngineFaceId, EventId, GuestId, SelfieId
from findme.recognition.types import QueryExpansion, Reference


async def find_by_selfie(conn: Connection, selfie_id: SelfieId) -> Reference | None:
    """Return the reference that a selfie became, or None if it is gone."""
    row = await conn.fetchrow(
        "select id, guest_id, engine_face_id, kind from reference where selfie_id = $1", selfie_id
    )
    return None if row is None else Reference.of(dict(row))


async def list_selfies(
    conn: Connection, guest_id: GuestId, vectors: Sequence[EngineFaceId]
) -> set[SelfieId]:
    """Return a guest's selfies among vectors of the event's present collection."""
    rows = await conn.fetch(
        """
        select selfie_id from reference join event on event.id = event_id
         where guest_id = $1 and kind = 'selfie' and engine_face_id = any($2)
           and reference.generation = event.generation""",
        guest_id,
        vectors,
    )
    return {SelfieId(row["selfie_id"]) for row in rows}


async def list_unsearched(conn: Connection, event_id: EventId) -> list[Reference]:
    """Return the references on photos that wait for their first search.

    (Those of selfies have a job of their own, which puts them before everything else.)
    """
    rows = await conn.fetch(
        """
        select id, guest_id, engine_face_id, kind from reference
         where event_id = $1 and not searched and selfie_id is null
           and generation = (select generation from event where id = $1)
         order by number""",
        event_id,
    )
    return [Reference.of(dict(row)) for row in rows]


async def renew_expansions(conn: Connection, event_id: EventId, expansion: QueryExpansion) -> None:
    """Make references of the strongest matches of selfies and confirmed faces.

    Those whose face is another guest's meanwhile, or whose guest is a nearer face of the photo, are
    deleted with their matches.
    """
    await conn.execute(
        """
        delete from reference
         where event_id = $1 and kind = 'expansion'
           and not exists (select from judged_match as match
                            where match.reference_id = reference.parent_id
                              and match.face_id = reference.face_id and counts)""",
        event_id,
    )
    rows = await conn.fetch(
        """
        with strong as (
            select distinct on (match.guest_id, match.face_id)
                   match.guest_id, match.face_id, match.reference_id, match.similarity
              from reference join judged_match as match on match.reference_id = reference.id
                   join event on event.id = reference.event_id
                             and event.generation = match.generation
             where reference.event_id = $1 and reference.kind <> 'expansion' and similarity >= $2
               and counts
               and not exists (select from verdict where verdict.guest_id = match.guest_id
                                  and verdict.photo_id = match.photo_id and says = 'not_me')
             order by match.guest_id, match.face_id, match.similarity desc),
        ranked as (
            select *, row_number() over (partition by guest_id
                                         order by similarity desc, face_id) as rank from strong)
        select ranked.guest_id, ranked.face_id, ranked.reference_id from ranked
         where rank <= $3
           and not exists (select from reference where reference.guest_id = ranked.guest_id
                              and reference.face_id = ranked.face_id)""",
        event_id,
        expansion.anchor,
        expansion.most,
    )
    if not rows:
        return
    numbers = await take_numbers(conn, event_id, len(rows))
    await conn.executemany(
        """
        insert into reference (event_id, guest_id, kind, face_id, parent_id, engine_face_id, number,
                               generation, indexed_at)
        select $1, $2, 'expansion', face.id, $4, face.engine_face_id, $5, face.generation,
               face.indexed_at
          from face where face.id = $3
        on conflict (guest_id, face_id) do nothing""",
        [
            (event_id, row["guest_id"], row["face_id"], row["reference_id"], number)
            for row, number in zip(rows, numbers, strict=True)
        ],
    )


async def take_numbers(conn: Connection, event_id: EventId, count: int) -> range:
    """Return the next *count* numbers for references of an event, which nobody else gets.

    All pairs of a reference under a new number and a face are open (see matching.py).
    """
    last: int = await conn.fetchval(
        """
        update event set last_reference = last_reference + $2 where id = $1
        returning last_reference""",
        event_id,
        count,
    )
    return range(last - count + 1, last + 1)


async def list_replacing(conn: Connection, event_id: EventId) -> list[Reference]:
    """Return the selfies that are compared with every face, and replace others that are there."""
    rows = await conn.fetch(
        """
        select reference.id, reference.guest_id, engine_face_id, kind
          from reference join selfie on selfie.id = selfie_id
         where event_id = $1 and searched and replaces
           and exists (select from reference as older
                        where older.guest_id = reference.guest_id and older.kind = 'selfie'
                          and older.selfie_id < reference.selfie_id)
           and not exists (select from face
                            where face.event_id = $1 and face.number > reference.covered_upto
                              and face.covered_upto < reference.number)
         order by reference.selfie_id""",
        event_id,
    )
    return [Reference.of(dict(row)) for row in rows]


async def retire_selfies(conn: Connection, reference: Reference) -> list[EngineFaceId]:
    """Remove a guest's selfies before this one, if it replaces them; return vectors to forget.

    Faces that they confirmed, and that do not resemble this selfie, are searched on no longer: it
    may show somebody else.
    """
    rows = await conn.fetch(
        """
        delete from reference
         where guest_id = $1 and kind = 'selfie'
           and selfie_id < (select selfie_id from reference join selfie on selfie.id = selfie_id
                             where reference.id = $2 and replaces)
        returning selfie_id, engine_face_id""",
        reference.guest_id,
        reference.id,
    )
    await conn.execute("delete from selfie where id = any($1)", [row["selfie_id"] for row in rows])
    if rows:
        await conn.execute(
            """
            delete from reference as confirmed using event_threshold
             where confirmed.guest_id = $1 and confirmed.kind = 'confirmed'
               and event_threshold.event_id = confirmed.event_id
               and not exists (
                   select from match join reference as selfie on selfie.id = match.reference_id
                    where selfie.guest_id = $1 and selfie.kind = 'selfie'
                      and match.face_id = confirmed.face_id
                      and match.similarity >= event_threshold.maybe)""",
            reference.guest_id,
        )
    return [EngineFaceId(row["engine_face_id"]) for row in rows]


async def any_of(conn: Connection, event_id: EventId) -> bool:
    """Whether anybody is looked for in an event."""
    found: bool = await conn.fetchval(
        "select exists (select from reference where event_id = $1)", event_id
    )
    return found


async def still_used(conn: Connection, faces: Sequence[EngineFaceId]) -> set[EngineFaceId]:
    """Return those vectors that a face or reference names: not to be forgotten yet."""
    rows = await conn.fetch(
        """
        select engine_face_id from face where engine_face_id = any($1)
        union select engine_face_id from reference where engine_face_id = any($1)""",
        list(faces),
    )
    return {EngineFaceId(row["engine_face_id"]) for row in rows}
