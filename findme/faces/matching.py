"""Which searches to make so that every pair of guest and face is compared once, and no more.

A search from either end decides a pair. Faces and references (what a guest looks like) are
numbered in the order of their commits, and both carry the number up to which the other side is
decided: `covered_upto`. A pair (r, f) is open while r.covered_upto < f.number and
f.covered_upto < r.number. A mark is written in the transaction that stores the search's answer, so
a crash costs at most a search made twice.

A search decides only what was indexed *settle* seconds before it began: the engine need not find a
vector at once. The searched vector itself is known to it.

During a re-index (see reindex_state) only faces and references of the event's present generation
are compared; one of an earlier generation gets a new number when it is indexed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection
from findme.models import EngineFaceId, EventId, FaceId
from findme.recognition.types import QueryExpansion, Reference, Similar
from findme.rekognition import MAX_MATCHES

#: The similarity of a vector to itself; the engine gives both ends the same id.
IDENTICAL = 100.0


@dataclass(frozen=True, slots=True)
class OpenFace:
    """A face with open pairs."""

    id: FaceId
    engine_face_id: EngineFaceId


@dataclass(frozen=True, slots=True)
class Horizon:
    """Up to which numbers the faces and references of one generation are settled."""

    face: int
    reference: int
    generation: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The searches of one sweep; one of the two lists is empty, but for truncated answers."""

    horizon: Horizon
    references: Sequence[Reference]
    faces: Sequence[OpenFace]
    #: Vectors younger than the horizon wait for the next sweep.
    unsettled: bool


async def horizon(conn: Connection, event_id: EventId, *, settle: float) -> Horizon:
    """Return what a search that begins now decides.

    It ends below the first vector that is not settled, and not at the last that is: a face that
    becomes a reference late brings an old vector under a new number.
    """
    row = await conn.fetchrow(
        """
        with fresh as (select clock_timestamp() - make_interval(secs => $2) as since)
        select coalesce((select min(number) - 1 from face, fresh
                          where event_id = $1 and indexed_at > since),
                        (select max(number) from face where event_id = $1), 0) as face,
               coalesce((select min(number) - 1 from reference, fresh
                          where event_id = $1 and indexed_at > since),
                        (select max(number) from reference where event_id = $1), 0)
                   as reference,
               coalesce((select generation from event where id = $1), 0) as generation""",
        event_id,
        settle,
    )
    assert row is not None
    return Horizon(row["face"], row["reference"], row["generation"])


async def plan_sweep(conn: Connection, event_id: EventId, *, settle: float) -> Plan:
    """Return the fewest searches that close the settled open pairs of an event.

    With one block of new faces that is one search for each face or each reference, whichever are
    fewer (rekognition-facts, section 3: a minimum vertex cover of the open pairs).
    """
    edge = await horizon(conn, event_id, settle=settle)
    faces = await conn.fetch(
        """
        select face.id, face.engine_face_id from face
         where face.event_id = $1 and face.number <= $2 and face.generation = $4
           and face.number > (select coalesce(min(covered_upto), 0) from reference
                               where event_id = $1 and searched and generation = $4)
           and exists (select from reference
                        where event_id = $1 and searched and reference.number <= $3
                          and reference.generation = $4
                          and reference.covered_upto < face.number
                          and face.covered_upto < reference.number)
         order by face.number""",
        event_id,
        edge.face,
        edge.reference,
        edge.generation,
    )
    references = await conn.fetch(
        """
        select reference.id, reference.guest_id, reference.engine_face_id, reference.kind
          from reference
         where reference.event_id = $1 and searched and reference.number <= $3
           and reference.covered_upto < $2 and reference.generation = $4
           and exists (select from face
                        where event_id = $1 and face.number <= $2 and face.generation = $4
                          and face.number > reference.covered_upto
                          and face.covered_upto < reference.number)
         order by reference.number""",
        event_id,
        edge.face,
        edge.reference,
        edge.generation,
    )
    unsettled: bool = await conn.fetchval(
        """
        select exists (select from face where event_id = $1 and number > $2)
           and exists (select from reference where event_id = $1)
            or exists (select from reference where event_id = $1 and searched and number > $3
                          and covered_upto < $2 and generation = $4)""",
        event_id,
        edge.face,
        edge.reference,
        edge.generation,
    )
    from_faces = len(faces) < len(references)
    return Plan(
        horizon=edge,
        references=[] if from_faces else [Reference.of(dict(row)) for row in references],
        faces=[OpenFace(**row) for row in faces] if from_faces else [],
        unsettled=unsettled,
    )


async def open_faces(conn: Connection, reference: Reference, edge: Horizon) -> list[OpenFace]:
    """Return the faces that a reference is not compared with, up to the horizon."""
    rows = await conn.fetch(
        """
        select face.id, face.engine_face_id
          from reference join face on face.event_id = reference.event_id
         where reference.id = $1 and face.number <= $2 and face.generation = $3
           and face.number > reference.covered_upto and face.covered_upto < reference.number
         order by face.number""",
        reference.id,
        edge.face,
        edge.generation,
    )
    return [OpenFace(**row) for row in rows]


