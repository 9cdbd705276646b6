"""The size of a guest's download."""

from findme.db import Connection
from findme.models import GuestId, Metadata


async def weigh(conn: Connection, guest_id: GuestId, metadata: Metadata) -> int:
    """Return the bytes of the originals of all photos that surely show a guest, as they get them.

    Reads no picture.
    """
    size: int = await conn.fetchval(
        """
        select coalesce(sum(case when $2 then size_bytes
                                 else coalesce(clean_bytes, size_bytes) end), 0)::bigint
          from guest_photo join image using (photo_id)
         where guest_id = $1 and shelf = 'sure' and size = 'original'""",
        guest_id,
        metadata is Metadata.FULL,
    )
    return size
