"""What guests say of their photos. It is kept apart from what the machine found, and wins over it.

A face that a guest confirms becomes a further reference for them; "not me" cuts every reference
that came from that photo, and with it whatever was found from there.
"""

from findme.db import Connection
from findme.errors import NotFound
from findme.models import FaceId, GuestId, PhotoId


async def reject(conn: Connection, guest_id: GuestId, photo_id: PhotoId) -> None:
    """Note that a guest is not on a photo."""
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
    """Note that a guest is on a photo; True if a face became a further reference.

    Which face it is, is what the caller says, else the one that matched best, else the only one.
    NotFound if *face_id* is not on the photo.
    """
    face = await _face_of(conn, guest_id, photo_id, face_id)
    await conn.execute(
        """
        insert into verdict (guest_id, photo_id, says, face_id) values ($1, $2, 'me', $3)
        on conflict (guest_id, photo_id)
        do update set says = 'me', face_id = excluded.face_id, created_at = now()""",
        guest_id,
        photo_id,
        face,
    )
    # an earlier confirmation of another face on this photo, or an expansion: this word is stronger
    await _delete_references(conn, guest_id, photo_id)
    if face is None:
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
    """Take back what a guest said (`me` or `not_me`) of a photo; nothing said is fine."""
    deleted = await conn.execute(
        "delete from verdict where guest_id = $1 and photo_id = $2 and says = $3",
        guest_id,
        photo_id,
        says,
    )
    if says == "me" and deleted == "DELETE 1":
        await _delete_references(conn, guest_id, photo_id)


async def _delete_references(conn: Connection, guest_id: GuestId, photo_id: PhotoId) -> None:
    """Remove a guest's references on a photo; their matches and expansions go with them."""
    await conn.execute(
        """
        delete from reference where guest_id = $1
           and face_id in (select id from face where photo_id = $2)""",
        guest_id,
        photo_id,
    )


async def _face_of(
    conn: Connection, guest_id: GuestId, photo_id: PhotoId, face_id: FaceId | None
) -> FaceId | None:
    faces = await conn.fetch(
        """
        select face.id, max(match.similarity) as similarity
          from face left join match on match.face_id = face.id and match.guest_id = $1
         where face.photo_id = $2 group by face.id order by similarity desc nulls last""",
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
