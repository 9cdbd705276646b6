"""Small pictures with the right to see them: one statement brings both and the bytes."""

from findme.db import Connection
from findme.models import PhotoId, Size, StoredImage, UserId

#: Bytes up to which a picture is read and sent as one piece, as much as waits for a slow phone.
MOST_BYTES = 64 * 1024


async def find(
    conn: Connection, photo_id: PhotoId, user_id: UserId, size: Size
) -> tuple[StoredImage, bytes | None] | None:
    """Return a photo's stored picture, and its bytes if they are few.

    None if there is none, or if the user may not see the photo (see `guest_photos.may_see`).
    """
    row = await conn.fetchrow(
        """
        select image.id, media_type, size_bytes, digest, bytes
          from image left join image_chunk
               on image_chunk.image_id = image.id and number = 0 and size_bytes <= $4
         where image.photo_id = $1 and size = $3
           and exists (select from openable_photo where photo_id = $1 and account_id = $2)""",
        photo_id,
        user_id,
        size,
        MOST_BYTES,
    )
    if row is None:
        return None
    image = StoredImage(row["id"], row["media_type"], row["size_bytes"], row["digest"])
    return image, row["bytes"]
