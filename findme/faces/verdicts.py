"""Guests' verdicts on their photos. A verdict is stored apart from the matches, and overrides them.

A face that a guest confirms becomes a further reference for them if it resembles one of their
selfies: a word alone settles one photo and opens no other. "Not me" deletes every reference that
came from that photo, with the matches found from it.
"""

from findme.db import Connection
from findme.errors import NotAlike, NotFound
from findme.models import FaceId, GuestId, PhotoId


async def reject(conn: Connection, guest_id: GuestId, photo_id: PhotoId) -> None:
    """Record that a guest is not on a photo."""
    await conn.execute(
        """
        insert into verdict (guest_id, photo_id, says) values ($1, $2, 'not_me')
        on conflict (guest_id, photo_id)
        do update set says = 'not_me', face_id = null, created_at = now()""",
        guest_id,
        photo_id,
    )
    await _delete_references(conn, guest_id, photo_id)


async def confirm(
    conn: Connection, guest_id: GuestId, photo_id: PhotoId, face_id: FaceId | None
) -> bool:
    """Record that a guest is on a photo; True if a face became a further reference.

    The face is *face_id*, else the one that matched best, else the only one.
    NotFound if *face_id* is not on the photo; NotAlike if the gallery is `own` and the face
    resembles none of the guest's selfies.
    """
    face = await _face_of(conn, guest_id, photo_id, face_id)
    alike = face is not None and await _resembles_selfie(conn, guest_id, face)
    if not alike and await _is_own(conn, photo_id):
        raise NotAlike
    await conn.execute(
        """
        insert into verdict (guest_id, photo_id, says, face_id) values ($1, $2, 'me', $3)
        on conflict (guest_id, photo_id)
        do update set says = 'me', face_id = excluded.face_id, created_at = now()""",
        guest_id,
        photo_id,
        face,
    )
    # this verdict replaces an earlier confirmation of another face, or an expansion, on the photo
    await _delete_references(conn, guest_id, photo_id)
    if not alike or not await _has_vector(conn, face):
        return False
    number = await conn.fetchval(
        """
        update event set last_reference = last_reference + 1
         where id = (select event_id from photo where id = $1) returning last_reference""",
        photo_id,
    )
    await conn.execute(
        """
        insert into reference (event_id, guest_id, kind, face_id, engine_face_id, number,
                               generation, indexed_at)
        select event_id, $1, 'confirmed', id, engine_face_id, $3, generation, indexed_at
          from face where id = $2""",
        guest_id,
        face,
        number,
    )
    return True


async def undo(conn: Connection, guest_id: GuestId, photo_id: PhotoId, says: str) -> None:
    """Undo a guest's verdict (`me` or `not_me`) on a photo; no verdict is no error."""
    deleted = await conn.execute(
        "delete from verdict where guest_id = $1 and photo_id = $2 and says = $3",
        guest_id,
        photo_id,
        says,
    )
    if says == "me" and deleted == "DELETE 1":
        await _delete_references(conn, guest_id, photo_id)


async def _delete_references(conn: Connection, guest_id: GuestId, photo_id: PhotoId) -> None:
    """Delete a guest's references on a photo with their matches and expansions."""
    await conn.execute(
        """
        delete from reference where guest_id = $1
           and face_id in (select id from face where photo_id = $2)""",
        guest_id,
        photo_id,
    )


async def _resembles_selfie(conn: Connection, guest_id: GuestId, face_id: FaceId) -> bool:
    """Whether a selfie of the guest found the face, at least as one that may be theirs."""
    found: bool = await conn.fetchval(
        """
        select exists (
            select from match join reference on reference.id = match.reference_id
              join event_threshold using (event_id)
             where match.face_id = $2 and reference.guest_id = $1 and reference.kind = 'selfie'
               and match.similarity >= event_threshold.maybe)""",
        guest_id,
        face_id,
    )
    return found


async def _has_vector(conn: Connection, face_id: FaceId | None) -> bool:
    """Whether the engine can search from a face: not in events that keep guests' faces only."""
    found: bool = await conn.fetchval(
        "select exists (select from face where id = $1 and engine_face_id is not null)", face_id
    )
    return found


async def _is_own(conn: Connection, photo_id: PhotoId) -> bool:
    own: bool = await conn.fetchval(
        """
        select gallery = 'own' from event join photo on photo.event_id = event.id
         where photo.id = $1""",
        photo_id,
    )
    return own


async def _face_of(
    conn: Connection, guest_id: GuestId, photo_id: PhotoId, face_id: FaceId | None
) -> FaceId | None:
    faces = await conn.fetch(
        """
        select face.id, max(match.similarity) as similarity
          from face left join judged_match as match
                           on match.face_id = face.id and match.guest_id = $1
         where face.photo_id = $2 group by face.id
         order by bool_or(counts) desc nulls last, similarity desc nulls last""",
        guest_id,
        photo_id,
    )
    if face_id is not None:
        if face_id not in [row["id"] for row in faces]:
            raise NotFound("There is no such face on this photo.")
        return face_id
    if faces and (faces[0]["similarity"] is not None or len(faces) == 1):
        return FaceId(faces[0]["id"])
    return None
