"""Originals as guests get them: the plans by which they are sent, kept beside the stored files."""

from dataclasses import dataclass

from findme.db import Connection
from findme.media.cleaning.cleaner import Cleaned
from findme.models import ImageId, PhotoId, StoredImage


@dataclass(frozen=True, slots=True)
class CleanOriginal:
    """What is known of a photo's clean original; *image* is None if it cannot be made."""

    image: StoredImage | None


async def find(conn: Connection, photo_id: PhotoId) -> CleanOriginal | None:
    """Return a photo's clean original; None if nobody has made its plan yet."""
    row = await conn.fetchrow(
        """
        select id, media_type, clean_plan, clean_bytes, clean_digest from image
         where photo_id = $1 and size = 'original' and clean_plan is not null""",
        photo_id,
    )
    if row is None:
        return None
    if not row["clean_plan"]:
        return CleanOriginal(None)
    image = StoredImage(
        ImageId(row["id"]),
        row["media_type"],
        row["clean_bytes"],
        row["clean_digest"],
        row["clean_plan"],
    )
    return CleanOriginal(image)


async def store(conn: Connection, photo_id: PhotoId, cleaned: Cleaned | None) -> None:
    """Keep the plan of a photo's clean original; None: it cannot be made."""
    await conn.execute(
        """
        update image set clean_plan = $2, clean_bytes = $3, clean_digest = $4
         where photo_id = $1 and size = 'original'""",
        photo_id,
        b"" if cleaned is None else cleaned.plan,
        None if cleaned is None else cleaned.size_bytes,
        None if cleaned is None else cleaned.digest,
    )