async def save_reference_search(
    conn: Connection,
    reference: Reference,
    similar: Sequence[Similar],
    edge: Horizon,
    expansion: QueryExpansion | None = None,
) -> bool:
    """Store what a search from a reference found, and what it decided.

    False if the answer was cut off at MAX_MATCHES: then nothing counts as decided, and the open
    faces are to be searched from their side.
    """
    cut_off = len(similar) >= MAX_MATCHES
    event_id = await conn.fetchval("select event_id from reference where id = $1", reference.id)
    own = Similar(reference.engine_face_id, IDENTICAL)
    pairs = [(reference.engine_face_id, item) for item in (own, *similar)]
    await _store(
        conn,
        event_id,
        references=[vector for vector, _ in pairs],
        faces=[item.engine_face_id for _, item in pairs],
        similarities=[item.similarity for _, item in pairs],
        generation=edge.generation,
        expansion=expansion,
    )
    # indexed again since, it has another vector: this answer decides nothing of that one
    await conn.execute(
        """
        update reference set searched = true, covered_upto = greatest(covered_upto, $2)
         where id = $1 and generation = $3""",
        reference.id,
        0 if cut_off else edge.face,
        edge.generation,
    )
    return not cut_off


async def save_face_search(
    conn: Connection,
    face: OpenFace,
    similar: Sequence[Similar],
    edge: Horizon,
    expansion: QueryExpansion | None = None,
) -> None:
    """Store what a search from a photo's face found, and what it decided."""
    event_id = await conn.fetchval("select event_id from face where id = $1", face.id)
    own = Similar(face.engine_face_id, IDENTICAL)
    found = [own, *similar]
    await _store(
        conn,
        event_id,
        references=[item.engine_face_id for item in found],
        faces=[face.engine_face_id] * len(found),
        similarities=[item.similarity for item in found],
        generation=edge.generation,
        expansion=expansion,
    )
    if len(similar) < MAX_MATCHES:
        await conn.execute(
            """
            update face set covered_upto = greatest(covered_upto, $2)
             where id = $1 and generation = $3""",
            face.id,
            edge.reference,
            edge.generation,
        )


async def _store(
    conn: Connection,
    event_id: EventId | None,
    *,
    references: Sequence[EngineFaceId],
    faces: Sequence[EngineFaceId],
    similarities: Sequence[float],
    generation: int,
    expansion: QueryExpansion | None,
) -> None:
    """Store the similarities of vectors, pair by pair, if they are a reference and a face.

    A reference that was taken from a photo finds itself there, and its mirror image: that says
    nothing of this photo and is left out. So is a guest who waits to be admitted.
    """
    await _hold(conn, event_id, faces=faces, references=references)
    await conn.execute(
        """
        insert into match (reference_id, face_id, guest_id, photo_id, similarity, generation)
        select reference.id, face.id, reference.guest_id, face.photo_id, max(found.similarity), $6
          from unnest($2::text[], $3::text[], $4::real[]) as found (reference, face, similarity)
          join reference on reference.event_id = $1
                        and reference.engine_face_id = found.reference
          join guest on guest.id = reference.guest_id and admitted_at is not null
          join face on face.event_id = $1 and face.engine_face_id = found.face
         where (reference.kind <> 'expansion' or found.similarity >= $5)
           and not exists (select from face as source
                            where source.id = reference.face_id and source.photo_id = face.photo_id)
         group by reference.id, face.id
        on conflict (reference_id, face_id) do update
           set similarity = case when match.generation < excluded.generation
                                 then excluded.similarity
                                 else greatest(match.similarity, excluded.similarity) end,
               generation = excluded.generation
         where match.generation <= excluded.generation""",
        event_id,
        references,
        faces,
        similarities,
        IDENTICAL if expansion is None else expansion.match,
        generation,
    )


async def _hold(
    conn: Connection,
    event_id: EventId | None,
    *,
    faces: Sequence[EngineFaceId],
    references: Sequence[EngineFaceId],
) -> None:
    """Keep the photos and guests of these vectors from being deleted in this transaction.

    Before their faces and references are touched, since a deletion locks in that order as well.
    The caller locks the event before (events.lock): its deletion takes guests first, then photos.
    """
    await conn.execute(
        """
        select from photo
         where id in (select photo_id from face where event_id = $1 and engine_face_id = any($2))
         order by id for key share""",
        event_id,
        faces,
    )
    await conn.execute(
        """
        select from guest
         where id in (select guest_id from reference
                       where event_id = $1 and engine_face_id = any($2))
         order by id for key share""",
        event_id,
        references,
    )


async def close_sweep(conn: Connection, event_id: EventId, edge: Horizon) -> None:
    """Move the references' marks up to a sweep's horizon if no pair below it is open.

    A match of an earlier generation ends once its face and its reference are compared in this one:
    if it is still true, it was found again.
    """
    await conn.execute(
        """
        update reference set covered_upto = $2
         where event_id = $1 and searched and number <= $3 and covered_upto < $2
           and generation = $4
           and not exists (select from face
                            where event_id = $1 and face.number <= $2 and face.generation = $4
                              and face.number > reference.covered_upto
                              and face.covered_upto < reference.number)""",
        event_id,
        edge.face,
        edge.reference,
        edge.generation,
    )
    await conn.execute(
        """
        delete from match using reference, face
         where reference.id = match.reference_id and face.id = match.face_id
           and reference.event_id = $1 and match.generation < $2
           and reference.generation = $2 and face.generation = $2 and reference.searched
           and (reference.covered_upto >= face.number or face.covered_upto >= reference.number)""",
        event_id,
        edge.generation,
    )
