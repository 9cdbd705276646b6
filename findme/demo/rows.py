"""The rows of the demo: its photos as after an upload, its guests as after a search.

Faces and references are marked as decided, so that no search uses vectors that no engine has; and
no match is strong enough to become a reference.
"""

import hashlib
import random
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from findme.accounts import auth, guests
from findme.db import Connection
from findme.demo import pictures
from findme.demo.pictures import DemoPhoto
from findme.media import storage
from findme.media.storage import ImageOwner
from findme.models import EventId, GuestId, PhotoId, Size, UserId

#: A mark above all face numbers, so that no search is due.
_DECIDED = 2**62
#: Similarities of sure and of possible matches.
_SURE, _MAYBE = (90.4, 94.8), (81.0, 88.5)


async def store(
    conn: Connection,
    event_id: EventId,
    photos: Sequence[DemoPhoto],
    users: Sequence[UserId],
    selfies: Sequence[bytes],
    joined: Sequence[int],
    start: datetime,
) -> None:
    """Store an event's photos, its guests, and what an engine would have found."""
    tokens = []
    for label in ("Théo Garnier", "Studio Lumen"):
        token_id, _ = await auth.create_upload_token(conn, event_id, label)
        tokens.append((token_id, label))
    faces: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, photo in enumerate(photos):
        token_id, credit = tokens[number % 3 == 0]
        taken_at = start + timedelta(seconds=photo.seconds)
        serial = 4100 + 7 * number
        photo_id = await _photo(conn, event_id, photo, taken_at, serial, token_id, credit)
        missed = number % 4 == 0
        for person, face_id in await _faces(conn, event_id, photo_id, photo, taken_at, missed):
            faces[person].append((photo_id, face_id))
    await conn.execute(
        """
        update upload_token set last_used_at = (
            select max(uploaded_at) from photo where upload_token_id = upload_token.id)
         where event_id = $1""",
        event_id,
    )
    members = {}
    for person in joined:
        members[person] = await _guest(
            conn, event_id, users[person], selfies[person], faces[person], person, start
        )
    await _people(conn, event_id, faces, members)


async def _photo(
    conn: Connection,
    event_id: EventId,
    photo: DemoPhoto,
    taken_at: datetime,
    serial: int,
    token_id: int,
    credit: str,
) -> PhotoId:
    arrived = taken_at + timedelta(seconds=38 + serial % 40)
    photo_id: PhotoId = await conn.fetchval(
        """
        insert into photo (event_id, upload_token_id, digest, filename, width, height, taken_at,
                           uploaded_at, ready_at, matched_at, state, placeholder, faces, credit)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8::timestamptz + interval '3 s',
                $8::timestamptz + interval '8 s',
                'indexed', $9, $10, $11) returning id""",
        event_id,
        token_id,
        hashlib.sha256(photo.jpeg).digest(),
        f"DSC_{serial:04}.JPG",
        photo.width,
        photo.height,
        taken_at,
        arrived,
        photo.renditions.placeholder,
        len(photo.faces),
        credit,
    )
    for size, data in (
        (Size.ORIGINAL, photo.jpeg),
        (Size.PREVIEW, photo.renditions.preview),
        (Size.THUMB, photo.renditions.thumb),
    ):
        await storage.store_bytes(conn, data, ImageOwner(photo_id=photo_id), size=size)
    await conn.execute(
        """
        insert into job (kind, event_id, photo_id, label, state, priority, attempts, created_at,
                         started_at, finished_at)
        values ('index_photo', $1, $2, $3, 'done', 2, 1, $4,
                $4::timestamptz + interval '1 s', $4::timestamptz + interval '5 s')""",
        event_id,
        photo_id,
        f"DSC_{serial:04}.JPG",
        arrived,
    )
    return photo_id


