"""Matching of faces without vectors: each is compared by its picture, from its side alone.

The coverage marks are those of `matching`. A face's search decides all pairs of it, so a reference
(a guest who joins later, say) is decided when every face of the event has been searched again: the
references' own marks move with `matching.close_sweep`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection
from findme.faces.matching import IDENTICAL, Horizon
from findme.models import Box, EventId, FaceId, PhotoId
from findme.recognition.types import QueryExpansion, Reference, Similar


@dataclass(frozen=True, slots=True)
class PhotoToCompare:
    """A photo with faces that some reference is not compared with."""

    id: PhotoId
    #: Where all of its faces are.
    boxes: Sequence[Box]
    #: Those to compare, by their position among the boxes.
    open: dict[int, FaceId]


@dataclass(frozen=True, slots=True)
class Left:
    """What is open after a sweep."""

    #: Pairs that a search could decide now.
    due: bool
    #: Pairs with a face that was never searched, or with a reference that may be searched for
    #: among all faces, and that the engine need not know yet.
    unsettled: bool
    #: Pairs of references whose turn among the faces that were searched before has not come.
    waiting: bool


async def again_upto(conn: Connection, event_id: EventId, *, period: float) -> int:
    """Return the last reference for which faces are searched again that were searched before.

    Those that were indexed within one period of the clock, in seconds, have their turn together
    when it is over: each turn costs a search for every face.
    """
    number: int = await conn.fetchval(
        """
        select coalesce(max(number), 0) from reference
         where event_id = $1
           and ($2 = 0 or indexed_at < to_timestamp(
                floor(extract(epoch from clock_timestamp()) / nullif($2, 0)) * $2))""",
        event_id,
        period,
    )
    return number


async def open_photos(
    conn: Connection, event_id: EventId, edge: Horizon, *, again: int, limit: int
) -> list[PhotoToCompare]:
    """Return up to *limit* photos with open pairs up to the horizon, the newest first.

    *again* is the last reference (see `again_upto`) for faces that were searched before.
    """
    rows = await conn.fetch(
        """
        with pending as materialized (
            select id, photo_id from face
             where event_id = $1 and number <= $2 and generation = $4 and engine_face_id is null
               and covered_upto < (select max(number) from reference
                                    where event_id = $1 and searched and number <= $3)
               and exists (select from reference
                            where event_id = $1 and searched and reference.generation = $4
                              and reference.number
                                  <= case when face.covered_upto = 0 then $3 else least($3, $5) end
                              and reference.covered_upto < face.number
                              and face.covered_upto < reference.number)),
        chosen as (select distinct photo_id from pending order by photo_id desc limit $6)
        select face.photo_id, face.id, box_left, box_top, box_width, box_height,
               pending.id is not null as is_open
          from chosen join face using (photo_id) left join pending on pending.id = face.id
         order by face.photo_id desc, face.id""",
        event_id,
        edge.face,
        edge.reference,
        edge.generation,
        again,
        limit,
    )
    found: dict[PhotoId, PhotoToCompare] = {}
    boxes: dict[PhotoId, list[Box]] = {}
    for row in rows:
        photo_id = PhotoId(row["photo_id"])
        places = boxes.setdefault(photo_id, [])
        photo = found.setdefault(photo_id, PhotoToCompare(photo_id, places, {}))
        if row["is_open"]:
            photo.open[len(places)] = FaceId(row["id"])
        places.append(Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"]))
    return list(found.values())


async def save_search(
    conn: Connection,
    event_id: EventId,
    face_id: FaceId,
    similar: Sequence[Similar],
    edge: Horizon,
    expansion: QueryExpansion | None,
) -> None:
    """Store which references a face resembles, and that it is compared with all of the horizon.

    The caller has locked the event. A photo that was deleted meanwhile has no face any more.
    """
    # in the order in which a deletion locks, before their rows are referred to
    await conn.execute(
        """
        select from photo where id = (select photo_id from face where id = $1) for key share""",
        face_id,
    )
    vectors = [item.engine_face_id for item in similar]
    await conn.execute(
        """
        select from guest
         where id in (select guest_id from reference
                       where event_id = $1 and engine_face_id = any($2))
         order by id for key share""",
        event_id,
        vectors,
    )
    await conn.execute(
        """
        insert into match (reference_id, face_id, guest_id, photo_id, similarity, generation)
        select reference.id, face.id, reference.guest_id, face.photo_id, max(found.similarity), $6
          from unnest($3::text[], $4::real[]) as found (reference, similarity)
          join reference on reference.event_id = $1
                        and reference.engine_face_id = found.reference
          join guest on guest.id = reference.guest_id and admitted_at is not null
          join face on face.id = $2
         where (reference.kind <> 'expansion' or found.similarity >= $5)
           and not exists (select from face as source
                            where source.id = reference.face_id and source.photo_id = face.photo_id)
         group by reference.id, face.id
        on conflict (reference_id, face_id) do update
           set similarity = excluded.similarity, generation = excluded.generation
         where match.generation <= excluded.generation""",
        event_id,
        face_id,
        vectors,
        [item.similarity for item in similar],
        IDENTICAL if expansion is None else expansion.match,
        edge.generation,
    )
    await conn.execute(
        """
        update face set covered_upto = greatest(covered_upto, $2)
         where id = $1 and generation = $3""",
        face_id,
        edge.reference,
        edge.generation,
    )


async def what_is_left(conn: Connection, event_id: EventId, edge: Horizon, *, again: int) -> Left:
    """Return whether pairs of the horizon's generation are open, and for what they wait."""
    row = await conn.fetchrow(
        """
        with pending as (
            select face.number as face, reference.number as reference,
                   face.covered_upto > 0 and reference.number > $5 as waiting
              from face join reference on reference.event_id = $1
                                      and reference.covered_upto < face.number
                                      and face.covered_upto < reference.number
             where face.event_id = $1 and face.engine_face_id is null and searched
               and face.generation = $4 and reference.generation = $4)
        select exists (select from pending
                        where face <= $2 and reference <= $3 and not waiting) as due,
               exists (select from pending
                        where (face > $2 or reference > $3) and not waiting) as unsettled,
               exists (select from pending where waiting) as waiting""",
        event_id,
        edge.face,
        edge.reference,
        edge.generation,
        again,
    )
    assert row is not None
    return Left(**row)


async def begin_search(conn: Connection, reference: Reference) -> None:
    """Let sweeps compare a selfie, which has no search of its own."""
    await conn.execute("update reference set searched = true where id = $1", reference.id)


@dataclass(frozen=True, slots=True)
class ComparisonProgress:
    """The photos of an event whose faces are compared with all guests, and all that have faces."""

    id: EventId
    name: str
    done: int
    total: int


async def list_progress(conn: Connection) -> list[ComparisonProgress]:
    """Return the events whose photos are being compared by their pictures, the newest first."""
    rows = await conn.fetch(
        """
        with pending as (
            select event.id, count(distinct photo_id) as photos
              from event join face on face.event_id = event.id
             where kept_faces = 'guests_only' and engine_face_id is null
               and face.generation = event.generation
               and covered_upto < (select max(number) from reference
                                    where reference.event_id = event.id)
               and exists (select from reference
                            where reference.event_id = event.id and searched
                              and reference.generation = event.generation
                              and reference.covered_upto < face.number
                              and face.covered_upto < reference.number)
             group by event.id)
        select event.id, event.name, total - pending.photos as done, total
          from pending join event using (id) cross join lateral (
               select count(*) as total from photo where event_id = event.id and faces > 0) as all_
         order by event.id desc"""
    )
    return [ComparisonProgress(**row) for row in rows]
