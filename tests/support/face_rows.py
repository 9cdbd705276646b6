"""Photos and references of an event, as rows."""

import uuid

from findme.db import Connection
from findme.gallery import events, photos
from findme.models import Box, EngineFaceId, EventId, PhotoState
from findme.recognition.types import IndexedFace, IndexResult


async def add_photo(conn: Connection, event_id: EventId, number: int, vectors: list[str]) -> None:
    """Add a photo that was indexed with these vectors."""
    new = photos.NewPhoto(
        digest=number.to_bytes(32, "big"), filename=f"{number}.jpg", width=640, height=480
    )
    photo_id = await photos.add(conn, event_id, new)
    assert photo_id is not None
    found = [IndexedFace(EngineFaceId(vector), Box(0, 0, 1, 1), 99.0) for vector in vectors]
    photo = photos.Photo(photo_id, event_id, f"{number}.jpg", PhotoState.RECEIVED, 640, 480)
    event = await events.get(conn, event_id)
    await photos.save_faces(conn, photo, event, IndexResult(found, []))


async def add_reference(conn: Connection, event_id: EventId, person: int) -> str:
    """Add a guest whose selfie is indexed and had its first search; return the vector."""
    vector = str(uuid.uuid4())
    await conn.execute(
        """
        with who as (insert into account (role, name, email, password_hash)
                     values ('guest', $2, $2 || '@example.org', '-') returning id),
             part as (insert into guest (event_id, account_id, consent_at, consent_text,
                                         consent_language)
                      select $1, id, now(), '-', 'en' from who returning id),
             shown as (insert into selfie (guest_id, state) select id, 'accepted' from part
                       returning id, guest_id),
             counted as (update event set last_reference = last_reference + 1 where id = $1
                         returning last_reference)
        insert into reference (event_id, guest_id, selfie_id, engine_face_id, number, searched,
                               indexed_at)
        select $1, guest_id, shown.id, $3, last_reference, true, now() from shown, counted""",
        event_id,
        str(person),
        vector,
    )
    return vector
