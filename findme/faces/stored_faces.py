"""The stored faces of a photo, merged from all its indexings.

A photo may be indexed again: more thoroughly, at a higher resolution, by another engine. A face
that is found again keeps its row, since verdicts and edits refer to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from findme.db import Connection, Record
from findme.models import Box, EngineFaceId, EventId, FaceId, PhotoId
from findme.recognition.types import IndexedFace, IndexResult

#: Intersection over union from which two boxes on a photo are the same face.
SAME_FACE = 0.4


@dataclass(frozen=True, slots=True)
class Merged:
    """How an answer changed a photo's faces."""

    #: The number of faces that were not known before.
    new: int
    #: Vectors of earlier answers that no face of the photo has any more.
    dropped: Sequence[EngineFaceId]


async def merge(
    conn: Connection, event_id: EventId, photo_id: PhotoId, result: IndexResult
) -> Merged:
    """Merge an answer's faces into a photo's; idempotent.

    New faces are numbered under the event's row lock, which the caller holds or gets here: the
    order of numbers is the order of commits, which the coverage marks of matching rest on.
    """
    rows = await conn.fetch(
        """
        select id, engine_face_id, generation, box_left, box_top, box_width, box_height
          from face where photo_id = $1""",
        photo_id,
    )
    generation: int = await conn.fetchval("select generation from event where id = $1", event_id)
    kept, new = _sort(rows, result)
    await conn.execute(
        "delete from face where photo_id = $1 and id <> all($2)", photo_id, list(kept)
    )
    # the vectors of an earlier collection were deleted with it
    known = {row["id"]: row["engine_face_id"] for row in rows if row["generation"] == generation}
    for face_id, face in kept.items():
        if face_id not in known or face.engine_face_id != known[face_id]:
            await _renew(conn, event_id, face_id, face, generation)
    await _insert(conn, event_id, photo_id, new, generation)
    await conn.execute("delete from missed_face where photo_id = $1", photo_id)
    await conn.executemany(
        """
        insert into missed_face (photo_id, box_left, box_top, box_width, box_height, confidence,
                                 reasons)
        values ($1, $2, $3, $4, $5, $6, $7)""",
        [
            (photo_id, *_sides(face.box), face.confidence, list(face.reasons))
            for face in result.unindexed
        ],
    )
    await conn.execute(
        """
        update photo set state = 'indexed', error = null, faces = $2, generation = $3
         where id = $1""",
        photo_id,
        len(kept) + len(new),
        generation,
    )
    seen = {None, *result.vectors}
    return Merged(len(new), [vector for vector in known.values() if vector not in seen])


def _sort(
    rows: list[Record], result: IndexResult
) -> tuple[Mapping[FaceId, IndexedFace], list[IndexedFace]]:
    """Return the answer's faces that are stored already, by row, and those that are new."""
    left = {FaceId(row["id"]): row for row in rows}
    kept: dict[FaceId, IndexedFace] = {}
    new: list[IndexedFace] = []
    for face in result.faces:
        same = None
        if face.engine_face_id is not None:
            same = next(
                (key for key, row in left.items() if row["engine_face_id"] == face.engine_face_id),
                None,
            )
        if same is None and left:
            nearest = max(left, key=lambda key: overlap(_box(left[key]), face.box))
            same = nearest if overlap(_box(left[nearest]), face.box) >= SAME_FACE else None
        if same is None:
            new.append(face)
        else:
            kept[same] = face
            del left[same]
    return kept, new


async def _renew(
    conn: Connection, event_id: EventId, face_id: FaceId, face: IndexedFace, generation: int
) -> None:
    """Give a face its new vector, and a new number: every pair with it is open again.

    The same holds for the references that are this face.
    """
    number = await conn.fetchval(
        "update event set last_face = last_face + 1 where id = $1 returning last_face", event_id
    )
    await conn.execute(
        """
        update face set engine_face_id = $2, box_left = $3, box_top = $4, box_width = $5,
                        box_height = $6, confidence = $7, brightness = $8, sharpness = $9,
                        indexed_at = clock_timestamp(), number = $10, covered_upto = 0,
                        generation = $11
         where id = $1""",
        face_id,
        face.engine_face_id,
        *_sides(face.box),
        face.confidence,
        face.brightness,
        face.sharpness,
        number,
        generation,
    )
    await conn.execute(
        """
        with renewed as (select id, row_number() over (order by id) as place
                           from reference where face_id = $2),
             counted as (update event
                            set last_reference = last_reference + (select count(*) from renewed)
                          where id = $1 and exists (select from renewed)
                         returning last_reference - (select count(*) from renewed) as last)
        update reference set engine_face_id = $3, number = last + place, generation = $4,
                             covered_upto = 0, indexed_at = clock_timestamp()
          from renewed, counted where reference.id = renewed.id""",
        event_id,
        face_id,
        face.engine_face_id,
        generation,
    )


async def _insert(
    conn: Connection,
    event_id: EventId,
    photo_id: PhotoId,
    new: list[IndexedFace],
    generation: int,
) -> None:
    last: int = await conn.fetchval(
        "update event set last_face = last_face + $2 where id = $1 returning last_face",
        event_id,
        len(new),
    )
    await conn.executemany(
        """
        insert into face (event_id, photo_id, engine_face_id, number, box_left, box_top, box_width,
                          box_height, confidence, brightness, sharpness, generation, indexed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, clock_timestamp())""",
        [
            (
                event_id,
                photo_id,
                face.engine_face_id,
                number,
                *_sides(face.box),
                face.confidence,
                face.brightness,
                face.sharpness,
                generation,
            )
            for number, face in enumerate(new, start=last - len(new) + 1)
        ],
    )


def _sides(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.width, box.height


def _box(row: Record) -> Box:
    return Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"])


def overlap(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union, 0 to 1."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    common = max(0.0, width) * max(0.0, height)
    whole = one.width * one.height + other.width * other.height - common
    return common / whole if whole else 0.0