async def _faces(
    conn: Connection,
    event_id: EventId,
    photo_id: int,
    photo: DemoPhoto,
    taken_at: datetime,
    missed: bool,
) -> list[tuple[int, int]]:
    """Store a photo's faces, and return person and face; if *missed*, one of a group is missing."""
    found = []
    for place, (person, box) in enumerate(photo.faces):
        sides = (box.left, box.top, box.width, box.height)
        if len(photo.faces) > 3 and place == 0 and missed:
            await conn.execute(
                """
                insert into missed_face (photo_id, box_left, box_top, box_width, box_height,
                                         confidence, reasons)
                values ($1, $2, $3, $4, $5, 91.5, '{LOW_SHARPNESS}')""",
                photo_id,
                *sides,
            )
            continue
        face_id = await conn.fetchval(
            """
            with counted as (update event set last_face = last_face + 1 where id = $1
                             returning last_face)
            insert into face (event_id, photo_id, engine_face_id, number, covered_upto, box_left,
                              box_top, box_width, box_height, confidence, brightness, sharpness,
                              indexed_at)
            select $1, $2, gen_random_uuid()::text, last_face, $3, $4, $5, $6, $7, 99.6, 78, 82,
                   $8 from counted returning id""",
            event_id,
            photo_id,
            _DECIDED,
            *sides,
            taken_at,
        )
        found.append((person, face_id))
    return found


async def damaged(conn: Connection, event_id: EventId, start: datetime) -> None:
    """Add a photo that could not be decoded, for the pages that show failures."""
    error = "The picture is damaged or cut off."
    photo_id = await conn.fetchval(
        """
        insert into photo (event_id, digest, filename, width, height, uploaded_at, state, error)
        values ($1, $2, 'DSC_4999.JPG', 6000, 4000, $3, 'failed', $4) returning id""",
        event_id,
        secrets.token_bytes(32),
        start + timedelta(hours=5),
        error,
    )
    await conn.execute(
        """
        insert into job (kind, event_id, photo_id, label, state, priority, attempts, error,
                         created_at, started_at, finished_at)
        values ('index_photo', $1, $2, 'DSC_4999.JPG', 'failed', 2, 1, $3, $4, $4, $4)""",
        event_id,
        photo_id,
        error,
        start + timedelta(hours=5),
    )


# Guests -------------------------------------------------------------------------------------------


async def _guest(
    conn: Connection,
    event_id: EventId,
    user_id: UserId,
    selfie: bytes,
    faces: Sequence[tuple[int, int]],
    person: int,
    start: datetime,
) -> GuestId:
    """Add a guest with the photos that show them: most are sure, some uncertain."""
    guest_id = await guests.join(
        conn,
        event_id,
        user_id,
        consent_text="I agree that my face is used to find my photos of this event.",
        language="fr",
    )
    joined = start + timedelta(minutes=12 + 9 * person)
    await conn.execute("update guest set joined_at = $2 where id = $1", guest_id, joined)
    selfie_id = await conn.fetchval(
        """
        insert into selfie (guest_id, state, created_at) values ($1, 'accepted', $2)
        returning id""",
        guest_id,
        joined,
    )
    await storage.store_bytes(conn, selfie, ImageOwner(selfie_id=selfie_id), size=Size.ORIGINAL)
    reference_id = await conn.fetchval(
        """
        with counted as (update event set last_reference = last_reference + 1 where id = $1
                         returning last_reference)
        insert into reference (event_id, guest_id, selfie_id, engine_face_id, number, covered_upto,
                               searched, indexed_at)
        select $1, $2, $3, gen_random_uuid()::text, last_reference, $4, true, $5 from counted
        returning id""",
        event_id,
        guest_id,
        selfie_id,
        _DECIDED,
        joined,
    )
    chance = random.Random(person)  # noqa: S311  # a drawing
    await conn.executemany(
        """
        insert into match (reference_id, face_id, guest_id, photo_id, similarity, found_at)
        select $1, $2, $3, $4, $5, ready_at + interval '5 s' from photo where id = $4""",
        [
            (
                reference_id,
                face_id,
                guest_id,
                photo_id,
                round(chance.uniform(*(_MAYBE if number % 7 == 2 else _SURE)), 1),
            )
            for number, (photo_id, face_id) in enumerate(faces)
        ],
    )
    return guest_id


async def _people(
    conn: Connection,
    event_id: EventId,
    faces: Mapping[int, Sequence[tuple[int, int]]],
    members: Mapping[int, GuestId],
) -> None:
    """Group the faces by person, as the admin's page shows them."""
    for person, found in sorted(faces.items()):
        person_id = await conn.fetchval(
            "insert into person (event_id, guest_id, name) values ($1, $2, $3) returning id",
            event_id,
            members.get(person),
            None if person in members else pictures.cast()[person],
        )
        await conn.executemany(
            "insert into person_face (face_id, person_id) values ($1, $2)",
            [(face_id, person_id) for _, face_id in found],
        )
