"""What a guest takes home: how heavy it will be."""

from findme.db import Connection
from findme.models import GuestId


async def weigh(conn: Connection, guest_id: GuestId, sure: float) -> int:
    """Return the bytes of the originals of all photos that surely show a guest.

    *sure* is the similarity (0..100) from which a match does. Reads no byte of a picture.
    """
    size: int = await conn.fetchval(
        """
        with mine as (
            select photo_id from match where guest_id = $1 and similarity >= $2
            union
            select photo_id from verdict where guest_id = $1 and says = 'me'
            except
            select photo_id from verdict where guest_id = $1 and says = 'not_me')
        select coalesce(sum(size_bytes), 0)::bigint
          from mine join photo on photo.id = mine.photo_id
               join image on image.photo_id = photo.id and image.size = 'original'
         where visible""",
        guest_id,
        sure,
    )
    return size
