"""The preview of thresholds: what an event's guests would see at other similarities.

Matches are stored from a floor below the thresholds, so a preview costs no search. Pairs of a
guest and a photo with a verdict are counted apart: the verdict holds at any threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from findme.db import Connection
from findme.errors import NotFound
from findme.models import Box, EventId, FaceId, PhotoId, UserId

#: The highest similarity of the table; pairs above it are counted with it.
TOP = 99
#: The distance from a threshold within which a pair is a borderline case.
NEAR = 6.0


@dataclass(frozen=True, slots=True)
class Step:
    """Pairs of at least a similarity: without a verdict, confirmed, and rejected."""

    similarity: Annotated[int, Meta(description="The pairs from here on are counted.")]
    pairs: int
    confirmed: int
    refused: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Pairs at two thresholds: sure ones, and those between."""

    sure: Annotated[
        int, Meta(description="Pairs of guest and photo of which the guest said nothing.")
    ]
    maybe: int
    confirmed_sure: Annotated[int, Meta(description="Pairs of which the guest said that's me.")]
    confirmed_maybe: int
    refused_sure: Annotated[int, Meta(description="Pairs of which the guest said that's not me.")]
    refused_maybe: int


@dataclass(frozen=True, slots=True)
class Border:
    """A pair near a threshold without a verdict of its guest.

    *beside* is a face that surely is the guest's, on another photo; None if there is none.
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

    A pair is a guest and a photo that guests can see; it counts with its best match.
    """
    rows = await conn.fetch(
        """
        select least(floor(similarity), $4)::int as step, coalesce(says, '') as says,
               similarity >= $2 as sure, similarity >= $3 as maybe, count(*) as pairs
          from photo_guest join photo on photo.id = photo_id
         where photo_guest.event_id = $1 and visible and similarity is not null
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
        with border as (
            select guest_id, photo_id, face_id, similarity
              from photo_guest join photo on photo.id = photo_id
             where photo_guest.event_id = $1 and visible and says is null
               and abs(similarity - $2) <= $5
             order by abs(similarity - $2), similarity desc, photo_id limit $4)
        select account.id as user_id, account.name, border.photo_id, border.similarity,
               border.face_id, known.face_id as beside
          from border join guest on guest.id = border.guest_id
          join account on account.id = guest.account_id
               left join lateral (
                 select face_id from photo_guest
                  where guest_id = border.guest_id and photo_id <> border.photo_id
                    and face_id is not null
                    and (says = 'me'
                         or says is null and similarity >= $3 and similarity > border.similarity)
                  order by says, similarity desc nulls last limit 1) as known on true
         order by abs(border.similarity - $2), border.similarity desc, photo_id""",
        event_id,
        at,
        sure,
        limit,
        NEAR,
    )
    return [Border(**row) for row in rows]


async def find_face(conn: Connection, face_id: FaceId) -> tuple[PhotoId, Box]:
    """Return a face's photo and its box on it; NotFound if there is no such face."""
    row = await conn.fetchrow(
        "select photo_id, box_left, box_top, box_width, box_height from face where id = $1", face_id
    )
    if row is None:
        raise NotFound
    box = Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"])
    return PhotoId(row["photo_id"]), box
