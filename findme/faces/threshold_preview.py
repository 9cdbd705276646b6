"""The rehearsal of thresholds: what an event's guests would be shown at other similarities.

Matches are stored from a floor below the thresholds on, so this costs no search. What guests said
of a pair (guest, photo) is counted apart: it stands whatever the thresholds are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection
from findme.errors import NotFound
from findme.models import Box, EventId, FaceId, PhotoId, UserId

#: The highest similarity of the table; all above are counted with it.
TOP = 99
#: How far from a threshold a pair is a border case.
NEAR = 6.0


@dataclass(frozen=True, slots=True)
class Step:
    """Pairs of at least a similarity: without a guest's word, confirmed, and refused."""

    similarity: int
    pairs: int
    confirmed: int
    refused: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Pairs at two thresholds: sure ones, and those between."""

    sure: int = 0
    maybe: int = 0
    #: What guests said "that's me" of, that the machine would hold for sure, or perhaps.
    confirmed_sure: int = 0
    confirmed_maybe: int = 0
    #: What guests said "that's not me" of, that the machine would hold for sure, or perhaps.
    refused_sure: int = 0
    refused_maybe: int = 0


@dataclass(frozen=True, slots=True)
class Border:
    """A pair near a threshold that its guest said nothing of.

    *beside* is a face that surely is the guest's, on another photo; None where there is none.
    """

    user_id: UserId
    name: str
    photo_id: PhotoId
    face_id: FaceId
    similarity: float
    beside: FaceId | None


async def count(
    conn: Connection, event_id: EventId, *, sure: float, maybe: float, floor: float
) -> tuple[list[Step], Tally]:
    """Return the pairs at each similarity from the floor to TOP, and at two thresholds.

    A pair counts with its best match; what a face of the very photo found there, as a guest's
    confirmation or a second hop, proves nothing and is left out.
    """
    rows = await conn.fetch(
        """
        with pair as (
            select match.guest_id, match.photo_id, max(similarity) as similarity
              from reference join match on match.reference_id = reference.id
             where reference.event_id = $1
               and (reference.face_id is null or not exists (
                   select from face where face.id = reference.face_id
                      and face.photo_id = match.photo_id))
             group by match.guest_id, match.photo_id)
        select least(floor(similarity), $4)::int as step, coalesce(says, '') as says,
               similarity >= $2 as sure, similarity >= $3 as maybe, count(*) as pairs
          from pair left join verdict using (guest_id, photo_id)
         group by 1, 2, 3, 4""",
        event_id,
        sure,
        maybe,
        TOP,
    )

    def sum_of(says: str, *, step: int = 0, is_sure: bool | None = None) -> int:
        return sum(
            row["pairs"]
            for row in rows
            if row["says"] == says
            and row["step"] >= step
            and (is_sure is None or (row["sure"] if is_sure else row["maybe"] and not row["sure"]))
        )

    steps = [
        Step(at, sum_of("", step=at), sum_of("me", step=at), sum_of("not_me", step=at))
        for at in range(int(floor), TOP + 1)
    ]
    tally = Tally(
        sure=sum_of("", is_sure=True),
        maybe=sum_of("", is_sure=False),
        confirmed_sure=sum_of("me", is_sure=True),
        confirmed_maybe=sum_of("me", is_sure=False),
        refused_sure=sum_of("not_me", is_sure=True),
        refused_maybe=sum_of("not_me", is_sure=False),
    )
    return steps, tally


async def list_borders(
    conn: Connection, event_id: EventId, *, at: float, sure: float, limit: int
) -> Sequence[Border]:
    """Return the pairs within NEAR of the similarity *at*, the nearest first.

    Beside each a better match of the same guest, from *sure* on, or a face that they confirmed.
    """
    rows = await conn.fetch(
        """
        with pair as (
            select match.guest_id, match.photo_id, max(similarity) as similarity
              from reference join match on match.reference_id = reference.id
             where reference.event_id = $1
               and (reference.face_id is null or not exists (
                   select from face where face.id = reference.face_id
                      and face.photo_id = match.photo_id))
             group by match.guest_id, match.photo_id),
        border as (
            select guest_id, photo_id, similarity from pair
             where abs(similarity - $2) <= $5
               and not exists (select from verdict where verdict.guest_id = pair.guest_id
                                  and verdict.photo_id = pair.photo_id)
             order by abs(similarity - $2), similarity desc, photo_id limit $4)
        select account.id as user_id, account.name, border.photo_id, border.similarity,
               (select face_id from match
                 where guest_id = border.guest_id and photo_id = border.photo_id
                   and similarity = border.similarity limit 1) as face_id,
               (select known.face_id
                  from (select face_id, 101 as similarity from verdict
                         where guest_id = border.guest_id and photo_id <> border.photo_id
                           and says = 'me' and face_id is not null
                         union all
                        select face_id, similarity from match
                         where guest_id = border.guest_id and photo_id <> border.photo_id
                           and similarity >= $3 and similarity > border.similarity
                           and not exists (select from verdict
                                            where verdict.guest_id = match.guest_id
                                              and verdict.photo_id = match.photo_id)) as known
                 order by similarity desc limit 1) as beside
          from border join guest on guest.id = border.guest_id
          join account on account.id = guest.account_id
         order by abs(border.similarity - $2), border.similarity desc, photo_id""",
        event_id,
        at,
        sure,
        limit,
        NEAR,
    )
    return [Border(**row) for row in rows]


async def find_face(conn: Connection, face_id: FaceId) -> tuple[PhotoId, Box]:
    """Return on which photo a face is, and where; NotFound where there is no such face."""
    row = await conn.fetchrow(
        "select photo_id, box_left, box_top, box_width, box_height from face where id = $1", face_id
    )
    if row is None:
        raise NotFound
    box = Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"])
    return PhotoId(row["photo_id"]), box
