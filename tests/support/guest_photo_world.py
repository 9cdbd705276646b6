"""A made-up event written straight into the tables, and which photos are whose in it by the rule.

The rule is told here a second time, in Python and photo by photo, to hold the database's views
against it (docs/architecture/guest-photos.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from findme import db
from findme.db import Connection, Pool
from findme.gallery import events
from findme.media import clean_originals
from findme.media.cleaning import plan as plans
from findme.media.cleaning.cleaner import Cleaned
from findme.media.cleaning.plan import Span
from findme.models import EventId, Gallery, PhotoId, Shelf
from findme.settings import Settings
from tests.support.helpers import Member, add_gala, member
from tests.support.one_guest_a_face import SAME_PERSON, settle

#: Similarities that PostgreSQL's `real` stores exactly.
SIMILARITIES = st.integers(120, 200).map(lambda half: half / 2)
#: When all matches were found, before now.
FOUND_BEFORE = timedelta(hours=1)
#: How many faces are on each photo.
FACES = 2


@dataclass(frozen=True)
class Match:
    """A selfie of a guest is that similar to a face of a photo."""

    guest: int
    selfie: int
    photo: int
    face: int
    similarity: float


@dataclass(frozen=True)
class Verdict:
    """What a guest says of a photo; *face* is None if they name no face."""

    says: str
    face: int | None


@dataclass(frozen=True)
class Scene:
    """Everything that decides which photos are whose; guests and photos are named by number."""

    setting: tuple[float, float]
    own: tuple[float | None, float | None]
    gallery: Gallery
    browse: bool
    #: ready, shown, waiting, hidden or deleted
    photos: list[str]
    guests: int
    #: Guests who wait to be admitted: they were not searched for, and could not say anything.
    waiting: frozenset[int]
    matches: list[Match]
    verdicts: Mapping[tuple[int, int], Verdict]

    @property
    def thresholds(self) -> tuple[float, float]:
        """The similarities from which a match is sure, and maybe."""
        sure, maybe = (own or usual for own, usual in zip(self.own, self.setting, strict=True))
        return sure, maybe

    def visible(self, photo: int) -> bool:
        return self.photos[photo] == "shown"

    def best(self, guest: int, photo: int) -> float | None:
        """Return the similarity of a guest's best match on a photo that counts as theirs."""
        verdict = self.verdicts.get((guest, photo))
        mine = None if verdict and verdict.says == "me" else self.faces_of_guests(photo).get(guest)
        found = [
            match.similarity
            for match in self.matches
            if (match.guest, match.photo) == (guest, photo)
            and (match.face == mine or (verdict and verdict.says == "me"))
        ]
        return max(found, default=None)

    def faces_of_guests(self, photo: int) -> dict[int, int]:
        """Return which face of a photo each guest is, by the nearest selfies."""
        nearest: dict[tuple[int, int], float] = {}
        for match in self.matches:
            if match.photo == photo:
                pair = (match.guest, match.face)
                nearest[pair] = max(nearest.get(pair, 0.0), match.similarity)
        return settle(
            nearest,
            taking_nothing={
                guest
                for (guest, of), verdict in self.verdicts.items()
                if of == photo and verdict.says == "not_me"
            },
            same_person=self.look_alike,
        )

    def look_alike(self, one: int, other: int) -> bool:
        """Whether both guests are surely the same face of some photo."""
        surely = [
            {
                (match.photo, match.face)
                for match in self.matches
                if match.guest == guest
                and match.similarity >= SAME_PERSON
                and self.photos[match.photo] != "deleted"
            }
            for guest in (one, other)
        ]
        return bool(surely[0] & surely[1])

    def found_shelf(self, guest: int, photo: int) -> Shelf | None:
        """Return the shelf of a photo if nobody had said anything."""
        best = self.best(guest, photo)
        sure, maybe = self.thresholds
        if best is not None and best >= sure:
            return Shelf.SURE
        return Shelf.MAYBE if best is not None and best >= maybe else None

    def shelf(self, guest: int, photo: int) -> Shelf | None:
        """Return the shelf on which a guest sees a photo as theirs."""
        if not self.visible(photo):
            return None
        found = self.found_shelf(guest, photo)
        verdict = self.verdicts.get((guest, photo))
        if verdict is None:
            return found
        if verdict.says == "not_me":
            return None
        best, maybe = self.best(guest, photo), self.thresholds[1]
        backed = best is not None and best >= maybe
        return Shelf.SURE if self.gallery is Gallery.EVERYONE or backed else found

    def opens(self, guest: int, photo: int) -> bool:
        """Whether a guest may open a photo."""
        if not self.visible(photo) or guest in self.waiting:
            return False
        mine = self.shelf(guest, photo) or self.found_shelf(guest, photo)
        return self.gallery is Gallery.EVERYONE or mine is not None


