"""The size of a guest's download."""

from findme.db import Connection
from findme.models import GuestId


async def weigh(conn: Connection, guest_id: GuestId) -> int:
    """Return the bytes of the originals of all photos that surely show a guest.

    Reads no picture.
    """
    size: int = await conn.fetchval(
        """
        select coalesce(sum(size_bytes), 0)::bigint
          from guest_photo join image using (photo_id)
         where guest_id = $1 and shelf = 'sure' and size = 'original'""",
        guest_id,
    )
    return size