@dataclass(frozen=True)
class World:
    """A scene in the tables."""

    scene: Scene
    event: dict[str, Any]
    guests: list[Member]
    #: Ids by number; those of deleted photos are none any more.
    photo_ids: list[int]
    face_ids: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def event_id(self) -> EventId:
        return EventId(int(self.event["id"]))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Draw an event with up to three guests and five photos."""
    guests = draw(st.integers(1, 3))
    photos = draw(
        st.lists(
            st.sampled_from(["shown"] * 4 + ["received", "waiting", "hidden", "deleted"]),
            min_size=1,
            max_size=5,
        )
    )
    threshold = st.integers(130, 198).map(lambda half: half / 2)
    setting = sorted(draw(st.tuples(threshold, threshold)), reverse=True)
    pairs = st.tuples(st.integers(0, guests - 1), st.integers(0, len(photos) - 1))
    matched = draw(
        st.dictionaries(
            st.tuples(pairs, st.integers(0, 1), st.integers(0, FACES - 1)),
            SIMILARITIES,
            max_size=20,
        )
    )
    waiting = draw(st.frozensets(st.integers(0, guests - 1), max_size=1))
    verdicts = draw(
        st.dictionaries(
            pairs,
            st.one_of(
                st.just(Verdict("not_me", None)),
                st.builds(Verdict, st.just("me"), st.sampled_from([None, *range(FACES)])),
            ),
            max_size=6,
        )
    )
    return Scene(
        setting=(setting[0], setting[1]),
        own=(draw(st.none() | threshold), draw(st.none() | threshold)),
        gallery=draw(st.sampled_from(Gallery)),
        browse=draw(st.booleans()),
        photos=photos,
        guests=guests,
        waiting=waiting,
        matches=[
            Match(guest, selfie, photo, face, similarity)
            for ((guest, photo), selfie, face), similarity in matched.items()
            if guest not in waiting
        ],
        verdicts={pair: said for pair, said in verdicts.items() if pair[0] not in waiting},
    )


async def write(pool: Pool, settings: Settings, scene: Scene) -> World:
    """Write a scene into the tables, in the place of what was there before."""
    sure, maybe = scene.setting
    usual = replace(settings, face_match_threshold=sure, face_maybe_threshold=maybe)
    async with db.transaction(pool) as conn:
        await conn.execute("delete from event")
        await conn.execute("delete from account where role = 'guest'")
        await events.set_default_thresholds(conn, usual)
        event = await add_gala(conn)
        await conn.execute(
            """
            update event set gallery = $2, browse = $3, match_threshold = $4, maybe_threshold = $5
             where id = $1""",
            event.id,
            scene.gallery,
            scene.browse,
            *scene.own,
        )
    known = {"id": str(event.id)}
    guests = [await member(pool, known, f"{n}@example.org") for n in range(scene.guests)]
    async with db.transaction(pool) as conn:
        photo_ids = [
            await _add_photo(conn, event.id, number, state)
            for number, state in enumerate(scene.photos)
        ]
        world = World(scene, known, guests, photo_ids)
        for photo, photo_id in enumerate(photo_ids):
            for face in range(FACES):
                world.face_ids[photo, face] = await _add_face(conn, photo_id, face)
        await _add_matches(conn, world)
        for (guest, photo), verdict in scene.verdicts.items():
            await conn.execute(
                """
                insert into verdict (guest_id, photo_id, says, face_id, created_at)
                values ($1, $2, $3, $4, now() - $5::interval)""",
                guests[guest].guest_id,
                photo_ids[photo],
                verdict.says,
                None if verdict.face is None else world.face_ids[photo, verdict.face],
                FOUND_BEFORE,
            )
        for number in scene.waiting:
            await conn.execute(
                "update guest set admitted_at = null where id = $1", guests[number].guest_id
            )
        for guest_row in guests:
            await _follow(conn, guest_row, photo_ids)
        await conn.execute(
            "delete from photo where id = any($1)",
            [photo_ids[n] for n, state in enumerate(scene.photos) if state == "deleted"],
        )
    return world


async def _add_photo(conn: Connection, event_id: EventId, number: int, state: str) -> int:
    """Add a photo with the sizes of its pictures, and no byte of them."""
    photo_id: int = await conn.fetchval(
        """
        insert into photo (event_id, digest, filename, width, height, uploaded_at, ready_at, state,
                           faces, review)
        select $1, sha256($2::text::bytea), $2 || '.jpg', 4000, 3000, at, case when $3 then at end,
               'indexed', $4, $5
          from (select now() - interval '2 hours' as at) as clock returning id""",
        event_id,
        str(number),
        state != "received",
        FACES,
        state if state in ("waiting", "hidden") else "shown",
    )
    await conn.execute(
        """
        insert into image (photo_id, size, media_type, size_bytes, digest)
        select $1, size, 'image/jpeg', $2, encode(sha256(size::bytea), 'hex')
          from unnest(array['thumb', 'preview', 'original']) as size""",
        photo_id,
        10**number,
    )
    whole = Cleaned(plans.to_bytes([Span(0, 10**number)]), 10**number, "00" * 32)
    await clean_originals.store(conn, PhotoId(photo_id), whole)
    return photo_id


async def _add_face(conn: Connection, photo_id: int, number: int) -> int:
    face_id: int = await conn.fetchval(
        """
        with counted as (
            update event set last_face = last_face + 1
             where id = (select event_id from photo where id = $1) returning id, last_face)
        insert into face (event_id, photo_id, engine_face_id, number, box_left, box_top, box_width,
                          box_height, confidence, indexed_at)
        select id, $1, gen_random_uuid()::text, last_face, $2::real / 10, 0.1, 0.1, 0.1, 99, now()
          from counted returning id""",
        photo_id,
        number,
    )
    return face_id


async def _add_matches(conn: Connection, world: World) -> None:
    references = {
        (guest, selfie): await _add_selfie(conn, world.event_id, row.guest_id)
        for guest, row in enumerate(world.guests)
        for selfie in range(2)
    }
    await conn.executemany(
        """
        insert into match (reference_id, face_id, guest_id, photo_id, similarity, found_at)
        values ($1, $2, $3, $4, $5, now() - $6::interval)""",
        [
            (
                references[match.guest, match.selfie],
                world.face_ids[match.photo, match.face],
                world.guests[match.guest].guest_id,
                world.photo_ids[match.photo],
                match.similarity,
                FOUND_BEFORE,
            )
            for match in world.scene.matches
        ],
    )


async def _add_selfie(conn: Connection, event_id: EventId, guest_id: int) -> int:
    reference_id: int = await conn.fetchval(
        """
        with counted as (
            update event set last_reference = last_reference + 1 where id = $1
            returning last_reference),
        shown as (insert into selfie (guest_id, state) values ($2, 'accepted') returning id)
        insert into reference (event_id, guest_id, selfie_id, engine_face_id, number, searched,
                               indexed_at)
        select $1, $2, shown.id, gen_random_uuid()::text, last_reference, true, now()
          from counted, shown returning id""",
        event_id,
        guest_id,
    )
    return reference_id


async def _follow(conn: Connection, guest: Member, photo_ids: list[int]) -> None:
    """Let a guest mark all photos, and be notified of new ones since before the first."""
    await conn.execute(
        "insert into favourite (guest_id, photo_id) select $1, unnest($2::bigint[])",
        guest.guest_id,
        photo_ids,
    )
    await conn.execute(
        """
        insert into push_subscription (guest_id, endpoint, p256dh, auth, language, created_at)
        values ($1, 'https://push.example', '-', '-', 'en', now() - interval '1 day')""",
        guest.guest_id,
    )
